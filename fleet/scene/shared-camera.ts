import type { Camera, CameraSession, Fragment, Frame } from '../../hardware/hardware.ts'
import { ByteQueue, LatestQueue } from '../../hardware/queue.ts'
import { type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import {
  type Fmp4Timing,
  readFragmentTimes,
  readTimescales,
  readTiming,
  shiftFragment,
} from '../../protocol/fmp4.ts'
import type { RgbImage } from '../../protocol/image.ts'
import { BEAT_MS, type Beat, FRAMES_A_BEAT, type PreparedScene, type Sight } from './prepared.ts'

/** Fragments that nobody has read yet, at most. */
const QUEUE_BYTES = 16 * 1024 * 1024
/** As a camera behind ffmpeg: one that delivers nothing for so long is as good as gone. */
const SILENT_MS = 5000
const FRAME_MS = BEAT_MS / FRAMES_A_BEAT

/** What is before a shared camera, and what is wrong with it. Whoever runs the scenario changes it. */
export class CameraWorld {
  /** It is not there or not to be had: `camera.absent`, `camera.busy`. Who holds it loses it. */
  refuses: ErrorCode | undefined
  /** It delivers nothing, and says nothing. */
  silent = false
  /** Its lens is covered. */
  black = false
  /** A code is held before it. */
  code: RgbImage | undefined
  readonly #coming: Sight[] = []
  #playing: { readonly beats: readonly Beat[]; at: number } | undefined

  /** Somebody comes, as soon as nobody else is there. */
  visit(who: Sight): void {
    this.#coming.push(who)
  }

  /** The next half second of this scene. */
  next({ sights }: PreparedScene): Beat {
    const idle = sights.film ?? sights.empty ?? []
    if (this.black && sights.black !== undefined) return at(sights.black, 0)
    const playing = this.#playing
    if (playing !== undefined && playing.at < playing.beats.length) return at(playing.beats, playing.at++)
    const who = this.#coming.shift()
    const beats = (who && sights[who]) ?? idle
    this.#playing = { beats, at: 1 }
    return at(beats, 0)
  }
}

function at(beats: readonly Beat[], index: number): Beat {
  const beat = beats[index % beats.length]
  if (beat === undefined) throw new OwnlensError('camera.no_video')
  return beat
}

/**
 * A camera that shows a prepared scene at its own pace. It is opened, lost and found like any other; its pictures were encoded
 * once for all cameras that show it.
 */
export function sharedCamera(scene: PreparedScene, world: CameraWorld): Camera {
  return {
    name: scene.name,
    async open({ signal, frames: { size } }) {
      signal.throwIfAborted()
      if (world.refuses !== undefined) throw new OwnlensError(world.refuses, scene.name)
      return new SharedSession(scene, world, size).start(signal)
    },
  }
}

class SharedSession {
  readonly #scene: PreparedScene
  readonly #world: CameraWorld
  /** Frames for codes are large: only then a code is shown as one. */
  readonly #readsCodes: boolean
  readonly #frames = new LatestQueue<Frame>()
  readonly #fragments = new ByteQueue<Fragment>(QUEUE_BYTES)
  readonly #scales: ReadonlyMap<number, number>
  readonly #timing: Fmp4Timing
  #beat: Beat | undefined
  #ticks = 0
  #seconds = 0
  #aliveAt = performance.now()

  constructor(scene: PreparedScene, world: CameraWorld, size: number) {
    this.#scene = scene
    this.#world = world
    this.#readsCodes = size > 640
    this.#scales = readTimescales(scene.init)
    this.#timing = readTiming(scene.init)
  }

  start(signal: AbortSignal): CameraSession {
    const began = performance.now()
    const ended = new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout
      const end = (error?: unknown) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        this.#frames.close()
        this.#fragments.close()
        if (error === undefined) resolve()
        else reject(error)
      }
      const stop = () => end()
      const tick = () => {
        try {
          this.#tick()
        } catch (error) {
          return end(error)
        }
        const late = performance.now() - began - this.#ticks * FRAME_MS
        timer = setTimeout(tick, Math.max(0, FRAME_MS - late))
      }
      signal.addEventListener('abort', stop, { once: true })
      timer = setTimeout(tick, FRAME_MS)
    })
    ended.catch(() => undefined)
    const { format, init } = this.#scene
    return {
      ...{ format, init, frames: this.#frames, fragments: this.#fragments, ended },
      dropped: () => ({ frames: this.#frames.dropped, fragments: this.#fragments.dropped }),
    }
  }

  /** A quarter of a second: a small frame, and at the end of each beat its fragment. Throws what the camera is lost with. */
  #tick(): void {
    const { name } = this.#scene
    const now = performance.now()
    const of = this.#ticks++ % FRAMES_A_BEAT
    if (this.#world.refuses !== undefined) throw new OwnlensError('camera.lost', name)
    if (this.#world.silent) {
      if (now - this.#aliveAt > SILENT_MS) throw new OwnlensError('camera.silent', name)
      this.#beat = undefined
      return
    }
    this.#aliveAt = now
    if (of === 0) this.#beat = this.#world.next(this.#scene)
    const frame = this.#beat?.frames[of]
    const code = this.#readsCodes ? this.#world.code : undefined
    if (frame !== undefined) this.#frames.put({ ...(code ?? frame), at: now })
    if (of === FRAMES_A_BEAT - 1 && this.#beat !== undefined) this.#put(this.#beat, now)
  }

  #put({ fragment }: Beat, now: number): void {
    const start = readFragmentTimes(fragment.data, this.#timing)?.start ?? 0
    const data = shiftFragment(fragment.data, this.#scales, this.#seconds - start)
    this.#seconds += BEAT_MS / 1000
    this.#fragments.put({ ...fragment, data, at: now - BEAT_MS })
  }
}
