import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../deploy/hub/database.ts'
import { takeNews, takeNewsWith } from '../../home/command.ts'
import { foundHousehold } from '../../home/found.ts'
import type { Household } from '../../home/household.ts'
import { recoverHousehold } from '../../home/recover.ts'
import type { Signer } from '../../protocol/keys.ts'
import { rosterKind } from '../../protocol/roster.ts'
import { makeStatement, readStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

let at: TestHub
beforeAll(async () => {
  at = await startTestHub()
})
afterAll(() => at?.close())

let folders = 0
const common = () => ({
  ...{ disk, folder: join(at.folder, `home-${folders++}`), hub: { url: at.hub.url, caId: at.hub.caId } },
  ...{ passphrase: 'of a test', memberName: 'Owner', workFactor: 10 },
})

async function found(): Promise<{ home: Household; root: Signer; words: string }> {
  let words = ''
  const showWords = (shown: string) => {
    words = shown
  }
  const code = await at.hub.registrationCode()
  const home = await foundHousehold({ ...common(), suite: 'x25519', name: 'Home', code, showWords })
  return { home, root: await home.unlockRoot('of a test'), words }
}

/** What the hub knows of a household, to be given back to it later: a backup. */
async function backUp({ id }: Household): Promise<() => Promise<void>> {
  const database = await openDatabase(join(at.folder, 'hub', 'registrar.db'))
  const rows = await database.selectFrom('households').selectAll().where('household_id', '=', id).execute()
  const members = await database.selectFrom('members').selectAll().where('household_id', '=', id).execute()
  return async () => {
    await database.deleteFrom('households').where('household_id', '=', id).execute()
    await database.deleteFrom('members').where('household_id', '=', id).execute()
    await database.insertInto('households').values(rows).execute()
    await database.insertInto('members').values(members).execute()
    await database.destroy()
  }
}

test('a hub that was restored to the day before a recovery gets the new root’s roster again', async () => {
  const { home, words } = await found()
  const restore = await backUp(home)
  const { household } = await recoverHousehold({ ...common(), words, keep: 'none' })
  const root = await household.unlockRoot('of a test')
  await restore()
  expect(await codeFrom(takeNews(household))).toBe('enrol.member')
  await takeNewsWith(household, root)
  expect((await takeNews(household)).refused).toEqual([])
})

test('a hub that has forgotten a newer roster gets it again', async () => {
  const { home, root } = await found()
  const restore = await backUp(home)
  await home.publishRoster(root, await home.memberStatements())
  await restore()
  expect((await takeNews(home)).refused.map(({ error }) => error.code)).toEqual(['roster.old'])
  await takeNewsWith(home, root)
  expect((await takeNews(home)).refused).toEqual([])
})

test('who is a member no more hears so, root or not', async () => {
  const { home, root, words } = await found()
  await recoverHousehold({ ...common(), words, keep: 'none' })
  expect(await codeFrom(takeNewsWith(home, root))).toBe('enrol.member')
})

test('a thief of the root who used up the rosters’ numbers does not keep the words from working', async () => {
  const { home, root, words } = await found()
  const held = (await readStatement(rosterKind, home.roster.jws, root.id)).payload
  const last = { ...held, number: Number.MAX_SAFE_INTEGER, prev: home.roster.sha256 }
  const roster = await makeStatement(rosterKind, last, root)
  await home.hub.request(home.id, { action: 'roster', roster, successions: [] }, root)
  const { household } = await recoverHousehold({ ...common(), words, keep: 'none' })
  expect(household.roster).toMatchObject({ generation: 1, number: 1 })
  expect((await takeNews(household)).refused).toEqual([])
})
