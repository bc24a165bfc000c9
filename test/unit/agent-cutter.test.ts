import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CutRules, Cutter, RING_BYTES } from '../../agent/cutter.ts'
import type { Sighting } from '../../agent/watch.ts'
import type { Fragment } from '../../hardware/hardware.ts'

const RULES: CutRules = { beforeMs: 5000, afterMs: 3000, maxMs: 20_000 }
/** No sighting comes later than that after its picture. */
const LAG_MS = 2000

interface CutClip {
  readonly opening: Sighting
  readonly continues: boolean
  readonly fragments: Fragment[]
  readonly notes: { sighting: Sighting; fragments: readonly Fragment[] }[]
  end: 'event' | 'split' | undefined
}

const fragment = (at: number, key = true, durationMs = 250, bytes = 10): Fragment => ({
  data: new Uint8Array(bytes),
  at,
  durationMs,
  key,
})
const seen = (at: number, since = at): Sighting => ({ at, since, trigger: 'motion', faces: [] })

/** Runs what happens through a cutter and gathers the clips. */
function cutAll(events: readonly (Fragment | Sighting)[], rules = RULES): CutClip[] {
  const cutter = new Cutter(rules)
  const clips: CutClip[] = []
  for (const event of events) {
    for (const step of 'data' in event ? cutter.arrived(event) : cutter.seen(event)) {
      const open = clips.at(-1)
      if (step.do === 'open') {
        expect(open === undefined || open.end !== undefined).toBe(true)
        const { sighting: opening, continues } = step
        clips.push({ opening, continues, fragments: [...step.fragments], notes: [], end: undefined })
      } else {
        expect(open?.end).toBeUndefined()
        if (step.do === 'append') open?.fragments.push(step.fragment)
        else if (step.do === 'note') open?.notes.push(step)
        else if (open) open.end = step.end
      }
    }
  }
  return clips
}

/** A camera's stream with a key picture every few fragments, and sightings that come somewhat late. */
const scenes = fc
  .record({
    durations: fc.array(fc.integer({ min: 80, max: 600 }), { minLength: 100, maxLength: 300, size: 'max' }),
    keyEvery: fc.integer({ min: 1, max: 4 }),
    /** Somebody comes after a while, and is seen for a while, every now and then. */
    visits: fc.array(
      fc.record({
        after: fc.integer({ min: 0, max: 20_000 }),
        looks: fc.integer({ min: 1, max: 60 }),
        every: fc.integer({ min: 50, max: 1500 }),
        lag: fc.integer({ min: 0, max: LAG_MS }),
        since: fc.integer({ min: 0, max: 1500 }),
      }),
      { maxLength: 6, size: 'max' },
    ),
  })
  .map(({ durations, keyEvery, visits }) => {
    let at = 0
    const fragments = durations.map((durationMs, index) => {
      const piece = fragment(at, index % keyEvery === 0, durationMs)
      at += durationMs
      return piece
    })
    const end = at
    at = 0
    const looks = visits.flatMap(({ after, looks: count, every, lag, since }) => {
      at += after
      const begun = at - since
      return Array.from({ length: count }, () => {
        at += every
        return { at, lag, since: begun }
      })
    })
    // A fragment arrives when it is over; a sighting some time after its picture, in order.
    const inOrder = looks.filter(look => look.at < end).sort((a, b) => a.at - b.at)
    let last = 0
    const sightings = inOrder.map(look => {
      last = Math.max(last, look.at + look.lag)
      return { when: last, event: seen(look.at, Math.max(0, look.since)) }
    })
    const arrivals = fragments.map(piece => ({ when: piece.at + piece.durationMs, event: piece }))
    const events = [...arrivals, ...sightings].sort((a, b) => a.when - b.when).map(({ event }) => event)
    return { fragments, events }
  })

test('clips begin with a key picture, have no holes, and split ones join without loss or doubling', () => {
  fc.assert(
    fc.property(scenes, ({ fragments, events }) => {
      const clips = cutAll(events)
      const number = (piece: Fragment | undefined) => fragments.indexOf(piece as Fragment)
      for (const [index, clip] of clips.entries()) {
        expect(clip.fragments[0]?.key).toBe(true)
        const numbers = clip.fragments.map(number)
        expect(numbers).toEqual(numbers.map((_, offset) => (numbers[0] ?? 0) + offset))
        const before = clips[index - 1]
        expect(clip.continues).toBe(before?.end === 'split')
        if (clip.continues) expect(numbers[0]).toBe(number(before?.fragments.at(-1)) + 1)
      }
    }),
    { numRuns: 300 },
  )
})

