import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Candidate } from '../../models/candidate.ts'
import { mergeOverlapping, overlap } from '../../models/nms.ts'

function candidate(x: number, y: number, side: number, score: number): Candidate {
  return { x, y, width: side, height: side, score, roll: 0 }
}

const any = fc
  .record({
    x: fc.integer({ min: 0, max: 300 }),
    y: fc.integer({ min: 0, max: 300 }),
    side: fc.integer({ min: 10, max: 120 }),
    score: fc.integer({ min: 1, max: 99 }),
  })
  .map(({ x, y, side, score }) => candidate(x, y, side, score / 100))

test.each([
  ['itself', candidate(50, 50, 20, 1), 1],
  ['shifted by half', candidate(60, 50, 20, 1), 1 / 3],
  ['inside, half the sides', candidate(50, 50, 10, 1), 1 / 4],
  ['beside it', candidate(70, 50, 20, 1), 0],
  ['far away', candidate(500, 50, 20, 1), 0],
])('overlap with %s', (_what, other, share) => {
  const one = candidate(50, 50, 20, 1)
  expect(overlap(one, other)).toBeCloseTo(share, 10)
  expect(overlap(other, one)).toBeCloseTo(share, 10)
})

test('boxes without a size overlap nothing', () => {
  expect(overlap(candidate(5, 5, 0, 1), candidate(5, 5, 0, 1))).toBe(0)
})

test('the merged box is the mean, weighted by score; score and roll are the best one’s', () => {
  const best = { ...candidate(50, 50, 20, 0.9), roll: 0.1 }
  const [merged, ...more] = mergeOverlapping([{ ...candidate(54, 50, 24, 0.3), roll: 2 }, best])
  expect(more).toEqual([])
  expect(merged).toMatchObject({ y: 50, score: 0.9, roll: 0.1 })
  expect(merged?.x).toBeCloseTo((50 * 0.9 + 54 * 0.3) / 1.2, 10)
  expect(merged?.width).toBeCloseTo((20 * 0.9 + 24 * 0.3) / 1.2, 10)
})

test('a chain is not one face: only what overlaps the best one is taken', () => {
  const chain = [candidate(50, 50, 20, 0.9), candidate(58, 50, 20, 0.8), candidate(66, 50, 20, 0.7)]
  const merged = mergeOverlapping(chain)
  expect(merged.map(({ score }) => score)).toEqual([0.9, 0.7])
})

test('whatever comes in: best first, each leader once, nothing overlaps a better leader, boxes stay among their own', () => {
  fc.assert(
    fc.property(fc.array(any, { maxLength: 25 }), candidates => {
      const merged = mergeOverlapping(candidates)
      const scores = merged.map(({ score }) => score)
      expect(scores).toEqual([...scores].sort((a, b) => b - a))
      expect(merged.length).toBeLessThanOrEqual(candidates.length)
      expect(merged.length > 0).toBe(candidates.length > 0)
      for (const { x, width, score } of merged) {
        const xs = candidates.map(one => one.x)
        const widths = candidates.map(one => one.width)
        expect(x).toBeGreaterThanOrEqual(Math.min(...xs) - 1e-9)
        expect(x).toBeLessThanOrEqual(Math.max(...xs) + 1e-9)
        expect(width).toBeLessThanOrEqual(Math.max(...widths) + 1e-9)
        expect(candidates.some(one => one.score === score)).toBe(true)
      }
      // Far from each other, all stay as they are.
      const apart = candidates.map((one, i) => ({ ...one, x: i * 1000 }))
      expect(mergeOverlapping(apart)).toHaveLength(candidates.length)
    }),
  )
})
