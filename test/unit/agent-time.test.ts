import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HubTime } from '../../agent/identity/time.ts'
import { BUILT } from '../../agent/version.ts'
import type { Clock } from '../../hardware/hardware.ts'
import { everyCut } from '../support/faults/every-cut.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'

const DATA = '/data'
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const YEAR = 365 * DAY
const NOW = Date.UTC(2027, 2, 1)

/** A machine whose wall clock anybody may set; the monotonic one begins anew at each start. */
class Machine implements Clock {
  wall: number
  up = 0
  constructor(wall: number) {
    this.wall = wall
  }
  now = () => this.wall
  monotonic = () => this.up
  sure = () => true
  wait(ms: number): void {
    this.wall += ms
    this.up += ms
  }
}

const freshDisk = () => FaultDisk.make({ model: 'ordered', folder: DATA })
const open = (machine: Machine, on = freshDisk()) => HubTime.open(on.disk, DATA, machine)

describe('before the hub has said anything', () => {
  test.each([
    ['in 1970', 0, BUILT + 1000],
    ['a second before the build', BUILT - 1000, BUILT + 1000],
    ['set by somebody', NOW, NOW + 1000],
    ['in 2099', Date.UTC(2099, 0), Date.UTC(2099, 0) + 1000],
  ])('a machine %s: time passes from the build on, and is not sure', async (_what, wall, then) => {
    const machine = new Machine(wall)
    const time = await open(machine)
    machine.wait(1000)
    expect([time.now(), time.sure()]).toEqual([then, false])
  })

  test('a clock that is set later is followed, as far as it lies ahead', async () => {
    const machine = new Machine(0)
    const time = await open(machine)
    machine.wall = NOW
    expect(time.now()).toBe(NOW)
    machine.wall = 0
    machine.wait(5000)
    expect(time.now()).toBe(BUILT + 5000)
  })
})

describe('once it has', () => {
  test('the machine’s clock has no part in it, whatever it says and however it jumps', async () => {
    const machine = new Machine(Date.UTC(2099, 0))
    const time = await open(machine)
    machine.wait(2000)
    time.hear({ time: NOW, heardAt: 1500 })
    expect([time.now(), time.sure()]).toEqual([NOW + 500, true])
    machine.wall = 0
    machine.wait(1000)
    expect([time.now(), time.sure()]).toEqual([NOW + 1500, true])
  })

  test('an answer before an earlier one does not turn it back, and leaves it unsure until it has caught up', async () => {
    const machine = new Machine(0)
    const time = await open(machine)
    time.hear({ time: NOW, heardAt: 0 })
    machine.wait(1000)
    time.hear({ time: NOW - DAY, heardAt: machine.up })
    expect([time.now(), time.sure()]).toEqual([NOW + 1000, false])
    machine.wait(1000)
    time.hear({ time: NOW + 1500, heardAt: machine.up })
    expect([time.now(), time.sure()]).toEqual([NOW + 1500, true])
  })

  test('it is remembered over a restart, in which nothing is sure again', async () => {
    const on = freshDisk()
    const time = await open(new Machine(0), on)
    time.hear({ time: NOW, heardAt: 0 })
    await time.saved()
    const later = await open(new Machine(0), on)
    expect([later.now(), later.sure()]).toEqual([NOW, false])
    later.hear({ time: NOW - DAY, heardAt: 0 })
    expect([later.now(), later.sure()]).toEqual([NOW, false])
  })

  test('the card is written every five minutes at most', async () => {
    const on = freshDisk()
    const machine = new Machine(0)
    const time = await open(machine, on)
    const written = async () => {
      await time.saved()
      return on.steps.filter(({ does }) => does === 'rename').length
    }
    for (let second = 0; second <= 600; second++, machine.wait(1000))
      time.hear({ time: NOW + second * 1000, heardAt: machine.up })
    expect(await written()).toBe(3)
  })

  test('a disk that takes nothing stops no clock', async () => {
    const on = freshDisk()
    on.faults.readOnly = true
    const time = await open(new Machine(0), on)
    time.hear({ time: NOW, heardAt: 0 })
    await time.saved()
    expect([time.now(), time.sure()]).toEqual([NOW, true])
  })
})

