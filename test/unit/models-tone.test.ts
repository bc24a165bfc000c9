import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDim, liftedTone, lightOf, plainTone } from '../../models/tone.ts'
import type { RgbImage } from '../../protocol/image.ts'

/** Grey levels from `low` to `high` in equal parts. */
function ramp(low: number, high: number): RgbImage {
  const width = 200
  const data = new Uint8Array(width * 10 * 3)
  for (let i = 0; i < width * 10; i++)
    data.fill(Math.round(low + ((high - low) * (i % width)) / (width - 1)), i * 3, i * 3 + 3)
  return { width, height: 10, data }
}

test('the plain tone is the networks’ own range', () => {
  expect(plainTone).toHaveLength(256)
  expect(plainTone[0]).toBe(-1)
  expect(plainTone[255]).toBe(1)
})

test('light is measured by percentiles of the whole picture', () => {
  const { low, middle, high } = lightOf(ramp(20, 220))
  expect(Math.abs(low - 22)).toBeLessThanOrEqual(2)
  expect(Math.abs(middle - 120)).toBeLessThanOrEqual(2)
  expect(Math.abs(high - 218)).toBeLessThanOrEqual(2)
})

test('a few bright lamps do not make a dark picture bright', () => {
  const dark = ramp(0, 12)
  dark.data.fill(255, 0, 3 * 15)
  expect(isDim(lightOf(dark))).toBe(true)
})

test.each([
  ['daylight', ramp(0, 255), false],
  ['low contrast but light', ramp(120, 200), false],
  ['dusk', ramp(0, 100), true],
  ['a twentieth of the light', ramp(0, 13), true],
  ['black', ramp(0, 0), true],
])('%s: dim %s', (_what, picture, dim) => {
  expect(isDim(lightOf(picture))).toBe(dim)
})

test('a dark picture is spread over the whole range, its middle lifted', () => {
  const tone = liftedTone(lightOf(ramp(0, 40)))
  expect(tone[0]).toBeCloseTo(-1, 2)
  expect(tone[40]).toBeCloseTo(1, 2)
  expect(tone[20]).toBeGreaterThan(-0.3)
  expect(tone[20]).toBeLessThan(0.3)
})

test('black stays black: sensor noise of a few levels is not blown up to a picture', () => {
  const tone = liftedTone(lightOf(ramp(0, 1)))
  expect(Math.max(...tone.subarray(0, 2))).toBeLessThan(-0.3)
})

test('whatever the light: in range, and never falling', () => {
  const level = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(level, level, level, (a, b, c) => {
      const [low, middle, high] = [a, b, c].sort((x, y) => x - y) as [number, number, number]
      const tone = liftedTone({ low, middle, high })
      expect(tone).toHaveLength(256)
      let before = -1
      for (const value of tone) {
        if (!(value >= before && value <= 1)) throw new Error(`${before} then ${value}`)
        before = value
      }
    }),
  )
})
