import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Feed } from '../../agent/feed.ts'
import type { Household } from '../../agent/household.ts'
import { LiveView } from '../../agent/live.ts'
import type { Fragment } from '../../hardware/hardware.ts'
import { codeOf } from '../../protocol/errors.ts'
import { Fmp4Splitter } from '../../protocol/fmp4.ts'
import { LiveReader, liveKind, readLiveMessage } from '../../protocol/live.ts'
import { openStatement } from '../../protocol/sealed.ts'
import { disk } from '../../storage/disk.ts'
import { type Family, makeFamily, newNonce, type Person } from '../support/agent-family.ts'
import { passingEncoder } from '../support/agent-scene.ts'
import { makeVideo } from '../support/hardware-videos.ts'
import { temporaryFolder } from '../support/places.ts'

let folder: string
let remove: () => Promise<void>
let family: Family
let household: Household
let pieces: readonly Uint8Array[]

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  family = await makeFamily({ size: 3 })
  household = await family.joined(disk, join(folder, 'camera'))
  await household.takeRoster(await family.roster({ number: 2, after: household.roster.jws }), [])
  const video = await makeVideo(folder, 'video.mp4', { codec: 'h264', size: '320x240', keyEvery: 5 })
  pieces = new Fmp4Splitter().push(await fragmented(video)).map(({ data }) => data)
})
afterEach(() => remove())

/** A camera that is told when a fragment comes, its live view, and what goes over the line. */
function scene({ full = () => false }: { full?: () => boolean } = {}) {
  const [init = new Uint8Array(), ...fragments] = pieces
  const sent: { session: string; message: Uint8Array }[] = []
  let now = 1000
  let runs = 0
  const encoder = passingEncoder()
  const live = new LiveView({
    encoder: {
      live(...given) {
        runs++
        return encoder.live(...given)
      },
    },
    clock: { now: () => now, monotonic: () => now, sure: () => true },
    ...{ household, signer: family.device, boot: newNonce(), log: pino({ level: 'silent' }) },
  })
  live.line((session, message) => {
    if (full()) return false
    sent.push({ session, message })
    return true
  })
  const feed = new Feed<Fragment>()
  const recorded: Fragment[] = []
  const format = { video: 'h264', width: 320, height: 240, audio: false } as const
  const recording = (async () => {
    for await (const one of live.tap({ format, init }, feed, () => 'camera')) recorded.push(one)
  })()
  let next = 0
  return {
    ...{ live, sent, recorded, feed, recording },
    runs: () => runs,
    later: (ms: number) => {
      now += ms
    },
    /** So many fragments come; the first of five is a key. */
    async come(count: number) {
      for (let index = 0; index < count; index++, next++) {
        const data = fragments[next % fragments.length] ?? init
        feed.put({ data, at: now, durationMs: 66, key: next % 5 === 0 })
        now += 66
      }
      while (recorded.length < next) await turn()
      // What the encoder passes on takes no time but turns of the loop.
      for (let turns = 0; turns < 20; turns++) await turn()
    },
    /** What a member sees of its session. */
    async sees(person: Person | undefined, session: string) {
      const seen: string[] = []
      let reader: LiveReader | undefined
      for (const { message } of sent.filter(one => one.session === session)) {
        const { kind, bytes } = readLiveMessage(message)
        if (kind === 'offer') {
          const { payload } = await openStatement(liveKind, bytes, person?.identities ?? [], family.device.id)
          expect(payload).toMatchObject({ session, deviceId: family.device.id, audience: 'household' })
          reader ??= new LiveReader(Buffer.from(payload.key, 'base64'))
          continue
        }
        const thing = reader?.take(bytes)
        if (thing !== undefined)
          seen.push(thing.type === 'end' ? new TextDecoder().decode(thing.data) : thing.type)
      }
      return seen
    },
  }
}

/** As the camera's ring: a fragment for each picture. */
async function fragmented(video: string): Promise<Uint8Array> {
  const out = join(folder, 'fragmented.mp4')
  const flags = ['-movflags', '+empty_moov+default_base_moof+frag_every_frame', '-y', out]
  execFileSync('ffmpeg', ['-v', 'error', '-i', video, '-c', 'copy', ...flags])
  return readFile(out)
}

const turn = () => new Promise(resolve => setImmediate(resolve))
const idOf = (person: Person | undefined): string => person?.signer.id ?? ''

