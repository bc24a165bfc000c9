import { randomBytes } from 'node:crypto'
import { type Clip, cut } from '../../agent/cut.ts'
import { Feed } from '../../agent/feed.ts'
import type { Sighting } from '../../agent/watch.ts'
import type { CameraSession, Clock, Encoder, Fragment } from '../../hardware/hardware.ts'
import type { Face } from '../../protocol/image.ts'

const SESSION: Pick<CameraSession, 'format' | 'init'> = {
  format: { video: 'h264', width: 640, height: 480, audio: false },
  init: randomBytes(100),
}
/** Visits are so short here that one looks like a long one. */
const RULES = { beforeMs: 500, afterMs: 500, maxMs: 10_000 }
export const FACE: Face = { box: [0.3, 0.3, 0.2, 0.3], score: 0.9 }

/** A camera that is told what happens: clips come out as `cut` makes them. */
export class Scene {
  readonly clips: AsyncGenerator<Clip>
  readonly #fragments = new Feed<Fragment>()
  readonly #sightings = new Feed<Sighting>()
  #at = 0

  constructor() {
    this.clips = cut(SESSION, this.#fragments, this.#sightings, RULES, () => 'stopped')
  }

  /** Nothing to be seen for so many quarters of a second. */
  async pause(quarters: number): Promise<void> {
    for (let count = 0; count < quarters; count++) {
      const data = randomBytes(1000)
      this.#fragments.put({ data, at: this.#at, durationMs: 250, key: true })
      this.#at += 250
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Somebody, or something, is seen for so many quarters of a second. */
  async visit(quarters: number, faces: readonly Face[] = [FACE]): Promise<void> {
    const since = this.#at
    for (let count = 0; count < quarters; count++) {
      await this.pause(1)
      this.#sightings.put({ at: this.#at - 250, since, trigger: faces.length > 0 ? 'face' : 'motion', faces })
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  end(): void {
    this.#fragments.close()
    this.#sightings.close()
  }
}

/** What the pictures of a scene look like. */
export const PICTURE = randomBytes(3000)

/** Passes the ring through, as for a camera with H.264 of its own; `slowMs` for each piece of the clip of this number. */
export function passingEncoder(
  options: {
    slowMs?: (clip: number) => number
    breaks?: (clip: number) => boolean
    still?: Encoder['still']
  } = {},
): Encoder {
  let clips = 0
  return {
    async *clip(session, fragments) {
      const number = ++clips
      yield session.init
      for await (const { data } of fragments) {
        await new Promise(resolve => setTimeout(resolve, options.slowMs?.(number) ?? 0))
        yield data
      }
      if (options.breaks?.(number)) throw new Error('the encoder broke')
    },
    async *live(session, fragments) {
      yield session.init
      for await (const { data } of fragments) yield data
    },
    still: options.still ?? (async () => PICTURE),
  }
}

/** A wall clock that stands at a known time when the monotonic one is at 0. */
export const CLOCK: Clock = {
  now: () => Date.UTC(2026, 10, 24, 12),
  monotonic: () => 0,
  sure: () => true,
}
