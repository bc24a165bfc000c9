import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { HubOptions } from '../../deploy/hub/hub.ts'
import { secondStory } from '../../drill/second-story.ts'
import { followLog } from '../../home/hub-log.ts'
import { askWitness } from '../../log/ask-witness.ts'
import { openCheckpoint } from '../../log/checkpoint.ts'
import { KeptHeads } from '../../log/kept-heads.ts'
import { readNoteKey } from '../../log/note.ts'
import { disk } from '../../storage/disk.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'
import { startWitness } from '../support/log-witness.ts'
import { codeFrom } from '../support/registrar-desk.ts'

type Started = Awaited<ReturnType<typeof startWitness>>
let at: HomeAtHub
let witnesses: Started[]
const options: { -readonly [key in keyof HubOptions]?: HubOptions[key] } = {}

beforeEach(async () => {
  delete options.witnesses
  delete options.story
  at = await homeAtHub({ hub: options })
  const start = (name: string) => startWitness(name, join(at.folder, name), [at.hub.log.key])
  witnesses = [await start('ann'), await start('ben')]
})
afterEach(async () => {
  await at.close()
  for (const witness of witnesses) await witness.close()
})

/** Nobody waits for witnesses but a test. */
const SOON = { timeout: 10_000 }

const heads = () => KeptHeads.open(disk, at.home.data.folder)
const follow = async () => (await followLog(at.home, (await at.home.enrol()).tls))?.code

/** Who has cosigned the head that the app keeps. */
async function cosigners(): Promise<readonly string[]> {
  const found = await heads()
  const kept = found.kept(at.hub.caId)
  return kept === undefined ? [] : found.cosigners(kept)
}

/** How many entries the head has that enough witnesses have cosigned. */
async function cosignedSize(): Promise<number> {
  const kept = (await heads()).kept(at.hub.caId)
  return openCheckpoint(kept?.cosigned ?? '', readNoteKey(kept?.key ?? '')).size
}

test('the hub has every head cosigned, waits for no witness, and an app may demand some', async () => {
  const [ann, ben] = witnesses as [Started, Started]
  options.witnesses = witnesses.map(({ place }) => place)
  await at.restart()
  await (await heads()).demand([ann.verifierKey, ben.verifierKey], 2)
  await expect.poll(() => at.hub.log.checkpoint, SOON).toContain('— ben ')
  expect(await follow()).toBeUndefined()
  expect(await cosigners()).toEqual(['ann', 'ben'])
  await expect.poll(() => at.hub.log.checkpoint, SOON).toContain('— ann ')
  // One of them has gone: the log grows, but for the app as far as two have cosigned.
  await ben.close()
  const before = at.hub.log.log.size
  await at.home.publishRoster(at.root, await at.home.memberStatements())
  await at.hub.log.flush()
  await expect.poll(() => at.hub.log.checkpoint, SOON).toContain('— ann ')
  expect(await follow()).toBeUndefined()
  expect(await cosigners()).toEqual(['ann', 'ben'])
  expect((await heads()).sizeOf(at.hub.caId)).toBeGreaterThan(before)
  expect(await cosignedSize()).toBeLessThanOrEqual(before)
  await (await heads()).demand([ann.verifierKey, ben.verifierKey], 1)
  const size = async () => {
    await follow()
    return cosignedSize()
  }
  await expect.poll(size, SOON).toBeGreaterThan(before)
  expect(await cosigners()).toEqual(['ann'])
})

test('no witness cosigns a second story, so that an app that demands one is not deceived', async () => {
  const [ann] = witnesses as [Started]
  options.witnesses = [ann.place]
  await at.restart()
  await expect.poll(() => at.hub.log.checkpoint, SOON).toContain('— ann ')
  const other = await secondStory(at.hub, join(at.folder, 'hub'), join(at.folder, 'second-story'))
  await other.tell(['it never happened'])
  await at.home.publishRoster(at.root, await at.home.memberStatements())
  await at.hub.log.flush()
  await expect.poll(() => at.hub.log.checkpoint, SOON).toContain('— ann ')
  const told = { note: other.log.checkpoint, consistency: (old: number) => other.log.consistency(old) }
  const asked = askWitness(ann.place, told, { signal: AbortSignal.timeout(5000) })
  expect(await codeFrom(asked)).toBe('log.split')
  await (await heads()).demand([ann.verifierKey], 1)
  options.story = () => ({
    consistency: other.consistency,
    head: async since => ({ ...(await other.head(since)), cosigned: null }),
  })
  await at.restart()
  expect(await follow()).toBe('log.witness')
  expect((await heads()).sizeOf(at.hub.caId)).toBe(0)
  expect(openCheckpoint(other.log.checkpoint, readNoteKey(at.hub.log.key)).size).toBeGreaterThan(0)
})
