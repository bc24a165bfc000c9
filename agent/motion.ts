import type { RgbImage } from '../protocol/image.ts'

/** How much of the picture moved, 0 to 1. */
export type MotionGate = (picture: RgbImage) => number

/** One measured spot stands for this many pixels in each direction. */
const STRIDE = 2
/** How quickly the remembered background follows the picture, as a share a picture. */
const FOLLOW = 1 / 16

/**
 * A motion gate: compares each picture's brightness with a slowly following background. Cheap on purpose (some thousand
 * additions a picture), since it runs always and everything dear behind it only when it says so. An overall change of
 * brightness (a cloud, the camera's own exposure) is taken out before.
 *
 * @param step how far a spot's brightness must be from the background's, of 255.
 */
export function motionGate({ step }: { step: number }): MotionGate {
  let background: Float32Array | undefined
  let shape = ''
  return picture => {
    const bright = brightness(picture)
    const now = `${picture.width}x${picture.height}`
    if (background === undefined || shape !== now) {
      background = Float32Array.from(bright)
      shape = now
      return 0
    }
    let shift = 0
    for (let spot = 0; spot < bright.length; spot++) shift += (bright[spot] ?? 0) - (background[spot] ?? 0)
    shift /= bright.length
    let moved = 0
    for (let spot = 0; spot < bright.length; spot++) {
      const difference = (bright[spot] ?? 0) - (background[spot] ?? 0)
      if (Math.abs(difference - shift) > step) moved++
      background[spot] = (background[spot] ?? 0) + difference * FOLLOW
    }
    return moved / bright.length
  }
}

function brightness({ width, height, data }: RgbImage): Uint8Array {
  const columns = Math.ceil(width / STRIDE)
  const rows = Math.ceil(height / STRIDE)
  const result = new Uint8Array(columns * rows)
  let spot = 0
  for (let row = 0; row < rows; row++) {
    let pixel = row * STRIDE * width * 3
    for (let column = 0; column < columns; column++) {
      // Rec. 601 luma in integers.
      result[spot++] =
        (77 * (data[pixel] ?? 0) + 150 * (data[pixel + 1] ?? 0) + 29 * (data[pixel + 2] ?? 0)) >> 8
      pixel += STRIDE * 3
    }
  }
  return result
}
