import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Presence } from '../../agent/presence.ts'

const OPTIONS = { confirm: 2, window: 4, lingerMs: 2000 }

test('one look is not enough; two of four confirm, since the first of them', () => {
  const presence = new Presence(OPTIONS)
  presence.look(0, true)
  expect(presence.since).toBeUndefined()
  presence.look(100, false)
  presence.look(200, false)
  presence.look(300, true)
  expect(presence.since).toBe(0)
})

test('two looks that are further apart than the window do not confirm', () => {
  const presence = new Presence(OPTIONS)
  for (const [at, seen] of [true, false, false, false, true].entries()) presence.look(at * 100, seen)
  expect(presence.since).toBeUndefined()
})

test('it lingers, and no longer; what comes then is another event with its own beginning', () => {
  const presence = new Presence(OPTIONS)
  for (const at of [0, 100]) presence.look(at, true)
  presence.look(2100, false)
  expect(presence.since).toBe(0)
  presence.look(2101, false)
  expect(presence.since).toBeUndefined()
  // The looks of before must not confirm it.
  presence.look(2200, true)
  expect(presence.since).toBeUndefined()
  presence.look(2300, true)
  expect(presence.since).toBe(2200)
})

test('present only while seen lately and often enough, and since never later than now', () => {
  const looks = fc.array(fc.record({ wait: fc.nat(900), seen: fc.boolean() }), { maxLength: 80 })
  fc.assert(
    fc.property(looks, all => {
      const presence = new Presence(OPTIONS)
      let at = 0
      let lastSeen = Number.NEGATIVE_INFINITY
      let was: number | undefined
      for (const { wait, seen } of all) {
        at += wait
        if (seen) lastSeen = at
        presence.look(at, seen)
        const { since } = presence
        expect(presence.hot(at)).toBe(at - lastSeen <= OPTIONS.lingerMs)
        if (since !== undefined) {
          expect(since).toBeLessThanOrEqual(at)
          expect(at - lastSeen).toBeLessThanOrEqual(OPTIONS.lingerMs)
          // An event keeps its beginning; it begins with a look that saw.
          if (was !== undefined) expect(since).toBe(was)
          else expect(seen).toBe(true)
        }
        was = since
      }
    }),
  )
})
