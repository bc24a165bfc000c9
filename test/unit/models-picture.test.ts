import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toPicture } from '../../models/candidate.ts'
import { halve, Pyramid, render, type View, wholeView } from '../../models/picture.ts'
import { plainTone } from '../../models/tone.ts'
import type { RgbImage } from '../../protocol/image.ts'

/** Red grows to the right, green downwards, blue is the same everywhere. */
function slopes(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set([x, y, 200], (y * width + x) * 3)
  return { width, height, data }
}

function shown(picture: RgbImage, view: View, size: number): Float32Array {
  const into = new Float32Array(size * size * 3).fill(Number.NaN)
  render(new Pyramid(picture), view, { size, rows: size }, plainTone, into)
  return into
}

const level = (value: number | undefined) => ((value ?? Number.NaN) + 1) * 127.5

test('the whole picture in its size is shown pixel by pixel', () => {
  const picture = slopes(16, 16)
  const into = shown(picture, wholeView(picture), 16)
  picture.data.forEach((value, i) => {
    expect(level(into[i])).toBeCloseTo(value, 3)
  })
})

test('letterboxed: a wide picture lies in the middle, black above and below', () => {
  const picture = slopes(16, 8)
  const into = shown(picture, wholeView(picture), 16)
  const pixel = (x: number, y: number) =>
    [...into.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)].map(level)
  for (const y of [0, 3, 12, 15]) expect(pixel(5, y)).toEqual([0, 0, 0])
  expect(pixel(5, 4).map(Math.round)).toEqual([5, 0, 200])
  expect(pixel(15, 11).map(Math.round)).toEqual([15, 7, 200])
})

test('letterboxed: a tall picture lies in the middle', () => {
  const picture = slopes(8, 16)
  const into = shown(picture, wholeView(picture), 16)
  const pixel = (x: number, y: number) =>
    [...into.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)].map(level)
  expect(pixel(3, 5)).toEqual([0, 0, 0])
  expect(pixel(4, 5).map(Math.round)).toEqual([0, 5, 200])
  expect(pixel(12, 5)).toEqual([0, 0, 0])
})

test('turned by a quarter, what was at the right is at the top', () => {
  const picture = slopes(16, 16)
  const into = shown(picture, wholeView(picture, Math.PI / 2), 16)
  // Along a row of what is shown the picture's rows pass by; down a column its columns, from the right.
  expect(level(into[0])).toBeCloseTo(15, 3)
  expect(level(into[1])).toBeCloseTo(0, 3)
  expect(level(into[15 * 3 + 1])).toBeCloseTo(15, 3)
  expect(level(into[15 * 16 * 3])).toBeCloseTo(0, 3)
})

test('a large picture is averaged, not sampled: one-pixel stripes become grey', () => {
  const stripes: RgbImage = { width: 256, height: 256, data: new Uint8Array(256 * 256 * 3) }
  stripes.data.forEach((_, i) => {
    stripes.data[i] = Math.floor(i / 3) % 2 === 0 ? 255 : 0
  })
  const into = shown(stripes, wholeView(stripes), 16)
  for (const value of into) expect(Math.abs(value)).toBeLessThan(0.02)
})

test('a view that holds the whole picture, however it is turned', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.constantFrom(0, 45, -45, 90, -90, 180),
      (width, height, degrees) => {
        const angle = (degrees * Math.PI) / 180
        const { x, y, side } = wholeView({ width, height, data: new Uint8Array() }, angle)
        for (const [cornerX, cornerY] of [
          [0, 0],
          [width, 0],
          [0, height],
          [width, height],
        ] as const) {
          const u = (cornerX - x) * Math.cos(angle) + (cornerY - y) * Math.sin(angle)
          const v = -(cornerX - x) * Math.sin(angle) + (cornerY - y) * Math.cos(angle)
          expect(Math.max(Math.abs(u), Math.abs(v))).toBeLessThanOrEqual(side / 2 + 1e-6)
        }
      },
    ),
  )
})

test('what is seen at a place of the view lies at the place of the picture that was shown there', () => {
  const picture = slopes(200, 120)
  const angle = fc.double({ min: -3.1, max: 3.1, noNaN: true })
  const place = fc.double({ min: 0.3, max: 0.7, noNaN: true })
  const side = fc.integer({ min: 64, max: 100 })
  fc.assert(
    fc.property(angle, side, place, place, (turn, viewSide, across, down) => {
      const view: View = { x: 100, y: 60, side: viewSide, angle: turn }
      const into = shown(picture, view, 64)
      const u = Math.floor(across * 64)
      const v = Math.floor(down * 64)
      const face = { x: (u + 0.5) / 64, y: (v + 0.5) / 64, width: 0.1, height: 0.2, score: 0.5, roll: 0.1 }
      const at = toPicture(face, view)
      expect(at.width).toBeCloseTo(0.1 * viewSide)
      expect(at.height).toBeCloseTo(0.2 * viewSide)
      expect(at.roll).toBeCloseTo(0.1 + turn)
      // Pixel i's middle is at i + 0.5.
      expect(Math.abs(level(into[(v * 64 + u) * 3]) - (at.x - 0.5))).toBeLessThan(0.51)
      expect(Math.abs(level(into[(v * 64 + u) * 3 + 1]) - (at.y - 0.5))).toBeLessThan(0.51)
    }),
  )
})

test('every number is filled, in [-1, 1], whatever the picture and view', () => {
  const size = fc.integer({ min: 1, max: 40 })
  const view = fc.record({
    x: fc.integer({ min: -50, max: 90 }),
    y: fc.integer({ min: -50, max: 90 }),
    side: fc.integer({ min: 1, max: 200 }),
    angle: fc.double({ min: -4, max: 4, noNaN: true }),
  })
  fc.assert(
    fc.property(size, size, view, (width, height, seen) => {
      const into = shown(slopes(width, height), seen, 12)
      for (const value of into) if (!(value >= -1 && value <= 1)) throw new Error(`${value}`)
    }),
  )
})

test('half the size: means of four, an odd last row and column dropped', () => {
  const picture = slopes(5, 3)
  const half = halve(picture)
  expect([half.width, half.height]).toEqual([2, 1])
  expect([...half.data]).toEqual([1, 1, 200, 3, 1, 200])
})
