import type { View } from './picture.ts'

/** Share of a tile that its neighbour sees too, so that a face on the seam is whole in one of them. */
const SHARED = 0.25

/** Upright squares of this side that cover a picture, overlapping; none when one square would hold it all. */
export function tiles(width: number, height: number, side: number): View[] {
  if (Math.max(width, height) <= side) return []
  const views: View[] = []
  for (const y of centres(height, side))
    for (const x of centres(width, side)) views.push({ x, y, side, angle: 0 })
  return views
}

function centres(length: number, side: number): number[] {
  if (length <= side) return [length / 2]
  const count = Math.ceil((length - side) / (side * (1 - SHARED))) + 1
  const step = (length - side) / (count - 1)
  return Array.from({ length: count }, (_, i) => side / 2 + i * step)
}
