import type { RgbImage } from '../../protocol/image.ts'

/** A picture of one byte a pixel, rows from the top. */
export interface GreyImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array<ArrayBuffer>
}

/** A picture as a Netpbm file (P6 for colour, P5 for grey): the plainest file that an image reader takes. A copy. */
export function toNetpbm({ width, height, data }: RgbImage | GreyImage): Uint8Array<ArrayBuffer> {
  const kind = data.length === width * height ? 'P5' : 'P6'
  const header = Buffer.from(`${kind}\n${width} ${height}\n255\n`)
  const file = new Uint8Array(header.length + data.length)
  file.set(header)
  file.set(data, header.length)
  return file
}

/** Brightness as the eye weighs it, of the pixels at the end of a P6 file. */
export function greyOf({
  width,
  height,
  file,
}: {
  width: number
  height: number
  file: Uint8Array
}): GreyImage {
  const pixels = width * height
  const data = new Uint8Array(pixels)
  for (let out = 0, i = file.length - pixels * 3; out < pixels; out++, i += 3)
    data[out] =
      (306 * (file[i] as number) + 601 * (file[i + 1] as number) + 117 * (file[i + 2] as number)) >> 10
  return { width, height, data }
}

/**
 * Edges made steeper: each pixel moves away from the mean of its four neighbours, by twice its distance. The outermost
 * pixels stay. Of codes that blur had made unreadable this reads more than half; noise and dim light it makes worse.
 */
export function sharpened({ width, height, data }: GreyImage): GreyImage {
  const sharp = Uint8ClampedArray.from(data)
  for (let y = 1; y < height - 1; y++)
    for (let x = 1, i = y * width + 1; x < width - 1; x++, i++) {
      const around =
        (data[i - 1] as number) +
        (data[i + 1] as number) +
        (data[i - width] as number) +
        (data[i + width] as number)
      sharp[i] = 3 * (data[i] as number) - around / 2
    }
  return { width, height, data: new Uint8Array(sharp.buffer) }
}
