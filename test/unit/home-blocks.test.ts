import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { blockedBy, type KnownOrder, mustBeBefore } from '../../home/blocks.ts'
import { findCamera, type HomeCamera } from '../../home/cameras.ts'
import { takeNews } from '../../home/command.ts'
import { foundHousehold } from '../../home/found.ts'
import { Household } from '../../home/household.ts'
import { addMember, inviteMember, joinHousehold } from '../../home/members.ts'
import { moveHousehold } from '../../home/move.ts'
import { blockCamera, ordersFor, releaseCamera } from '../../home/orders.ts'
import { pairThroughLens } from '../../home/pair.ts'
import { recoverHousehold } from '../../home/recover.ts'
import type { Signer } from '../../protocol/keys.ts'
import { blockKind } from '../../protocol/ownership.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { CodeCamera } from '../support/code-camera.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

const common = { disk, passphrase: 'of a test', memberName: 'Owner', workFactor: 10 } as const

let at: TestHub
let database: Db
let home: Household
let root: Signer
let words = ''
let key: CodeCamera
let camera: HomeCamera
beforeEach(async () => {
  at = await startTestHub()
  database = await openDatabase(join(at.folder, 'hub', 'registrar.db'))
  home = await foundHousehold({
    ...{ ...common, folder: join(at.folder, 'home'), suite: 'x25519', name: 'Home' },
    ...{ hub: { url: at.hub.url, caId: at.hub.caId }, code: await at.hub.registrationCode() },
    showWords: shown => {
      words = shown
    },
  })
  root = await home.unlockRoot(common.passphrase)
  key = await CodeCamera.make()
  await pair()
  camera = await findCamera(home, 'Hall')
})
afterEach(async () => {
  await database?.destroy()
  await at?.close()
})

async function pair(by = { home, root }) {
  let lamp: Promise<string> | undefined
  return pairThroughLens(
    by.home,
    by.root,
    {
      ...{ signal: new AbortController().signal, name: 'Hall' },
      async show(code) {
        lamp = (await key.answer(code)).blinks()
        lamp.catch(() => undefined)
        return async () => undefined
      },
      confirm: async code => (await lamp) === code,
    },
    { lookMs: 50 },
  )
}

async function guest(): Promise<Household> {
  const folder = join(at.folder, 'bert')
  await addMember(home, root, await joinHousehold(disk, folder, inviteMember(home), 'Bert'), 'Bert')
  const bert = await Household.open(disk, folder)
  await takeNews(bert)
  return bert
}

const isBlocked = async (by: Household) => (await ordersFor(by, camera)).blocked
const atHub = async () => (await database.selectFrom('blocks').selectAll().execute()).map(row => row.blocked)
const forgetAtHub = () => database.deleteFrom('blocks').execute()
/** A hub's answer that this key has signed. */
async function serve(signer: Signer, number: number, blocked: boolean): Promise<void> {
  const { deviceId, epoch } = camera
  const devices = [{ deviceId, epoch }]
  const payload = { householdId: home.id, number, devices, blocked, issuedAt: new Date().toISOString() }
  const jws = await makeStatement(blockKind, payload, signer)
  const order = { generation: 9, number, blocked: blocked ? 1 : 0, jws }
  await database
    .insertInto('blocks')
    .values({ household_id: home.id, device_id: deviceId, epoch, ...order })
    .onConflict(conflict => conflict.columns(['household_id', 'device_id', 'epoch']).doUpdateSet(order))
    .execute()
}

test('a member’s app learns of a block, keeps it whatever the hub forgets, and hands it in again; so it does a lift', async () => {
  const bert = await guest()
  await blockCamera(home, root, camera, true)
  expect(await isBlocked(bert)).toBe(false)
  await takeNews(bert)
  expect(await isBlocked(bert)).toBe(true)
  await forgetAtHub()
  expect((await takeNews(bert)).refused).toEqual([])
  expect(await isBlocked(bert)).toBe(true)
  expect(await atHub()).toEqual([1])
  // The lift gets lost with a backup; the owner's app has it.
  const before = await database.selectFrom('blocks').selectAll().execute()
  await blockCamera(home, root, camera, false)
  await forgetAtHub()
  await database.insertInto('blocks').values(before).execute()
  expect((await takeNews(home)).refused).toEqual([])
  expect(await atHub()).toEqual([0])
  await takeNews(bert)
  expect(await isBlocked(bert)).toBe(false)
})

