/** A picture in memory: `data` holds `width * height * 3` bytes, rows from the top, R G B. */
export interface RgbImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** `[x, y, width, height]` as fractions of the picture, origin at the top left. */
export type Box = readonly [x: number, y: number, width: number, height: number]

/** A face found in a picture. `score` is the detector's confidence, 0 to 1. */
export interface Face {
  readonly box: Box
  readonly score: number
}