test.each(['', '{}', 'null', '{"signed":"1970"}', '{"signed":"2027-03-01T00:00:00.000Z"', '\0\0\0'])(
  'a file that says %j is as good as none',
  async text => {
    const on = freshDisk()
    await on.disk.write(`${DATA}/time`, Buffer.from(text))
    const time = await open(new Machine(0), on)
    expect(time.now()).toBe(BUILT)
  },
)

type Event =
  | { readonly does: 'wait' | 'set'; readonly ms: number }
  | { readonly does: 'hear'; readonly late: number }
  | { readonly does: 'restart' }

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ does: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 3 * DAY }) }),
  fc.record({
    does: fc.constant('set' as const),
    ms: fc.oneof(fc.constantFrom(0, Date.UTC(2099, 0)), fc.integer({ min: 0, max: 150 * YEAR })),
  }),
  fc.record({ does: fc.constant('hear' as const), late: fc.integer({ min: 0, max: 15_000 }) }),
  fc.record({ does: fc.constant('restart' as const) }),
)

test('at an honest hub, whatever the machine’s clock does: recorded times follow the signed one', () =>
  fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async events => {
      const on = freshDisk()
      let machine = new Machine(0)
      let time = await open(machine, on)
      let truth = NOW
      let answered = false
      let highest = BUILT
      let lowest = 0
      for (const step of events) {
        if (step.does === 'wait') {
          machine.wait(step.ms)
          truth += step.ms
        } else if (step.does === 'set') machine.wall = step.ms
        else if (step.does === 'hear') {
          // Signed, and then some time on its way through our own process.
          const heard = { time: truth, heardAt: machine.up }
          machine.wait(step.late)
          truth += step.late
          time.hear(heard)
          highest = heard.time
          answered = true
        } else {
          await time.saved()
          machine = new Machine(machine.wall)
          time = await open(machine, on)
          answered = false
          highest = Math.max(BUILT, highest - 5 * MINUTE)
          lowest = 0
        }
        expect(time.sure()).toBe(answered)
        expect(time.now()).toBeGreaterThanOrEqual(highest)
        if (!answered) continue
        expect(time.now()).toBe(truth)
        expect(time.now()).toBeGreaterThanOrEqual(lowest)
        lowest = time.now()
      }
    }),
  ))

test('at any hub at all it never runs below what was ever signed, and is sure of nothing older', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ signed: fc.integer({ min: 0, max: 200 * YEAR }), ms: fc.nat(DAY) }), {
        maxLength: 20,
      }),
      async answers => {
        const machine = new Machine(0)
        const time = await open(machine)
        let highest = BUILT
        for (const { signed, ms } of answers) {
          machine.wait(ms)
          time.hear({ time: signed, heardAt: machine.up })
          expect(time.sure()).toBe(signed >= highest)
          highest = Math.max(highest, signed)
          const before = time.now()
          expect(before).toBeGreaterThanOrEqual(highest)
          machine.wait(1000)
          expect(time.now()).toBe(before + 1000)
        }
      },
    ),
  ))

test('a power cut leaves the old time or the new one', async () => {
  await everyCut({
    prepare: async () => ({ kept: 0, next: NOW }),
    async life(on, notes) {
      const machine = new Machine(0)
      const time = await HubTime.open(on, DATA, machine)
      for (let turn = 0; turn < 2; turn++, machine.wait(6 * MINUTE)) {
        notes.next += 6 * MINUTE
        const signed = notes.next
        time.hear({ time: signed, heardAt: machine.up })
        await time.saved()
        notes.kept = signed
      }
    },
    async check(on, notes) {
      const time = await HubTime.open(on, DATA, new Machine(0))
      expect(time.now()).toBeGreaterThanOrEqual(Math.max(BUILT, notes.kept))
      expect(time.now()).toBeLessThanOrEqual(notes.next)
    },
  })
})
