import type { Candidate } from './candidate.ts'

/** Numbers that a blazeface-like head gives for each anchor: centre offset, size, six points (the eyes first). */
export const NUMBERS_PER_ANCHOR = 16

/** Where the anchors of a network sit, as fractions of its input: x and y in turn. */
export type Anchors = Float32Array

/** Anchors at the middle of each cell of square grids, in the order in which the network gives them. */
export function gridAnchors(grids: readonly { readonly cells: number; readonly each: number }[]): Anchors {
  const centres: number[] = []
  for (const { cells, each } of grids)
    for (let y = 0; y < cells; y++)
      for (let x = 0; x < cells; x++)
        for (let i = 0; i < each; i++) centres.push((x + 0.5) / cells, (y + 0.5) / cells)
  return Float32Array.from(centres)
}

/**
 * Reads the head of a MediaPipe face detector (full range: one 48x48 grid, input 192; blazeface: 16x16 twice and 8x8
 * six times, input 256). `boxes` holds 16 numbers an anchor in input pixels, `logits` one. Answers in fractions of the
 * input; what scores below `minScore` or has no size is left out.
 */
export function decode(
  boxes: Float32Array,
  logits: Float32Array,
  anchors: Anchors,
  inputSize: number,
  minScore: number,
): Candidate[] {
  const found: Candidate[] = []
  const least = Math.log(minScore / (1 - minScore))
  for (let anchor = 0; anchor < logits.length; anchor++) {
    const logit = logits[anchor] as number
    if (!(logit >= least)) continue
    const at = anchor * NUMBERS_PER_ANCHOR
    const number = (i: number) => (boxes[at + i] as number) / inputSize
    const width = number(2)
    const height = number(3)
    if (!(width > 0 && height > 0)) continue
    found.push({
      x: (anchors[anchor * 2] as number) + number(0),
      y: (anchors[anchor * 2 + 1] as number) + number(1),
      width,
      height,
      score: 1 / (1 + Math.exp(-logit)),
      roll: Math.atan2(number(7) - number(5), number(6) - number(4)),
    })
  }
  return found
}