test('what was before the event is in the clip, from the last key picture that is early enough', () => {
  fc.assert(
    fc.property(scenes, ({ fragments, events }) => {
      for (const { opening, continues, fragments: kept } of cutAll(events)) {
        // Where a visit paused for longer than a clip waits, its beginning is in the clip before.
        if (continues || opening.at - opening.since > 1500) continue
        const wanted = opening.since - RULES.beforeMs
        const early = fragments.findLast(piece => piece.key && piece.at <= wanted)
        expect(kept[0]).toBe(early ?? fragments[0])
      }
    }),
    { numRuns: 300 },
  )
})

test('a clip ends afterMs after the last sighting, not before, and the next sighting opens one at once', () => {
  fc.assert(
    fc.property(scenes, ({ events }) => {
      const cutter = new Cutter(RULES)
      let open = false
      let last = Number.NEGATIVE_INFINITY
      for (const event of events) {
        if ('data' in event) {
          const steps = cutter.arrived(event)
          const closes = steps.some(step => step.do === 'close' && step.end === 'event')
          expect(closes).toBe(open && event.at >= last + RULES.afterMs)
          if (closes) open = false
          // Every fragment of a running event is kept.
          else if (open) expect(steps.some(step => step.do === 'append' || step.do === 'open')).toBe(true)
        } else {
          const opens = cutter.seen(event).some(step => step.do === 'open')
          if (opens) expect(open).toBe(false)
          last = event.at
          open ||= opens
          expect(open || events.indexOf(event) < events.findIndex(other => 'data' in other)).toBe(true)
        }
      }
    }),
    { numRuns: 300 },
  )
})

test.each([1, 2, 4, 8])(
  'an event without end is split within maxMs, with a key every %i fragments',
  every => {
    const events: (Fragment | Sighting)[] = []
    for (let index = 0; index < 600; index++) {
      events.push(fragment(index * 250, index % every === 0))
      if (index > 40) events.push(seen(index * 250 + 100))
    }
    const clips = cutAll(events)
    expect(clips.length).toBeGreaterThan(6)
    for (const { fragments, end } of clips.slice(0, -1)) {
      const length = fragments.reduce((sum, { durationMs }) => sum + durationMs, 0)
      expect(end).toBe('split')
      expect(length).toBeLessThanOrEqual(RULES.maxMs)
      expect(length).toBeGreaterThan(RULES.maxMs - every * 250 - 1)
    }
  },
)

test('a clip that was split off has a picture even when nobody is seen in it any more', () => {
  const events: (Fragment | Sighting)[] = []
  for (let index = 0; index < 120; index++) {
    events.push(fragment(index * 250))
    if (index * 250 <= 19_500) events.push(seen(index * 250))
  }
  const [first, second] = cutAll(events)
  expect([first?.end, second?.end]).toEqual(['split', 'event'])
  expect(second?.notes.map(({ fragments }) => fragments.length)).toEqual([1])
})

test('a sighting’s still ends with its own picture and begins with a key', () => {
  const events = [0, 1, 2, 3, 4, 5].map(index => fragment(index * 250, index % 3 === 0))
  const [clip] = cutAll([...events, seen(1100)])
  expect(clip?.notes[0]?.fragments.map(({ at }) => at)).toEqual([750, 1000])
})

test('before the first picture nothing can be kept; the next sighting opens', () => {
  expect(cutAll([seen(0)])).toEqual([])
  expect(cutAll([seen(0), fragment(0), seen(100)])).toHaveLength(1)
  // What comes before the first key picture cannot be decoded.
  expect(cutAll([fragment(0, false), seen(100)])).toEqual([])
})

test.each([
  ['keys come', 4],
  ['keys stop', Number.POSITIVE_INFINITY],
])('the ring stays within its bytes when %s', (_name, every) => {
  const cutter = new Cutter(RULES)
  const bytes = 3 * 1024 * 1024
  for (let index = 0; index < 40; index++)
    cutter.arrived(fragment(index, index % every === 0 && (index === 0 || every < 40), 1, bytes))
  // Seen only now: whatever the ring still holds comes out.
  const [open] = cutter.seen(seen(39))
  const held = open?.do === 'open' ? open.fragments.length * bytes : 0
  expect(held).toBeLessThanOrEqual(RING_BYTES)
  if (every === 4) expect(held).toBeGreaterThan(RING_BYTES / 2)
})
