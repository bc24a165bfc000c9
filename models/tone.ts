import type { RgbImage } from '../protocol/image.ts'

/** Grey levels as they are, in [-1, 1] as the networks want them. */
export const plainTone: Float32Array = Float32Array.from({ length: 256 }, (_, level) => level / 127.5 - 1)

/** Light in a picture: a dark level, the middle and a bright one, 0 to 255. */
export interface Light {
  readonly low: number
  readonly middle: number
  readonly high: number
}

/** The 1st, 50th and 99th percentile of green, from about 4,000 pixels spread over the picture. */
export function lightOf({ width, height, data }: RgbImage): Light {
  const counts = new Uint32Array(256)
  const pixels = width * height
  const step = Math.max(1, Math.floor(pixels / 4096))
  let total = 0
  for (let pixel = 0; pixel < pixels; pixel += step, total++) {
    const level = data[pixel * 3 + 1] as number
    counts[level] = (counts[level] as number) + 1
  }
  const percentile = (share: number) => {
    let seen = 0
    for (let level = 0; level < 256; level++) {
      seen += counts[level] as number
      if (seen > total * share) return level
    }
    return 255
  }
  return { low: percentile(0.01), middle: percentile(0.5), high: percentile(0.99) }
}

/** Grey levels of a picture in bad light, spread over the whole range with the middle lifted. */
export function liftedTone({ low, middle, high }: Light): Float32Array {
  const span = Math.max(high - low, 16)
  const centre = Math.min(Math.max((middle - low) / span, 0.02), 0.6)
  // The gamma that brings the middle to 0.45, but never darkens and never turns noise into a picture.
  const gamma = Math.min(1, Math.max(Math.log(0.45) / Math.log(centre), 0.45))
  return Float32Array.from({ length: 256 }, (_, level) => {
    const share = Math.min(Math.max((level - low) / span, 0), 1)
    return share ** gamma * 2 - 1
  })
}

/** Whether a picture is so dark or flat that its grey levels should be spread before a network sees it. */
export function isDim({ high }: Light): boolean {
  return high < 110
}
