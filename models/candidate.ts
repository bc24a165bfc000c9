import type { View } from './picture.ts'

/** What a network thinks may be a face: centre and size, score 0 to 1, and how far the eyes' line is turned (radians). */
export interface Candidate {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly score: number
  readonly roll: number
}

/** A network that looks at one square. */
export interface Net {
  /** Sides of the square in pixels. */
  readonly size: number
  /** How many of the square's rows, from its middle, may be shown alone: least first, all last. Fewer cost less. */
  readonly rows: readonly number[]
  /**
   * `rows * size * 3` numbers in [-1, 1], by default all rows; answers in fractions of the square, all that score at least
   * `minScore`.
   */
  run(input: Float32Array, minScore: number, rows?: number): Promise<Candidate[]>
  close(): void
}

/** From fractions of the square that was seen to pixels of the picture. */
export function toPicture(candidate: Candidate, view: View): Candidate {
  const u = (candidate.x - 0.5) * view.side
  const v = (candidate.y - 0.5) * view.side
  const cos = Math.cos(view.angle)
  const sin = Math.sin(view.angle)
  return {
    x: view.x + u * cos - v * sin,
    y: view.y + u * sin + v * cos,
    width: candidate.width * view.side,
    height: candidate.height * view.side,
    score: candidate.score,
    roll: candidate.roll + view.angle,
  }
}
