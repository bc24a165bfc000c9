import { expect, test } from 'vitest'
import type { Candidate, Net } from '../../models/candidate.ts'
import { barsOf, confirm } from '../../models/confirm.ts'
import { Eye } from '../../models/eye.ts'
import { lookOnce } from '../../models/glance.ts'
import { wholeView } from '../../models/picture.ts'
import type { RgbImage } from '../../protocol/image.ts'

const SIZE = 32
const bars = barsOf(0.5)

/** Grey, with white squares where faces are. */
function picture(...squares: readonly (readonly [left: number, top: number, side: number])[]): RgbImage {
  const width = 400
  const height = 400
  const data = new Uint8Array(width * height * 3).fill(90)
  for (const [left, top, side] of squares)
    for (let y = top; y < top + side; y++)
      data.fill(255, (y * width + left) * 3, (y * width + left + side) * 3)
  return { width, height, data }
}

/**
 * A network that knows white squares, one in what it is shown. Its score depends on how large the square appears, as with
 * real ones: `scoreAt` gets that share of the side.
 */
function whiteNet(scoreAt: (share: number) => number): Net {
  return {
    size: SIZE,
    rows: [SIZE],
    async run(input, minScore) {
      const xs: number[] = []
      const ys: number[] = []
      for (let i = 0; i < SIZE * SIZE; i++)
        if ((input[i * 3] as number) > 0.6) {
          xs.push(i % SIZE)
          ys.push(Math.floor(i / SIZE))
        }
      if (xs.length === 0) return []
      const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
      const width = (right - left + 1) / SIZE
      const score = scoreAt(width)
      const x = (left + right + 1) / 2 / SIZE
      const y = (top + bottom + 1) / 2 / SIZE
      const height = (bottom - top + 1) / SIZE
      return score < minScore ? [] : [{ x, y, width, height, score, roll: 0 }]
    },
    close: () => undefined,
  }
}

function eyeWith(scoreAt: (share: number) => number, seen: RgbImage, looks = 10): Eye {
  return new Eye(seen, whiteNet(scoreAt), new Float32Array(SIZE * SIZE * 3), looks)
}

const square = picture([180, 180, 40])
const doubtful: Candidate = { x: 200, y: 200, width: 40, height: 40, score: 0.4, roll: 0 }

test('the bars keep their order for every setting', () => {
  for (let minScore = 0.05; minScore < 1; minScore += 0.05) {
    const { doubt, face, sure } = barsOf(minScore)
    expect(doubt).toBeLessThan(face)
    expect(face).toBe(minScore)
    expect(sure).toBeGreaterThan(face)
    expect(sure).toBeLessThan(1)
  }
})

test('a second look that is sure makes a face, with the mean of both scores', async () => {
  const eye = eyeWith(() => 0.9, square)
  const face = await confirm(eye, doubtful, bars)
  expect(face?.score).toBeCloseTo(0.65)
  expect(eye.left).toBe(9)
})

test('a second look that sees nothing ends it', async () => {
  const eye = eyeWith(() => 0, square)
  expect(await confirm(eye, doubtful, bars)).toBeUndefined()
  expect(eye.left).toBe(9)
})

test.each([
  ['for', 0.9, 0.6],
  ['against', 0.1, undefined],
])('in between a third look decides: %s', async (_what, third, score) => {
  // Six times the size a square fills a sixth of what is seen, four times a quarter.
  const eye = eyeWith(share => (share < 0.21 ? 0.5 : third), square)
  const face = await confirm(eye, doubtful, bars)
  if (score === undefined) expect(face).toBeUndefined()
  else expect(face?.score).toBeCloseTo(score)
  expect(eye.left).toBe(8)
})

test('another thing nearby does not vouch for it', async () => {
  const elsewhere = eyeWith(() => 0.95, picture([240, 240, 40]))
  expect(await confirm(elsewhere, doubtful, bars)).toBeUndefined()
})

test('a frame with a clear face costs one look', async () => {
  const eye = eyeWith(() => 0.9, square, 4)
  expect(await lookOnce(eye, bars)).toHaveLength(1)
  expect(eye.left).toBe(3)
})

test('a frame with nothing in it costs one look', async () => {
  const eye = eyeWith(() => 0.9, picture(), 4)
  expect(await lookOnce(eye, bars)).toEqual([])
  expect(eye.left).toBe(3)
})

test('a face that is not clear at a cheap look gets a full one', async () => {
  const eye = eyeWith(() => 0.55, square, 4)
  expect(await lookOnce(eye, bars)).toHaveLength(1)
  expect(eye.left).toBe(2)
})

test('a frame with a doubtful face is looked at up to four times, never more', async () => {
  const sharp = eyeWith(share => (share < 0.14 ? 0.3 : 0.8), square, 4)
  expect(await lookOnce(sharp, bars)).toHaveLength(1)
  const never = eyeWith(share => (share < 0.14 ? 0.3 : share < 0.17 ? 0.65 : 0.4), square, 4)
  expect(await lookOnce(never, bars)).toEqual([])
  expect(never.left).toBe(0)
})

test('an eye that has no looks left sees nothing', async () => {
  const eye = eyeWith(() => 0.9, square, 0)
  expect(await lookOnce(eye, bars)).toEqual([])
})

test('a cheap look shows the picture’s own rows alone, a full one all', async () => {
  const asked: (number | undefined)[] = []
  const net: Net = {
    ...whiteNet(() => 0.9),
    rows: [20, 24, SIZE],
    async run(input, _minScore, rows) {
      expect(input).toHaveLength((rows ?? SIZE) * SIZE * 3)
      asked.push(rows)
      return []
    },
  }
  const input = new Float32Array(SIZE * SIZE * 3)
  for (const [height, angle] of [
    [225, 0],
    [300, 0],
    [400, 0],
    [225, 0.1],
  ] as const) {
    const wide = { width: 400, height, data: new Uint8Array(400 * height * 3) }
    const eye = new Eye(wide, net, input, 10)
    await eye.look(wholeView(wide, angle), 0.1, true)
    await eye.look(wholeView(wide, angle), 0.1)
  }
  expect(asked).toEqual([20, SIZE, 24, SIZE, SIZE, SIZE, SIZE, SIZE])
})
