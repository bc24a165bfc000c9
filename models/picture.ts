import type { RgbImage } from '../protocol/image.ts'

/**
 * A square seen in a picture: centre and side in the picture's pixels, turned by `angle` (radians, clockwise as seen).
 * A network is shown the square upright; what lies outside the picture is filled.
 */
export interface View {
  readonly x: number
  readonly y: number
  readonly side: number
  readonly angle: number
}

/** The smallest upright square that holds the whole picture: what letterboxing shows. */
export function wholeView(picture: RgbImage, angle = 0): View {
  const { width, height } = picture
  const turn = Math.abs(Math.sin(2 * angle))
  // Upright or on its side a rectangle needs its longer side; in between its diagonal is the safe bound.
  const longer = Math.max(width, height)
  const side = longer + (Math.hypot(width, height) - longer) * turn
  return { x: width / 2, y: height / 2, side, angle }
}

/** The picture and its halvings, made when first needed: sampling from the right one avoids aliasing at any size. */
export class Pyramid {
  readonly #levels: RgbImage[]

  constructor(picture: RgbImage) {
    this.#levels = [picture]
  }

  /** The smallest level in which a step of `step` source pixels is still at least one pixel. */
  at(step: number): { picture: RgbImage; scale: number } {
    let level = 0
    let scale = 1
    for (let next = 2; next <= step; next *= 2) {
      const below = this.#levels[level] as RgbImage
      if (below.width < 2 || below.height < 2) break
      level += 1
      scale = next
      this.#levels[level] ??= halve(below)
    }
    return { picture: this.#levels[level] as RgbImage, scale }
  }
}

/** Half the size, each pixel the mean of four; an odd last row or column is dropped. */
export function halve({ width, height, data }: RgbImage): RgbImage {
  const w = width >> 1
  const h = height >> 1
  const half = new Uint8Array(w * h * 3)
  const row = width * 3
  let out = 0
  for (let y = 0; y < h; y++) {
    let i = y * 2 * row
    for (let x = 0; x < w; x++, i += 6)
      for (let c = i; c < i + 3; c++)
        half[out++] =
          ((data[c] as number) +
            (data[c + 3] as number) +
            (data[c + row] as number) +
            (data[c + row + 3] as number) +
            2) >>
          2
  }
  return { width: w, height: h, data: half }
}

/**
 * Shows `view`, or `rows` from its middle, to a network: `rows * size * 3` numbers in [-1, 1] into `into`, rows from the top, R G B, bilinear; grey
 * levels go through `tone` (256 entries, already in [-1, 1]), outside the picture is `tone[0]`.
 */
export function render(
  pyramid: Pyramid,
  view: View,
  { size, rows }: { readonly size: number; readonly rows: number },
  tone: Float32Array,
  into: Float32Array,
): void {
  const { picture, scale } = pyramid.at(view.side / size)
  const { width, height, data } = picture
  const step = view.side / size / scale
  const cos = Math.cos(view.angle) * step
  const sin = Math.sin(view.angle) * step
  const half = (size - 1) / 2
  const row = width * 3
  const outside = tone[0] as number
  let out = 0
  const above = (size - rows) / 2
  for (let v = above; v < above + rows; v++) {
    let x = view.x / scale - 0.5 - cos * half - sin * (v - half)
    let y = view.y / scale - 0.5 - sin * half + cos * (v - half)
    for (let u = 0; u < size; u++, x += cos, y += sin) {
      if (x < -0.5 || y < -0.5 || x > width - 0.5 || y > height - 0.5) {
        into[out++] = outside
        into[out++] = outside
        into[out++] = outside
        continue
      }
      const left = x < 0 ? 0 : Math.floor(x)
      const top = y < 0 ? 0 : Math.floor(y)
      const fx = x < 0 ? 0 : x - left
      const fy = y < 0 ? 0 : y - top
      const a = top * row + left * 3
      const right = left + 1 < width ? 3 : 0
      const down = top + 1 < height ? row : 0
      for (let c = a; c < a + 3; c++) {
        const upper = (data[c] as number) * (1 - fx) + (data[c + right] as number) * fx
        const lower = (data[c + down] as number) * (1 - fx) + (data[c + down + right] as number) * fx
        into[out++] = tone[Math.round(upper * (1 - fy) + lower * fy)] as number
      }
    }
  }
}
