import { expect, test } from 'vitest'
import { decode, gridAnchors, NUMBERS_PER_ANCHOR } from '../../models/decode.ts'

const LOGIT = (score: number) => Math.log(score / (1 - score))

/** What a network says: nothing anywhere but at the named anchors. */
function outputs(count: number, said: Readonly<Record<number, readonly [number, ...number[]]>>) {
  const boxes = new Float32Array(count * NUMBERS_PER_ANCHOR)
  const logits = new Float32Array(count).fill(-20)
  for (const [anchor, [score, ...numbers]] of Object.entries(said)) {
    logits[Number(anchor)] = LOGIT(score)
    boxes.set(numbers, Number(anchor) * NUMBERS_PER_ANCHOR)
  }
  return { boxes, logits }
}

test('the full-range grid: 2304 anchors in the middles of 48x48 cells, row by row', () => {
  const anchors = gridAnchors([{ cells: 48, each: 1 }])
  expect(anchors).toHaveLength(2304 * 2)
  expect([...anchors.subarray(0, 4)]).toEqual([0.5, 0.5, 1.5, 0.5].map(n => Math.fround(n / 48)))
  expect([...anchors.subarray(48 * 2, 48 * 2 + 2)]).toEqual([0.5, 1.5].map(n => Math.fround(n / 48)))
})

test('blazeface’s grids: 896 anchors, the fine ones first, several in a cell', () => {
  const anchors = gridAnchors([
    { cells: 16, each: 2 },
    { cells: 8, each: 6 },
  ])
  expect(anchors).toHaveLength(896 * 2)
  expect([...anchors.subarray(0, 4)]).toEqual([1 / 32, 1 / 32, 1 / 32, 1 / 32])
  expect([...anchors.subarray(512 * 2, 512 * 2 + 2)]).toEqual([1 / 16, 1 / 16])
  expect([...anchors.subarray(-2)]).toEqual([15 / 16, 15 / 16])
})

test('centre offsets and sizes are over the input’s size, added to the anchor', () => {
  const anchors = gridAnchors([{ cells: 48, each: 1 }])
  // 19.2 pixels to the right and 9.6 up of the anchor of column 24, row 10; the eyes on a level.
  const at = 10 * 48 + 24
  const { boxes, logits } = outputs(2304, { [at]: [0.9, 19.2, -9.6, 38.4, 57.6, -5, 0, 5, 0] })
  const [face, ...more] = decode(boxes, logits, anchors, 192, 0.5)
  expect(more).toEqual([])
  expect(face?.x).toBeCloseTo(24.5 / 48 + 0.1, 5)
  expect(face?.y).toBeCloseTo(10.5 / 48 - 0.05, 5)
  expect(face?.width).toBeCloseTo(0.2, 5)
  expect(face?.height).toBeCloseTo(0.3, 5)
  expect(face?.score).toBeCloseTo(0.9, 5)
  expect(face?.roll).toBeCloseTo(0, 5)
})

test.each([
  ['a quarter to the right', [0, -5, 0, 5], Math.PI / 2],
  ['on its head', [5, 0, -5, 0], Math.PI],
  ['an eighth to the left', [-5, 5, 5, -5], -Math.PI / 4],
])('the line of the eyes says how a face is turned: %s', (_what, eyes, roll) => {
  const anchors = gridAnchors([{ cells: 48, each: 1 }])
  const { boxes, logits } = outputs(2304, { 0: [0.9, 0, 0, 20, 20, ...eyes] })
  expect(decode(boxes, logits, anchors, 192, 0.5)[0]?.roll).toBeCloseTo(roll, 5)
})

test('what scores less than asked, has no size or is no number is left out', () => {
  const anchors = gridAnchors([{ cells: 48, each: 1 }])
  const { boxes, logits } = outputs(2304, {
    1: [0.49, 0, 0, 20, 20],
    2: [0.51, 0, 0, 20, 20],
    3: [0.99, 0, 0, 0, 20],
    4: [0.99, 0, 0, 20, -1],
    5: [0.99, 0, 0, Number.NaN, 20],
    6: [Number.NaN, 0, 0, 20, 20],
  })
  const scores = decode(boxes, logits, anchors, 192, 0.5).map(({ score }) => score.toFixed(2))
  expect(scores).toEqual(['0.51'])
})
