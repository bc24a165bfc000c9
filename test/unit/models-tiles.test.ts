import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tiles } from '../../models/tiles.ts'

test('no tiles when one square holds it all', () => {
  expect(tiles(640, 480, 640)).toEqual([])
  expect(tiles(100, 100, 200)).toEqual([])
})

test('a wide picture in halves: one row, from edge to edge', () => {
  const views = tiles(640, 300, 320)
  expect(new Set(views.map(({ y }) => y))).toEqual(new Set([150]))
  expect(views[0]?.x).toBe(160)
  expect(views.at(-1)?.x).toBe(480)
})

test('every face of up to a quarter of the tile’s side is whole in some tile, and no tile reaches outside for nothing', () => {
  const length = fc.integer({ min: 50, max: 4000 })
  fc.assert(
    fc.property(
      length,
      length,
      fc.constantFrom(2, 4),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (width, height, parts, across, down) => {
        const side = Math.max(width, height) / parts
        const views = tiles(width, height, side)
        const face = Math.min(side / 4, width, height)
        const left = across * (width - face)
        const top = down * (height - face)
        const whole = views.some(
          view =>
            left >= view.x - side / 2 - 1e-6 &&
            left + face <= view.x + side / 2 + 1e-6 &&
            top >= view.y - side / 2 - 1e-6 &&
            top + face <= view.y + side / 2 + 1e-6,
        )
        expect(whole).toBe(true)
        expect(views.length).toBeLessThanOrEqual(parts === 2 ? 9 : 25)
        for (const view of views) expect(view).toMatchObject({ side, angle: 0 })
      },
    ),
  )
})
