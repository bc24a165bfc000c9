import type { Box, Face } from '../protocol/image.ts'

/** One face over time: its best look, and when that was (monotonic milliseconds). */
export interface SeenTrack {
  readonly at: number
  readonly face: Face
}

/** A face that was away for longer is a new one. */
const AWAY_MS = 1500
/** Faces of one clip that are kept, the best ones. */
const TRACKS_MAX = 64

interface Track {
  best: SeenTrack
  last: { readonly at: number; readonly box: Box }
  looks: number
}

/**
 * Joins looks at the same face: the next look belongs to the face that was last seen nearest, if a person can have come from
 * there since (one face's size, and two more a second). So a clip names each face that came once, however long it stayed. A face that was looked at once only is left out while another one was seen
 * more often: it is more often a mistake than a person.
 */
export class FaceTracks {
  #tracks: Track[] = []

  /** Takes all faces of one picture. */
  look(at: number, faces: readonly Face[]): void {
    const free = new Set(this.#tracks.filter(track => at - track.last.at <= AWAY_MS))
    for (const face of faces) {
      const near = [...free].flatMap(track => {
        const steps = stepsBetween(track.last.box, face.box)
        const reach = 1 + (2 * (at - track.last.at)) / 1000
        return steps === undefined || steps > reach ? [] : [{ track, steps }]
      })
      const match = near.sort((a, b) => a.steps - b.steps)[0]?.track
      if (match === undefined) this.#add({ best: { at, face }, last: { at, box: face.box }, looks: 1 })
      else {
        free.delete(match)
        match.looks++
        match.last = { at, box: face.box }
        if (worth(face) > worth(match.best.face)) match.best = { at, face }
      }
    }
  }

  /** Best first. */
  faces(): readonly SeenTrack[] {
    const lasting = this.#tracks.filter(({ looks }) => looks > 1)
    const counted = lasting.length > 0 ? lasting : this.#tracks
    return counted.map(({ best }) => best).toSorted((a, b) => worth(b.face) - worth(a.face))
  }

  #add(track: Track): void {
    this.#tracks.push(track)
    if (this.#tracks.length <= TRACKS_MAX) return
    const weight = ({ looks, best }: Track) => (looks > 1 ? 1 : 0) + worth(best.face)
    this.#tracks = this.#tracks.toSorted((a, b) => weight(b) - weight(a)).slice(0, TRACKS_MAX)
  }
}

/** A face makes a better picture when it is surer and larger. */
export function worth(face: Face | undefined): number {
  return face === undefined ? 0 : face.score * Math.sqrt(face.box[2] * face.box[3])
}

/** How far two boxes are apart, in sizes of the larger one; undefined when one is twice as large as the other. */
function stepsBetween([ax, ay, aw, ah]: Box, [bx, by, bw, bh]: Box): number | undefined {
  const ratio = Math.sqrt((aw * ah) / (bw * bh || Number.EPSILON))
  if (!(ratio > 0.5 && ratio < 2)) return undefined
  const across = (ax + aw / 2 - bx - bw / 2) / Math.max(aw, bw)
  const down = (ay + ah / 2 - by - bh / 2) / Math.max(ah, bh)
  return Math.hypot(across, down)
}
