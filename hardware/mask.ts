import { join } from 'node:path'
import { type Disk, replaceFile } from '../storage/disk.ts'
import type { Capture } from './arguments.ts'

/** A corner as fractions of the picture's width and height, from the top left. */
export type Corner = readonly [x: number, y: number]
/** A part of the picture that nobody may see: a closed line of at least three corners. */
export type Polygon = readonly Corner[]

/** Chroma is kept for two by two pixels: what is masked ends where such a block ends, or its colour would show. */
const BLOCK = 2

/**
 * Which blocks of two by two pixels a mask covers: every block that a polygon touches, on its edge too. Pure.
 *
 * @returns a row after the other; 1 where it is covered.
 */
export function maskedBlocks(
  polygons: readonly Polygon[],
  { width, height }: { readonly width: number; readonly height: number },
): { readonly columns: number; readonly rows: number; readonly covered: Uint8Array } {
  const [columns, rows] = [Math.ceil(width / BLOCK), Math.ceil(height / BLOCK)]
  const covered = new Uint8Array(columns * rows)
  const cover = (x: number, y: number) => {
    const [column, row] = [Math.min(columns - 1, Math.floor(x)), Math.min(rows - 1, Math.floor(y))]
    if (column >= 0 && row >= 0) covered[row * columns + column] = 1
  }
  for (const polygon of polygons) {
    const corners = polygon.map(([x, y]) => [(x * width) / BLOCK, (y * height) / BLOCK] as const)
    for (let row = 0; row < rows; row++)
      for (const [from, to] of insideAt(corners, row + 0.5))
        for (let column = Math.max(0, Math.floor(from)); column < Math.min(columns, to); column++)
          covered[row * columns + column] = 1
    for (const [[x1, y1], [x2, y2]] of edgesOf(corners)) {
      const steps = Math.ceil(Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1)) * 8) + 1
      for (let step = 0; step <= steps; step++)
        cover(x1 + ((x2 - x1) * step) / steps, y1 + ((y2 - y1) * step) / steps)
    }
  }
  return { columns, rows, covered }
}

/** From where to where a horizontal line is inside (even-odd). */
function insideAt(corners: readonly Corner[], y: number): readonly (readonly [number, number])[] {
  const crossings = edgesOf(corners)
    .flatMap(([[x1, y1], [x2, y2]]) => (y1 <= y === y2 <= y ? [] : [x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)]))
    .sort((a, b) => a - b)
  return crossings.flatMap((from, index) =>
    index % 2 === 0 ? [[from, crossings[index + 1] ?? from] as const] : [],
  )
}

function edgesOf(corners: readonly Corner[]): readonly (readonly [Corner, Corner])[] {
  return corners.map((corner, index) => [corner, corners[(index + 1) % corners.length] ?? corner])
}

/** A picture to lay over others: black where it is masked, clear elsewhere. Netpbm's PAM. */
export function maskPicture(
  polygons: readonly Polygon[],
  size: { readonly width: number; readonly height: number },
): Uint8Array {
  const { width, height } = size
  const { columns, covered } = maskedBlocks(polygons, size)
  const head = `P7\nWIDTH ${width}\nHEIGHT ${height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n`
  const pixels = new Uint8Array(width * height * 4)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (covered[(y >> 1) * columns + (x >> 1)] === 1) pixels[(y * width + x) * 4 + 3] = 255
  return Buffer.concat([Buffer.from(head), pixels])
}

/**
 * A capture with these parts masked before anything else: before the ring and before the small frames, so that what is masked was
 * never recorded and never looked at. The camera's own stream is decoded for that, whatever it is.
 *
 * @param folder where the mask's picture is kept.
 */
export async function withMask(
  capture: Capture,
  polygons: readonly Polygon[],
  { disk, folder }: { readonly disk: Disk; readonly folder: string },
): Promise<Capture> {
  if (polygons.length === 0) return capture
  const mask = join(folder, 'mask.pam')
  await disk.makeFolder(folder)
  await replaceFile(disk, mask, maskPicture(polygons, capture))
  return { ...capture, ring: 'encode-mjpeg', mask }
}
