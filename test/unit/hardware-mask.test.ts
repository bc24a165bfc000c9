import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseConfig } from '../../agent/config.ts'
import { type Corner, maskedBlocks, maskPicture, type Polygon } from '../../hardware/mask.ts'
import { codeOf } from '../../protocol/errors.ts'

const fraction = fc.double({ min: 0, max: 1, noNaN: true })
const polygon: fc.Arbitrary<Polygon> = fc.array(fc.tuple(fraction, fraction), { minLength: 3, maxLength: 8 })
const size = fc.record({ width: fc.integer({ min: 2, max: 90 }), height: fc.integer({ min: 2, max: 70 }) })

/** Even-odd, written anew: whether a point is inside. */
function isInside([x, y]: Corner, corners: Polygon): boolean {
  let inside = false
  for (let at = 0, before = corners.length - 1; at < corners.length; before = at++) {
    const [[ax, ay], [bx, by]] = [corners[at] as Corner, corners[before] as Corner]
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside
  }
  return inside
}

test('every pixel that has its middle in a polygon, or a corner of it, is masked; with its whole block', () => {
  fc.assert(
    fc.property(fc.array(polygon, { minLength: 1, maxLength: 3 }), size, (polygons, picture) => {
      const { width, height } = picture
      const bytes = maskPicture(polygons, picture)
      const pixels = bytes.subarray(bytes.length - width * height * 4)
      const isMasked = (x: number, y: number) => pixels[(y * width + x) * 4 + 3] === 255
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const middle: Corner = [(x + 0.5) / width, (y + 0.5) / height]
          if (polygons.some(corners => isInside(middle, corners))) expect(isMasked(x, y)).toBe(true)
          expect(isMasked(x, y)).toBe(isMasked(x & ~1, y & ~1))
        }
      for (const [x, y] of polygons.flat())
        expect(
          isMasked(Math.min(width - 1, Math.floor(x * width)), Math.min(height - 1, Math.floor(y * height))),
        ).toBe(true)
    }),
    { numRuns: process.env.OWNLENS_LONG === '1' ? 300 : 30 },
  )
})

test('nothing far from a polygon is masked', () => {
  const third: Polygon = [
    [0.1, 0.1],
    [0.4, 0.1],
    [0.4, 0.4],
    [0.1, 0.4],
  ]
  const { columns, covered } = maskedBlocks([third], { width: 100, height: 100 })
  const at = (x: number, y: number) => covered[(y >> 1) * columns + (x >> 1)]
  expect([at(20, 20), at(10, 10), at(38, 38)]).toEqual([1, 1, 1])
  expect([at(6, 20), at(44, 20), at(20, 44), at(80, 80)]).toEqual([0, 0, 0, 0])
  expect(covered.reduce((sum, one) => sum + one, 0)).toBeLessThan(17 * 17)
})

test('bad polygons are refused with all that is wrong', () => {
  const wrong = (mask: unknown) => {
    try {
      parseConfig({ mask })
      return undefined
    } catch (error) {
      expect(codeOf(error)).toBe('config.invalid')
      return (error as Error).message
    }
  }
  expect(
    wrong([
      [
        [0, 0],
        [1, 0],
      ],
    ]),
  ).toContain('mask.0: a polygon has three corners')
  expect(
    wrong([
      [
        [0, 0],
        [1.5, 0],
        [0, -1],
      ],
    ]),
  ).toMatch(/mask\.0\.1\.0.*mask\.0\.2\.1/)
  expect(
    wrong([
      [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
    ]),
  ).toBeUndefined()
})
