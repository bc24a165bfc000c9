import type { GreyImage } from './netpbm.ts'

interface Corner {
  readonly x: number
  readonly y: number
}

/** The four corners of a code in the pixels of its picture. */
export interface Outline {
  readonly topLeft: Corner
  readonly topRight: Corner
  readonly bottomRight: Corner
  readonly bottomLeft: Corner
}

/** Fewer pixels a module than this are few for a webcam. */
const MODULE_MIN = 4
/** Edges wider than this share of a module run into one another. */
const BLUR_MAX = 0.4
/** What has longer and shorter sides than this is no code, but patterns that looked like its corners. */
const ASKEW_MAX = 1.5

/**
 * Why a code that was found could not be read, as far as the picture shows it; `undefined` when it is doubtful whether
 * there is a code at all.
 *
 * @param modules how many modules the code has along a side; 0 when unknown.
 */
export function doubtAbout(
  outline: Outline,
  modules: number,
  grey: GreyImage,
): 'small' | 'blurred' | 'torn' | undefined {
  const { topLeft, topRight, bottomRight, bottomLeft } = outline
  const sides = [
    distance(topLeft, topRight),
    distance(topRight, bottomRight),
    distance(bottomRight, bottomLeft),
    distance(bottomLeft, topLeft),
  ]
  const shortest = Math.min(...sides)
  if (modules === 0 || shortest < modules || Math.max(...sides) > ASKEW_MAX * shortest) return undefined
  const module = sides.reduce((sum, side) => sum + side / 4, 0) / modules
  if (module < MODULE_MIN) return 'small'
  return edgeWidth(outline, grey) > BLUR_MAX * module ? 'blurred' : 'torn'
}

const distance = (a: Corner, b: Corner) => Math.hypot(a.x - b.x, a.y - b.y)

/**
 * How soft the sharpest edges inside an outline are: the standard deviation, in pixels, of the blur that makes an edge
 * of this contrast this steep. Noise makes it smaller, so each pixel counts as the mean of nine, which adds 0.8.
 */
function edgeWidth({ topLeft, topRight, bottomRight, bottomLeft }: Outline, grey: GreyImage): number {
  const { width, height } = grey
  const xs = [topLeft.x, topRight.x, bottomRight.x, bottomLeft.x]
  const ys = [topLeft.y, topRight.y, bottomRight.y, bottomLeft.y]
  const from = { x: Math.max(2, Math.min(...xs)), y: Math.max(2, Math.min(...ys)) }
  const to = { x: Math.min(width - 3, Math.max(...xs)), y: Math.min(height - 3, Math.max(...ys)) }
  const levels = new Uint32Array(256)
  const slopes = new Uint32Array(256)
  let count = 0
  for (let y = from.y; y <= to.y; y++)
    for (let x = from.x; x <= to.x; x++, count++) {
      const right = mean(grey, x + 1, y)
      const left = mean(grey, x - 1, y)
      const below = mean(grey, x, y + 1)
      const above = mean(grey, x, y - 1)
      increment(levels, Math.round((left + right) / 2))
      increment(slopes, Math.round(Math.hypot(right - left, below - above) / 2))
    }
  const contrast = quantile(levels, count, 0.95) - quantile(levels, count, 0.05)
  const steepest = quantile(slopes, count, 0.99)
  return steepest === 0 ? Number.POSITIVE_INFINITY : contrast / (steepest * Math.sqrt(2 * Math.PI))
}

function increment(counts: Uint32Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1
}

/** The mean of a pixel and its eight neighbours. */
function mean({ width, data }: GreyImage, x: number, y: number): number {
  let sum = 0
  for (let i = (y - 1) * width + x - 1; i <= (y + 1) * width + x + 1; i += width)
    sum += (data[i] ?? 0) + (data[i + 1] ?? 0) + (data[i + 2] ?? 0)
  return sum / 9
}

/** The level below which so large a share of `count` lies. */
function quantile(counts: Uint32Array, count: number, share: number): number {
  let level = 0
  for (let seen = counts[0] ?? 0; seen < share * count && level < counts.length - 1; ) {
    level++
    seen += counts[level] ?? 0
  }
  return level
}
