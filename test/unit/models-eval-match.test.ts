import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Label } from '../../models/eval-labels.ts'
import { fits, matchFaces } from '../../models/eval-match.ts'
import type { Face } from '../../protocol/image.ts'

const picture = { width: 1000, height: 500 }

function label(left: number, top: number, width: number, height = width, ignore = false): Label {
  return { left, top, width, height, ignore }
}

function face(left: number, top: number, width: number, height = width): Face {
  return { box: [left / 1000, top / 500, width / 1000, height / 500], score: 0.9 }
}

test.each([
  ['the same box', face(100, 100, 50), true],
  ['a corner on the label’s centre', face(125, 125, 50), true],
  ['past the label’s centre', face(127, 100, 50), false],
  ['two and a half times the size', face(60, 60, 125), true],
  ['larger than that', face(60, 60, 126), false],
  ['two fifths of the size', face(115, 115, 20), true],
  ['smaller than that', face(116, 116, 19), false],
  ['right in width, too high', face(100, 60, 50, 130), false],
])('%s', (_what, found, counts) => {
  const expected = counts ? { faces: 1, found: 1, extra: 0 } : { faces: 1, found: 0, extra: 1 }
  expect(matchFaces([label(100, 100, 50)], [found], picture)).toEqual(expected)
})

test('one box is not two faces, two boxes are not one', () => {
  const near = [label(100, 100, 50), label(110, 100, 50)]
  expect(matchFaces(near, [face(105, 100, 50)], picture)).toEqual({ faces: 2, found: 1, extra: 0 })
  const twice = [face(100, 100, 50), face(102, 101, 50)]
  expect(matchFaces([label(100, 100, 50)], twice, picture)).toEqual({ faces: 1, found: 1, extra: 1 })
})

test('a box that fits two labels is left to the one that has no other', () => {
  const left = label(100, 100, 50)
  const right = label(130, 100, 50)
  const between = face(115, 100, 50)
  const farLeft = face(85, 100, 50)
  for (const labels of [
    [left, right],
    [right, left],
  ])
    for (const faces of [
      [between, farLeft],
      [farLeft, between],
    ])
      expect(matchFaces(labels, faces, picture)).toEqual({ faces: 2, found: 2, extra: 0 })
})

test('what is to be ignored counts for nothing and against nobody', () => {
  const crowd = label(0, 0, 400, 300, true)
  const labels = [crowd, label(500, 100, 50)]
  expect(matchFaces(labels, [], picture)).toEqual({ faces: 1, found: 0, extra: 0 })
  const faces = [face(20, 20, 30), face(200, 50, 30), face(500, 100, 50), face(700, 50, 30)]
  expect(matchFaces(labels, faces, picture)).toEqual({ faces: 1, found: 1, extra: 1 })
})

test('no two pairs share anything, and no pair more could be made', () => {
  const place = fc.integer({ min: 0, max: 120 })
  const rectangle = fc.record({ left: place, top: place, size: fc.integer({ min: 20, max: 90 }) })
  fc.assert(
    fc.property(fc.array(rectangle, { maxLength: 5 }), fc.array(rectangle, { maxLength: 5 }), (a, b) => {
      const labels = a.map(({ left, top, size }) => label(left, top, size))
      const boxes = b.map(({ left, top, size }) => label(left, top, size))
      const faces = b.map(({ left, top, size }) => face(left, top, size))
      const best = mostPairs(labels, boxes)
      expect(matchFaces(labels, faces, picture)).toEqual({
        faces: labels.length,
        found: best,
        extra: boxes.length - best,
      })
    }),
  )
})

/** By trying everything. */
function mostPairs([first, ...rest]: readonly Label[], boxes: readonly Label[]): number {
  if (first === undefined) return 0
  const withIt = boxes
    .filter(box => fits(first, box))
    .map(
      box =>
        1 +
        mostPairs(
          rest,
          boxes.filter(other => other !== box),
        ),
    )
  return Math.max(mostPairs(rest, boxes), ...withIt)
}
