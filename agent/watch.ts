import type { Frame } from '../hardware/hardware.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import type { Trigger } from '../protocol/clip.ts'
import type { Face } from '../protocol/image.ts'
import { motionGate } from './motion.ts'
import { Presence } from './presence.ts'

/** One moment in which there is something to keep. */
export interface Sighting {
  /** Monotonic milliseconds of the picture. */
  readonly at: number
  /** When this event was first seen; at most `at`. */
  readonly since: number
  readonly trigger: Trigger
  /** Faces in this very picture, best first; none for motion, or while a face lingers. */
  readonly faces: readonly Face[]
}

export interface WatchOptions {
  readonly triggers: readonly Trigger[]
  readonly motion: { readonly area: number; readonly step: number }
}

/** With nothing moving a face is still looked for this often: somebody may sit still when the camera starts. */
const IDLE_LOOK_MS = 1000
/** Once a face is confirmed, this often is enough. */
const CONFIRMED_LOOK_MS = 200

/**
 * Motion gate → detect → sightings with hysteresis. Frames come from a queue of one, so a slow detector skips pictures
 * and delays nobody.
 */
export async function* watch(
  frames: AsyncIterable<Frame>,
  detector: FaceDetector,
  options: WatchOptions,
): AsyncGenerator<Sighting> {
  const moved = motionGate(options.motion)
  const motion = new Presence({ confirm: 3, window: 5, lingerMs: 1000 })
  const face = new Presence({ confirm: 2, window: 4, lingerMs: 2000 })
  let lookedAt = Number.NEGATIVE_INFINITY
  for await (const frame of frames) {
    const { at } = frame
    const moves = moved(frame) > options.motion.area
    motion.look(at, moves)
    const wait = face.since !== undefined ? CONFIRMED_LOOK_MS : moves || face.hot(at) ? 0 : IDLE_LOOK_MS
    let faces: readonly Face[] = []
    if (options.triggers.includes('face') && at - lookedAt >= wait) {
      lookedAt = at
      faces = await detector.detect(frame)
      face.look(at, faces.length > 0)
    }
    if (face.since !== undefined) yield { at, since: face.since, trigger: 'face', faces }
    else if (motion.since !== undefined && options.triggers.includes('motion'))
      yield { at, since: motion.since, trigger: 'motion', faces: [] }
  }
}