test('three members share one encoder, each under a key of its own; recording has every fragment', async () => {
  const at = scene()
  const sessions = family.people.map(() => newNonce())
  await at.come(3)
  for (const [index, person] of family.people.entries())
    await at.live.start(idOf(person), sessions[index] ?? '')
  await at.come(12)
  expect(at.runs()).toBe(1)
  expect(at.live.watched).toBe(true)
  for (const [index, person] of family.people.entries()) {
    const seen = await at.sees(person, sessions[index] ?? '')
    expect(seen.slice(0, 2)).toEqual(['init', 'key'])
    expect(seen.filter(type => type !== 'init').length).toBeGreaterThan(8)
  }
  // Another member’s key does not open it.
  await expect(at.sees(family.people[1], sessions[0] ?? '')).rejects.toThrow(/opens/)
  for (const [index, person] of family.people.entries()) {
    at.live.stop(idOf(person), sessions[index] ?? '')
    expect((await at.sees(person, sessions[index] ?? '')).at(-1)).toBe('stopped')
  }
  expect(at.live.watched).toBe(false)
  const count = at.sent.length
  await at.come(6)
  expect(at.sent).toHaveLength(count)
  expect(at.recorded).toHaveLength(21)
})

test('a member who falls silent is let go; one who says that it watches stays', async () => {
  const at = scene()
  const [anna, ben] = family.people
  const [first, second] = [newNonce(), newNonce()]
  await at.live.start(idOf(anna), first)
  await at.live.start(idOf(ben), second)
  at.later(5000)
  at.live.keep(idOf(ben), second)
  at.later(4000)
  await at.come(6)
  expect((await at.sees(anna, first)).at(-1)).toBe('silent')
  expect((await at.sees(ben, second)).slice(0, 2)).toEqual(['init', 'key'])
  expect(at.live.watched).toBe(true)
  at.live.close()
})

test('another roster ends every session before the next picture; whoever is no member gets no new one', async () => {
  const at = scene()
  const [anna, ben, carla] = family.people
  const session = newNonce()
  await at.live.start(idOf(carla), session)
  await at.come(6)
  const people = [anna, ben].filter(person => person !== undefined)
  await household.takeRoster(await family.roster({ number: 3, after: household.roster.jws, people }), [])
  const before = await at.sees(carla, session)
  await at.come(6)
  expect(await at.sees(carla, session)).toEqual([...before, 'roster'])
  const count = at.sent.length
  await at.live.start(idOf(carla), newNonce())
  await at.come(6)
  expect(at.sent).toHaveLength(count)
})

test('the camera’s end ends the sessions, a line that has gone too; nobody ends another member’s', async () => {
  const at = scene()
  const [anna, ben] = family.people
  const session = newNonce()
  await at.live.start(idOf(anna), session)
  await at.live.start(idOf(anna), session)
  expect(() => at.live.stop(idOf(ben), session)).toThrow(/another member/)
  expect(() => at.live.keep(idOf(ben), session)).toThrow(/another member/)
  await at.come(6)
  at.feed.close()
  await at.recording
  expect((await at.sees(anna, session)).at(-1)).toBe('camera')
  await at.live.start(idOf(anna), newNonce())
  expect(at.live.watched).toBe(true)
  at.live.line(undefined)
  expect(at.live.watched).toBe(false)
})

test('more than it can serve are refused, and keep nobody from watching on', async () => {
  const at = scene()
  const [anna, ben, carla] = family.people
  const code = (person: Person | undefined) => at.live.start(idOf(person), newNonce()).catch(codeOf)
  expect([await code(anna), await code(anna), await code(anna), await code(anna)]).toEqual([
    ...[undefined, undefined, undefined, 'live.full'],
  ])
  for (const person of [ben, ben, ben, carla, carla]) expect(await code(person)).toBeUndefined()
  expect(await code(carla)).toBe('live.full')
  await at.come(6)
  expect(at.live.watched).toBe(true)
  at.live.close()
})

test('a line that is full loses pictures up to the next key picture, and recording none', async () => {
  let full = false
  const at = scene({ full: () => full })
  const [anna] = family.people
  const session = newNonce()
  await at.come(1)
  await at.live.start(idOf(anna), session)
  await at.come(2)
  full = true
  await at.come(1)
  full = false
  await at.come(1)
  const before = (await at.sees(anna, session)).filter(type => type !== 'init')
  expect(before).not.toContain('end')
  const count = at.sent.length
  await at.come(5)
  expect(at.sent.length).toBeGreaterThan(count)
  const after = (await at.sees(anna, session)).filter(type => type !== 'init').slice(before.length)
  expect(after[0]).toBe('key')
  expect(at.recorded).toHaveLength(10)
  at.live.close()
})