test('what a hub makes up lifts nothing: unsigned by a root, of a lower number, or by a root that was replaced', async () => {
  await blockCamera(home, root, camera, true)
  for (const signer of [home.member, newSigner()]) {
    await serve(signer, 2 ** 50, false)
    const { refused } = await takeNews(home)
    expect(refused[0]).toMatchObject({ kind: 'block', error: { code: 'statement.signer' } })
    expect(await isBlocked(home)).toBe(true)
  }
  await forgetAtHub()
  await serve(root, 1, false)
  await takeNews(home)
  expect(await isBlocked(home)).toBe(true)
})

test('a recovered home keeps its blocks, and the root that was replaced lifts none of them', async () => {
  await blockCamera(home, root, camera, true)
  const hub = { url: at.hub.url, caId: at.hub.caId }
  const folder = join(at.folder, 'recovered')
  const { household } = await recoverHousehold({ ...common, folder, hub, words, keep: 'none' })
  await takeNews(household)
  expect(await isBlocked(household)).toBe(true)
  await serve(root, 2 ** 50, false)
  expect((await takeNews(household)).refused).toEqual([])
  expect(await isBlocked(household)).toBe(true)
  await database.updateTable('blocks').set({ generation: 0 }).execute()
  await blockCamera(household, await household.unlockRoot(common.passphrase), camera, false)
  expect(await isBlocked(household)).toBe(false)
  expect(await atHub()).toEqual([0])
})

test('a camera that this home has blocked is not paired again by its app, whatever the hub says, until it is lifted or released', async () => {
  await blockCamera(home, root, camera, true)
  await forgetAtHub()
  expect(await codeFrom(pair())).toBe('claim.blocked')
  await takeNews(home)
  expect(await codeFrom(pair())).toBe('claim.blocked')
  await releaseCamera(home, root, camera)
  expect(await pair()).toMatchObject({ epoch: 3 })
})

test('a hub that the home moves to gets its blocks', async () => {
  await blockCamera(home, root, camera, true)
  const next = await startTestHub()
  try {
    const to = { url: next.hub.url, caId: next.hub.caId }
    await moveHousehold(home, root, to, await next.hub.registrationCode())
    expect(await next.hub.registrar.blocks(home.id)).toHaveLength(1)
  } finally {
    await next.close()
  }
})

test('a camera is kept out since the first order that no lift has followed', () => {
  const order = fc.record({ blocked: fc.boolean(), minutes: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(order, { maxLength: 8 }), told => {
      const time = (minutes: number) => new Date(minutes * 60_000).toISOString()
      const orders = told.map(
        ({ blocked, minutes }, index): KnownOrder => ({
          ...{ jws: String(index), generation: 0, number: index + 1, blocked, issuedAt: time(minutes) },
          devices: [{ deviceId: 'a', epoch: 2 }],
        }),
      )
      const lift = told.findLastIndex(({ blocked }) => !blocked)
      const first = told[lift + 1]
      const blocked = blockedBy(orders)
      expect(blocked.map(({ since }) => since)).toEqual(first === undefined ? [] : [time(first.minutes)])
      for (const epoch of [1, 2, 3])
        for (const minutes of [0, first?.minutes ?? 0, 60]) {
          const made = { deviceId: 'a', epoch, at: time(minutes) }
          const refuses = (more: object) => {
            try {
              mustBeBefore(blocked, { ...made, ...more })
              return false
            } catch {
              return true
            }
          }
          const concerned = first !== undefined && epoch <= 2
          expect(refuses({ clockSure: true })).toBe(concerned && minutes >= first.minutes)
          expect(refuses({ clockSure: false })).toBe(concerned)
          expect(refuses({ deviceId: 'b', clockSure: false })).toBe(false)
        }
    }),
  )
})
