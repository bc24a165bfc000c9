import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeOf } from '../../protocol/errors.ts'
import { LiveReader, type LiveThing, LiveWriter, readLiveMessage } from '../../protocol/live.ts'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { vectors } from '../support/vectors.ts'
import type { LiveVector } from '../vectors/format.ts'
import { runLive } from '../vectors/live.ts'

const sessions = await vectors<readonly LiveVector[]>('live')

test.each(sessions)('$name', ({ key, messages, lost }) => {
  const given = messages.map(({ message }) => Buffer.from(message, 'base64'))
  expect(runLive(Buffer.from(key, 'base64'), given)).toEqual({
    expect: messages.map(one => one.expect),
    lost,
  })
})

test('the vectors say what they are named for', () => {
  const of = (name: string) => sessions.find(one => one.name === name)?.messages.map(one => one.expect)
  const types = (name: string) =>
    of(name)?.map(one => (one !== null && typeof one === 'object' ? one.type : one))
  expect(types('as it goes')).toEqual(['init', 'key', 'fragment', 'fragment', 'key', 'fragment', 'end'])
  expect(types('a key picture in two pieces')).toEqual([null, 'key'])
  expect(types('a piece lost: the next key picture goes on')).toEqual([
    'init',
    'key',
    null,
    'key',
    'fragment',
  ])
  expect(types('one twice')).toEqual(['init', 'key', 'message.replayed', 'fragment'])
  expect(types('from the beginning again')?.slice(3)).toEqual(['message.replayed', 'message.replayed'])
  expect(types('a bit changed')).toEqual(['init', 'live.frame', null, 'key'])
  expect(types('the first half of a key picture lost')).toEqual([null, null, 'key'])
  expect(types('half of a key picture, then another')).toEqual([null, 'live.frame', 'key'])
  expect(types('of another session')).toEqual(['live.frame', 'init', 'key'])
})

const things = fc.array(
  fc.record({
    type: fc.constantFrom('init', 'fragment', 'key', 'end') as fc.Arbitrary<LiveThing['type']>,
    at: fc.integer({ min: 0, max: 2 ** 45 }),
    bytes: fc.oneof(fc.nat(2000), fc.constantFrom(0, 96 * 1024, 96 * 1024 + 1, 300_000)),
  }),
  { maxLength: 8 },
)

test('what arrives whole is shown whole; what a hub takes out, repeats or puts elsewhere never shows wrong pictures', () => {
  fc.assert(
    fc.property(things, fc.infiniteStream(fc.nat(9)), (given, moves) => {
      const key = randomBytes(32)
      const writer = new LiveWriter(key)
      const shown = given.map(({ bytes, ...thing }) => ({ ...thing, data: randomBytes(bytes) }))
      const messages = shown.flatMap(thing => writer.write(thing))
      for (const message of messages) expect(message.length).toBeLessThanOrEqual(MESSAGE_MAX)
      const delivered: Uint8Array[] = []
      for (const message of messages) {
        const move = moves.next().value
        if (move === 0) continue
        delivered.push(message)
        if (move === 1) delivered.push(message)
        if (move === 2) delivered.reverse()
      }
      const reader = new LiveReader(key)
      const seen: LiveThing[] = []
      for (const message of delivered) {
        try {
          const thing = reader.take(readLiveMessage(message).bytes)
          if (thing !== undefined) seen.push(thing)
        } catch (error) {
          expect(codeOf(error)).toMatch(/^(live\.frame|message\.replayed)$/)
        }
      }
      // Each that was seen is one that was shown, once, in its order.
      let from = -1
      for (const thing of seen) {
        const at = shown.findIndex(
          (other, index) =>
            index > from && other.type === thing.type && Buffer.compare(other.data, thing.data) === 0,
        )
        expect(at).toBeGreaterThan(from)
        from = at
      }
      if (delivered.length === messages.length && delivered.every((one, index) => one === messages[index])) {
        const key = shown.findIndex(({ type }) => type === 'key')
        const wanted = shown.filter(({ type }, index) => type !== 'fragment' || (key >= 0 && index > key))
        expect(seen).toHaveLength(wanted.length)
      }
    }),
    { numRuns: 60 },
  )
})
