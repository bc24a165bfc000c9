import type { CameraSession, Fragment } from '../hardware/hardware.ts'
import type { Manifest, Trigger } from '../protocol/clip.ts'
import type { Face } from '../protocol/image.ts'
import { type CutRules, type CutStep, Cutter } from './cutter.ts'
import { Feed } from './feed.ts'
import { FaceTracks, type SeenTrack, worth } from './tracks.ts'
import type { Sighting } from './watch.ts'

/** A face with the fragments that end in its picture, for a still. */
export interface SeenFace {
  readonly at: number
  readonly since: number
  readonly faces: readonly Face[]
  readonly fragments: readonly Fragment[]
}

/** A clip while it is being recorded. */
export interface Clip {
  readonly session: Pick<CameraSession, 'format' | 'init'>
  /** Monotonic milliseconds of its first picture. */
  readonly startedAt: number
  readonly trigger: Trigger
  /** Pre-roll at once, then as the camera delivers. Bounded by `CLIP_QUEUE_BYTES`. */
  readonly fragments: AsyncIterable<Fragment>
  /** The event began in the clip before, which was split. */
  readonly continues: boolean
  /** The first confirmed face; undefined when the clip ended without one. */
  readonly firstFace: Promise<SeenFace | undefined>
  /** Fragments that end in the clip's best picture: the best face, else where something was first seen. */
  bestPicture(): readonly Fragment[]
  /** Faces so far, each once, best first, at most 64. */
  faces(): readonly SeenTrack[]
  triggers(): readonly Trigger[]
  durationMs(): number
  /** How many of its fragments gave way. */
  lost(): number
  /** Nobody reads its fragments any more: what waits is let go, and what still comes is not kept. */
  abandon(): void
  /** Resolves when no more fragments come, and says why. */
  readonly ended: Promise<Manifest['end']>
}

/**
 * Fragments of all clips that wait for a slow encoder, at most. Beyond it the newest give way, up to the next key picture
 * for which there is room again: a clip then has a hole, which `lost()` counts.
 */
export const CLIP_QUEUE_BYTES = 64 * 1024 * 1024

/** When the camera has ended, sightings of its last pictures are waited for so long: the detector may hang. */
const LAST_SIGHTINGS_MS = 1000

/**
 * Cuts clips out of a camera's fragments by what was seen. Reads both inputs as they come, whatever the reader of the
 * clips does; clips are yielded when they open, so that they can be sealed and sent while they are recorded.
 *
 * When the fragments end, the running clip ends with them, whatever the detector is still doing; `endCause()` says why.
 * Errors of the inputs are thrown to the reader after the running clip has ended.
 */
export async function* cut(
  session: Pick<CameraSession, 'format' | 'init'>,
  fragments: AsyncIterable<Fragment>,
  sightings: AsyncIterable<Sighting>,
  rules: CutRules,
  endCause: () => 'stopped' | 'camera' | 'privacy',
): AsyncGenerator<Clip> {
  const cutter = new Cutter(rules)
  const clips = new Feed<Clip>()
  const queue = { bytes: 0 }
  let open: OpenClip | undefined

  const take = (steps: readonly CutStep[]) => {
    for (const step of steps) {
      if (step.do === 'open') {
        open = new OpenClip(session, step, queue)
        clips.put(open)
      } else if (step.do === 'append') open?.append(step.fragment)
      else if (step.do === 'note') open?.note(step.sighting, step.fragments)
      else {
        open?.close(step.end)
        open = undefined
      }
    }
  }
  const readFragments = async () => {
    for await (const fragment of fragments) take(cutter.arrived(fragment))
  }
  const readSightings = async () => {
    for await (const sighting of sightings) take(cutter.seen(sighting))
  }
  const sighted = readSightings()
  const pump = Promise.race([
    readFragments().then(() => atMost(sighted, LAST_SIGHTINGS_MS)),
    sighted.then(() => new Promise<never>(() => undefined)),
  ]).then(
    () => {
      open?.close(endCause())
      clips.close()
    },
    error => {
      open?.close('camera')
      clips.close(error)
    },
  )
  yield* clips
  await pump
}

async function atMost(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}

class OpenClip implements Clip {
  readonly session: Pick<CameraSession, 'format' | 'init'>
  readonly startedAt: number
  readonly trigger: Trigger
  readonly fragments: AsyncIterable<Fragment>
  readonly continues: boolean
  readonly firstFace: Promise<SeenFace | undefined>
  #tellFirstFace: (face: SeenFace | undefined) => void = () => undefined
  #best: { readonly face: Face | undefined; readonly fragments: readonly Fragment[] } | undefined
  readonly #faces = new FaceTracks()
  readonly #triggers = new Set<Trigger>()
  readonly #feed = new Feed<Fragment>()
  /** Shared by all clips of a camera. */
  readonly #queue: { bytes: number }
  #durationMs = 0
  #lost = 0
  #waitsForKey = false
  readonly ended: Promise<Manifest['end']>
  #tellEnd: (end: Manifest['end']) => void = () => undefined

  constructor(
    session: Pick<CameraSession, 'format' | 'init'>,
    { sighting, fragments, continues }: Extract<CutStep, { do: 'open' }>,
    queue: { bytes: number },
  ) {
    this.#queue = queue
    this.continues = continues
    this.fragments = this.#drain()
    this.session = session
    this.startedAt = fragments[0]?.at ?? sighting.at
    this.trigger = sighting.trigger
    this.#triggers.add(sighting.trigger)
    this.firstFace = new Promise(resolve => {
      this.#tellFirstFace = resolve
    })
    this.ended = new Promise(resolve => {
      this.#tellEnd = resolve
    })
    for (const fragment of fragments) this.append(fragment)
  }

  append(fragment: Fragment): void {
    if (this.#feed.closed) return
    const full = this.#queue.bytes + fragment.data.length > CLIP_QUEUE_BYTES
    if (full || (this.#waitsForKey && !fragment.key)) {
      this.#waitsForKey = true
      this.#lost++
      return
    }
    this.#waitsForKey = false
    this.#queue.bytes += fragment.data.length
    this.#durationMs += fragment.durationMs
    this.#feed.put(fragment)
  }

  abandon(): void {
    this.#feed.close()
    for (const { data } of this.#feed.clear()) this.#queue.bytes -= data.length
  }

  async *#drain(): AsyncGenerator<Fragment> {
    for await (const fragment of this.#feed) {
      this.#queue.bytes -= fragment.data.length
      yield fragment
    }
  }

  note({ at, since, trigger, faces }: Sighting, fragments: readonly Fragment[]): void {
    this.#triggers.add(trigger)
    const face = faces[0]
    const better = this.#best === undefined || worth(face) > worth(this.#best.face)
    if (fragments.length > 0 && better) this.#best = { face, fragments }
    if (face === undefined) return
    this.#tellFirstFace({ at, since, faces, fragments })
    this.#faces.look(at, faces)
  }

  close(end: Manifest['end']): void {
    this.#tellEnd(end)
    this.#feed.close()
    this.#tellFirstFace(undefined)
  }

  bestPicture(): readonly Fragment[] {
    return this.#best?.fragments ?? []
  }

  faces(): readonly SeenTrack[] {
    return this.#faces.faces()
  }

  triggers(): readonly Trigger[] {
    return [...this.#triggers]
  }

  durationMs(): number {
    return this.#durationMs
  }

  lost(): number {
    return this.#lost
  }
}
