import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../../protocol/errors.ts'
import { readSframeHeader, SframeKey, type SframeSuite, writeSframeHeader } from '../../protocol/sframe.ts'
import { vectors } from '../support/vectors.ts'

const published = await vectors<{
  headers: readonly { kid: string; ctr: string; encoded: string }[]
  frames: readonly {
    suite: SframeSuite
    kid: string
    ctr: string
    baseKey: string
    metadata: string
    plain: string
    frame: string
  }[]
}>('sframe')

const hex = (text: string) => Buffer.from(text, 'hex')
const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max })
const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

describe('the vectors of RFC 9605', () => {
  test.each(published.headers)('header $encoded', ({ kid, ctr, encoded }) => {
    const header = { kid: BigInt(kid), ctr: BigInt(ctr) }
    expect(Buffer.from(writeSframeHeader(header)).toString('hex')).toBe(encoded)
    expect(readSframeHeader(hex(encoded))).toEqual({ ...header, length: encoded.length / 2 })
  })

  test.each(published.frames)('frame of suite $suite', vector => {
    const key = new SframeKey(vector.suite, hex(vector.baseKey), BigInt(vector.kid))
    const [plain, metadata] = [hex(vector.plain), hex(vector.metadata)]
    const sealed = key.seal(BigInt(vector.ctr), plain, metadata)
    expect(Buffer.from(sealed).toString('hex')).toBe(vector.frame)
    expect(key.open(hex(vector.frame), metadata)).toEqual({ ctr: BigInt(vector.ctr), plain })
  })
})

test('every header comes back as it was written, and in no other form', () => {
  fc.assert(
    fc.property(number, number, (kid, ctr) => {
      const written = writeSframeHeader({ kid, ctr })
      expect(readSframeHeader(written)).toEqual({ kid, ctr, length: written.length })
    }),
  )
  fc.assert(
    fc.property(bytes(0, 20), given => {
      let read: ReturnType<typeof readSframeHeader>
      try {
        read = readSframeHeader(given)
      } catch (error) {
        expect(codeOf(error)).toBe('live.frame')
        return
      }
      expect(Buffer.from(writeSframeHeader(read))).toEqual(Buffer.from(given.subarray(0, read.length)))
    }),
  )
})

test('a frame opens under its key only, whole and unchanged', () => {
  const cases = fc.record({
    key: bytes(32, 32),
    other: bytes(32, 32),
    plain: bytes(0, 300),
    metadata: bytes(0, 30),
    ctr: number,
    at: fc.nat(),
    bit: fc.nat(7),
    cut: fc.nat(),
  })
  fc.assert(
    fc.property(cases, ({ key, other, plain, metadata, ctr, at, bit, cut }) => {
      const frame = new SframeKey(5, key).seal(ctr, plain, metadata)
      const opens = (by: SframeKey, bytes: Uint8Array, about = metadata) => {
        try {
          by.open(bytes, about)
          return 'opened'
        } catch (error) {
          return codeOf(error)
        }
      }
      const own = new SframeKey(5, key)
      expect(opens(own, frame)).toBe('opened')
      const changed = Uint8Array.from(frame)
      const index = at % frame.length
      changed[index] = (changed[index] ?? 0) ^ (1 << bit)
      expect(opens(own, changed)).toBe('live.frame')
      expect(opens(own, frame.subarray(0, cut % frame.length))).toBe('live.frame')
      expect(opens(own, Buffer.concat([frame, Buffer.from('x')]))).toBe('live.frame')
      expect(opens(own, frame, Buffer.concat([metadata, Buffer.from('x')]))).toBe('live.frame')
      expect(opens(new SframeKey(4, key), frame)).toBe('live.frame')
      expect(opens(new SframeKey(5, key, 1n), frame)).toBe('live.frame')
      if (!Buffer.from(key).equals(Buffer.from(other)))
        expect(opens(new SframeKey(5, other), frame)).toBe('live.frame')
    }),
  )
})
