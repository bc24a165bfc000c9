import type { Candidate } from './candidate.ts'
import { type Bars, confirm } from './confirm.ts'
import type { Eye } from './eye.ts'
import { mergeOverlapping, overlap } from './nms.ts'
import { type View, wholeView } from './picture.ts'
import { tiles } from './tiles.ts'

const DEGREE = Math.PI / 180
/** Faces turned further than this are looked at again in a turned picture. */
const TURNED = 25 * DEGREE
/** Faces smaller than this share of the longer side call for a closer look. */
const SMALL = 1 / 20

/**
 * For single photographs: one look where the faces are plain to see; where there is doubt, nothing or a sign of turned
 * or small faces, as many as it takes (bounded by the eye). Best first.
 */
export async function lookThoroughly(eye: Eye, bars: Bars): Promise<Candidate[]> {
  const found = new Findings(eye, bars)
  const { width, height } = eye.picture
  const longer = Math.max(width, height)
  await found.look(wholeView(eye.picture))
  const roll = found.roll()
  if (roll !== undefined && Math.abs(roll) > TURNED) await found.look(wholeView(eye.picture, roll))
  if (found.small(longer * SMALL) || found.faces.length === 0)
    for (const view of tiles(width, height, longer / 2)) await found.look(view)
  for (const degrees of [45, -45, 90, -90, 180]) {
    if (found.faces.length > 0) break
    await found.look(wholeView(eye.picture, degrees * DEGREE))
  }
  if (found.faces.length === 0) for (const view of tiles(width, height, longer / 4)) await found.look(view)
  return found.faces
}

/** What the looks at one picture came to. */
class Findings {
  faces: Candidate[] = []
  readonly #eye: Eye
  readonly #bars: Bars
  /** Whatever was seen, faces or not: it tells how the picture is turned and how small its faces may be. */
  readonly #seen: Candidate[] = []
  readonly #refused: Candidate[] = []

  constructor(eye: Eye, bars: Bars) {
    this.#eye = eye
    this.#bars = bars
  }

  async look(view: View): Promise<void> {
    for (const candidate of await this.#eye.look(view, this.#bars.doubt)) {
      this.#seen.push(candidate)
      if (candidate.score >= this.#bars.sure) this.#take(candidate)
      else if (!this.#known(candidate)) {
        const face = await confirm(this.#eye, candidate, this.#bars)
        if (face === undefined) this.#refused.push(candidate)
        else this.#take(face)
      }
    }
  }

  /** The middle of the rolls, weighted by score; nothing when nothing was seen. */
  roll(): number | undefined {
    const total = this.#seen.reduce((sum, { score }) => sum + score, 0)
    if (total === 0) return undefined
    // The mean of directions, not of angles: 179° and -179° make 180°.
    const up = this.#seen.reduce((sum, { roll, score }) => sum + Math.cos(roll) * score, 0)
    const across = this.#seen.reduce((sum, { roll, score }) => sum + Math.sin(roll) * score, 0)
    return Math.atan2(across, up)
  }

  /** Whether there was a sign of a face smaller than this. */
  small(side: number): boolean {
    return this.#seen.some(({ width }) => width < side)
  }

  #take(face: Candidate): void {
    this.faces = mergeOverlapping([...this.faces, face])
  }

  #known(candidate: Candidate): boolean {
    return [...this.faces, ...this.#refused].some(other => overlap(other, candidate) > 0.3)
  }
}
