import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PacketGauge } from '../../wire/packet-gauge.ts'

const MAX = 20_000

/** A packet with a body of so many bytes (MQTT 3.1.1 §2.2.3). */
function packet(body: number): Buffer {
  const length: number[] = []
  let left = body
  do {
    length.push((left % 128) + (left >= 128 ? 128 : 0))
    left = Math.floor(left / 128)
  } while (left > 0)
  return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(body, 0xff)])
}

/** Takes a stream in pieces; whether all of it was taken. */
function takeAll(stream: Uint8Array, cuts: readonly number[]): boolean {
  const sizes = new PacketGauge(MAX)
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    if (!sizes.accepts(stream.subarray(at, at + cut))) return false
    at += cut
  }
  return true
}

test('packets of every size that may be pass, however they are cut; one that is larger does not', () => {
  const sizes = fc.array(
    fc.oneof(fc.nat(300), fc.nat(MAX), fc.constantFrom(0, 127, 128, 16_383, 16_384, MAX)),
  )
  fc.assert(
    fc.property(sizes, fc.array(fc.integer({ min: 1, max: 9000 })), fc.boolean(), (payloads, cuts, large) => {
      const packets = payloads.map(packet)
      expect(takeAll(Buffer.concat(packets), cuts)).toBe(true)
      if (large) expect(takeAll(Buffer.concat([...packets, packet(MAX + 1)]), cuts)).toBe(false)
    }),
  )
})

test('a length is refused before its packet has come, and one that never ends is no length', () => {
  expect(new PacketGauge(MAX).accepts(packet(30_000).subarray(0, 4))).toBe(false)
  expect(new PacketGauge(2 ** 40).accepts(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff))).toBe(false)
})
