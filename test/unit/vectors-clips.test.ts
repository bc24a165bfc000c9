import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openClips } from '../../home/clips.ts'
import { HomeData } from '../../home/home-data.ts'
import { Household } from '../../home/household.ts'
import { Ledger } from '../../home/ledger.ts'
import { makePrivateKey, privateKeyToPem } from '../../protocol/keys.ts'
import { rosterKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { temporaryFolder } from '../support/places.ts'
import { vectors } from '../support/vectors.ts'
import type { ClipVectors } from '../vectors/format.ts'
import { runClip, storedClip } from '../vectors/run-clip.ts'

const all = await vectors<ClipVectors>('clips')
let folder: string
let remove: () => Promise<void>

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
})
afterEach(() => remove())

test('there are clips that must open and clips that must not', () => {
  const opening = all.clips.filter(vector => typeof vector.expect !== 'string')
  expect(opening.length).toBeGreaterThan(5)
  expect(all.clips.length - opening.length).toBeGreaterThan(40)
  expect(new Set(all.clips.map(({ name }) => name)).size).toBe(all.clips.length)
})

describe('a clip', () => {
  test.each(all.clips)('$name', async vector => {
    expect(await runClip(all, vector, folder)).toEqual(vector.expect)
  })
})

test('among bad clips, in whatever order, each is refused by its code, and every good one opens', async () => {
  const household = await householdOf(all)
  const alone = all.clips.filter(({ after }) => after.length === 0)
  const clips = await Promise.all(
    alone.map(async (vector, index) => ({
      vector,
      clip: await storedClip(all, vector, join(folder, String(index))),
    })),
  )
  const good = alone.filter(vector => typeof vector.expect !== 'string')
  // Once it was opened, other ends of the same clip are refused as such.
  const last = clips.filter(({ vector }) =>
    ['whole', 'sent after the camera was repaired'].includes(vector.name),
  )
  const others = clips.filter(clip => !last.includes(clip))
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(others, { minLength: others.length }), async shuffled => {
      const order = [...shuffled, ...last]
      await disk.remove(join(folder, 'home', 'ledger.json'))
      const ledger = await Ledger.open(disk, join(folder, 'home'))
      const out = join(folder, 'out')
      await disk.makeFolder(out)
      const { opened, refused } = await openClips(
        household,
        ledger,
        order.map(({ clip }) => clip),
        out,
      )
      expect(opened.length).toBe(good.length)
      expect(refused.map(({ error }) => error.code)).toEqual(
        order.map(({ vector }) => vector.expect).filter(code => typeof code === 'string'),
      )
    }),
    { numRuns: 2 },
  )
})

test('a store that keeps the end back later does not make the app forget what it said', async () => {
  const named = (name: string) =>
    all.clips.find(vector => vector.name === name) as ClipVectors['clips'][number]
  const [whole, other] = [named('a long one'), named('cut short')]
  expect(other.clipId).toBe(whole.clipId)
  const household = await householdOf(all)
  const ledger = await Ledger.open(disk, join(folder, 'home'))
  await disk.makeFolder(join(folder, 'out'))
  for (const vector of [whole, other]) {
    const clip = await storedClip(all, vector, join(folder, vector.name))
    const { opened } = await openClips(household, ledger, [clip], join(folder, 'out'))
    expect(opened).toMatchObject([{ cutShort: vector === other }])
  }
  const line = { deviceId: whole.deviceId, epoch: whole.epoch }
  const forged = { sha256: 'f'.repeat(64), previous: null }
  expect(() => ledger.check(line, 3, whole.clipId, forged)).toThrow(
    expect.objectContaining({ code: 'clip.counter' }),
  )
})

/** The household of the vectors as an app keeps it. */
async function householdOf({
  householdId,
  rootId,
  roster,
  claims,
  identities,
}: ClipVectors): Promise<Household> {
  const data = new HomeData(disk, join(folder, 'home'))
  const { payload } = await readStatement(rosterKind, roster, rootId)
  const { firstRootId, firstSuccessorId } = payload
  const first = { householdId, firstRootId, firstSuccessorId, successions: [], roster }
  const hubs = [{ url: 'https://127.0.0.1:8443', caId: rootId }]
  const [x25519 = '', hybrid = null] = identities
  await data.put('member.json', { key: privateKeyToPem(makePrivateKey()), x25519, hybrid })
  await data.put('household.json', { ...first, hubs, move: null })
  for (const [index, claim] of claims.entries()) await data.archive('claims', String(index), claim)
  return Household.open(disk, join(folder, 'home'))
}
