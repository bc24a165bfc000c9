import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Allowance } from '../../deploy/hub/allowance.ts'
import { networkOf } from '../../deploy/hub/door.ts'
import { Turns } from '../../deploy/hub/turns.ts'
import { PacketGauge } from '../../wire/packet-gauge.ts'
import { packet, remainingLength } from '../support/mqtt-client.ts'

const busy = expect.objectContaining({ code: 'hub.busy' })

test('an allowance: so many at once, then one every so often, for each key', () => {
  let now = 0
  const allowance = new Allowance({ burst: 3, everyMs: 1000, keysMax: 10, now: () => now })
  for (let index = 0; index < 3; index++) allowance.take('a')
  expect(() => allowance.take('a')).toThrow(busy)
  allowance.take('b')
  now = 999
  expect(() => allowance.take('a')).toThrow(busy)
  now = 1000
  allowance.take('a')
  expect(() => allowance.take('a')).toThrow(busy)
  // Waiting long gives no more than a burst.
  now = 1_000_000
  for (let index = 0; index < 3; index++) allowance.take('a')
  expect(() => allowance.take('a')).toThrow(busy)
})

test('an allowance remembers so many keys; the one used longest ago is forgotten', () => {
  const allowance = new Allowance({ burst: 1, everyMs: 1e9, keysMax: 2, now: () => 0 })
  allowance.take('a')
  allowance.take('b')
  expect(() => allowance.take('a')).toThrow(busy)
  allowance.take('c')
  expect(() => allowance.take('a')).toThrow(busy)
  allowance.take('b')
})

test('turns: under one key in order, under others side by side, and nothing stays behind', async () => {
  const turns = new Turns()
  const log: string[] = []
  let open: () => void = () => undefined
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  const first = turns.take('a', async () => {
    await gate
    log.push('first')
    throw new Error('first fails')
  })
  const second = turns.take('a', async () => void log.push('second'))
  await turns.take('b', async () => void log.push('beside'))
  expect(log).toEqual(['beside'])
  expect(turns.busy).toBe(1)
  open()
  await expect(first).rejects.toThrow('first fails')
  await second
  await turns.idle()
  expect(log).toEqual(['beside', 'first', 'second'])
  expect(turns.busy).toBe(0)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

const MAX = 1000
const packets = fc.array(
  fc.record({ first: fc.integer({ min: 0x10, max: 0xff }), length: fc.integer({ min: 0, max: MAX + 200 }) }),
  { maxLength: 8 },
)

test('a gauge finds the packet that is too large, however the stream is cut', () => {
  fc.assert(
    fc.property(
      packets,
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }),
      (sent, cuts) => {
        const stream = Buffer.concat(
          sent.map(({ first, length }) => packet(first, Buffer.alloc(length, 0xff))),
        )
        const gauge = new PacketGauge(MAX)
        let good = true
        for (let at = 0, cut = 0; at < stream.length && good; cut++) {
          const step = cuts[cut % cuts.length] ?? 1
          good = gauge.accepts(stream.subarray(at, at + step))
          at += step
        }
        expect(good).toBe(sent.every(({ length }) => length <= MAX))
      },
    ),
  )
})

test('a gauge refuses at the header, before the bytes come', () => {
  const header = (length: number) => Buffer.concat([Buffer.from([0x30]), remainingLength(length)])
  expect(new PacketGauge(MAX).accepts(header(MAX))).toBe(true)
  expect(new PacketGauge(MAX).accepts(header(MAX + 1))).toBe(false)
  expect(new PacketGauge(MAX).accepts(header(2 ** 28 - 1))).toBe(false)
  // A length of more than four bytes is none (MQTT 3.1.1 §2.2.3).
  expect(new PacketGauge(2 ** 40).accepts(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]))).toBe(false)
})
