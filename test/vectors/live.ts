import { randomBytes } from 'node:crypto'
import { codeOf } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { LiveReader, type LiveThing, LiveWriter, readLiveMessage, writeOffer } from '../../protocol/live.ts'
import { SframeKey } from '../../protocol/sframe.ts'
import type { LiveVector } from './format.ts'

const AT = Date.UTC(2026, 10, 24, 12)
const SUITE = 5

/** What a reader of this key makes of these messages, one after the other. */
export function runLive(key: Uint8Array, messages: readonly Uint8Array[]) {
  const reader = new LiveReader(key)
  const expect = messages.map(message => {
    try {
      const { kind, bytes } = readLiveMessage(message)
      if (kind === 'offer') return null
      const thing = reader.take(bytes)
      return thing === undefined ? null : { type: thing.type, at: thing.at, sha256: hex(sha256(thing.data)) }
    } catch (error) {
      return codeOf(error) ?? 'unexpected'
    }
  })
  return { expect, lost: reader.lost }
}

/** Live sessions as they go, and as somebody between camera and app might change them. */
export function liveVectors(): readonly LiveVector[] {
  const key = randomBytes(32)
  const thing = (type: LiveThing['type'], data: string | Uint8Array, after = 0): LiveThing => ({
    ...{ type, at: AT + after },
    data: typeof data === 'string' ? Buffer.from(data) : data,
  })
  const writer = new LiveWriter(key)
  const write = (...given: readonly LiveThing[]) => given.flatMap(one => writer.write(one))
  const [init = new Uint8Array(), first = new Uint8Array()] = write(
    thing('init', 'ftyp moov'),
    thing('key', 'moof mdat 0'),
  )
  const [second = new Uint8Array(), third = new Uint8Array()] = write(
    thing('fragment', 'moof mdat 1', 100),
    thing('fragment', 'moof mdat 2', 200),
  )
  const [fresh = new Uint8Array(), fourth = new Uint8Array()] = write(
    thing('key', 'moof mdat 3', 300),
    thing('fragment', 'moof mdat 4', 400),
  )
  const [end = new Uint8Array()] = write(thing('end', 'stopped', 500))
  const large = (() => {
    const own = new LiveWriter(key)
    return own.write(thing('key', new Uint8Array(100 * 1024)))
  })()
  const raw = (ctr: bigint, plain: readonly number[]) =>
    Buffer.concat([Uint8Array.of(1), new SframeKey(SUITE, key).seal(ctr, Uint8Array.from(plain))])
  const head = (type: number, flags: number) => [type, flags, 0, 0, 0, 0, 0, 0, 0, 1]
  const flipped = Uint8Array.from(first)
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
  const foreign = new LiveWriter(randomBytes(32)).write(thing('init', 'ftyp moov'))
  const cases: Readonly<Record<string, readonly Uint8Array[]>> = {
    'as it goes': [init, first, second, third, fresh, fourth, end],
    'a key picture in two pieces': large,
    'a piece lost: the next key picture goes on': [init, first, third, fresh, fourth],
    'a key picture lost': [init, second, third, fresh],
    'one twice': [init, first, first, second],
    'two in the wrong order': [init, second, first, fresh],
    'from the beginning again': [init, first, second, init, first],
    'a bit changed': [init, flipped, second, fresh],
    'of another session': [...foreign, init, first],
    'half of a key picture, then another': [large[0] ?? init, raw(1n, head(2, 3)), raw(2n, head(2, 3))],
    'half of a key picture, then another type': [large[0] ?? init, raw(1n, head(1, 1)), raw(2n, head(2, 3))],
    'the first half of a key picture lost': [large[1] ?? init, raw(2n, head(1, 3)), raw(3n, head(2, 3))],
    'an unknown type': [raw(0n, head(4, 3))],
    'an unknown flag': [raw(0n, head(0, 4))],
    'no whole head': [raw(0n, [0, 3, 0])],
    empty: [new Uint8Array()],
    'a message of another kind': [Uint8Array.of(2, ...init.subarray(1))],
    'an offer between': [init, writeOffer(randomBytes(8)), first],
  }
  return Object.entries(cases).map(([name, messages]) => {
    const { expect, lost } = runLive(key, messages)
    return {
      name,
      key: key.toString('base64'),
      messages: messages.map((message, index) => ({
        message: Buffer.from(message).toString('base64'),
        expect: expect[index] ?? null,
      })),
      lost,
    }
  })
}
