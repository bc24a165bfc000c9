import { join } from 'node:path'
import type { Camera, CameraSession } from '../hardware/hardware.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { type Disk, replaceFile } from '../storage/disk.ts'

/** What people at the camera may switch, and the file that says so while it is there, in `DATA/switches`. */
export const SWITCHES = { privacy: 'privacy', microphone: 'microphone-off' } as const
const FOLDER = 'switches'

/** How the switches of a camera stand. */
export interface Switched {
  /** Nothing is seen and nothing is heard. */
  readonly privacy: boolean
  readonly microphone: boolean
}

/** How they stand on this disk. Throws what the disk throws. */
export async function readSwitches(disk: Disk, data: string): Promise<Switched> {
  const isThere = async (name: string) => (await disk.info(join(data, FOLDER, name))) !== undefined
  return {
    privacy: await isThere(SWITCHES.privacy),
    microphone: !(await isThere(SWITCHES.microphone)),
  }
}

/** Switches; on the disk when it returns, and an agent that runs has it within a second. */
export async function writeSwitch(
  disk: Disk,
  data: string,
  name: keyof typeof SWITCHES,
  isFileThere: boolean,
): Promise<void> {
  const folder = join(data, FOLDER)
  await disk.makeFolder(folder)
  const path = join(folder, SWITCHES[name])
  if (isFileThere) return replaceFile(disk, path, '')
  await disk.remove(path)
  await disk.syncFolder(folder)
}

/** The switches of a camera that runs. They hold over restarts. */
export class Switches {
  readonly #disk: Disk
  readonly #data: string
  #now: Switched
  #changed = new AbortController()

  private constructor(disk: Disk, data: string, now: Switched) {
    this.#disk = disk
    this.#data = data
    this.#now = now
  }

  static async open(disk: Disk, data: string): Promise<Switches> {
    await disk.makeFolder(join(data, FOLDER))
    return new Switches(disk, data, await safely(disk, data))
  }

  get now(): Switched {
    return this.#now
  }

  /** Aborted as soon as a switch stands otherwise than now. */
  get changed(): AbortSignal {
    return this.#changed.signal
  }

  /** Follows what people switch, until the signal. */
  async follow(onChange: (now: Switched) => void, { signal }: { signal: AbortSignal }): Promise<void> {
    for await (const _ of this.#disk.changes(join(this.#data, FOLDER), { signal })) {
      const next = await safely(this.#disk, this.#data)
      const { privacy, microphone } = this.#now
      if (next.privacy === privacy && next.microphone === microphone) continue
      this.#now = next
      const before = this.#changed
      this.#changed = new AbortController()
      onChange(next)
      before.abort()
    }
  }

  /** Returns when the camera may see again, or with the signal. */
  async mayLook(signal: AbortSignal): Promise<void> {
    while (this.#now.privacy && !signal.aborted) {
      const either = AbortSignal.any([signal, this.changed])
      if (!either.aborted)
        await new Promise<void>(resolve => either.addEventListener('abort', () => resolve(), { once: true }))
    }
  }
}

/** A disk that cannot say how the switches stand must not make a camera look. */
function safely(disk: Disk, data: string): Promise<Switched> {
  return readSwitches(disk, data).catch(() => ({ privacy: true, microphone: false }))
}

/**
 * A camera that obeys the switches, whoever opens it: recorder or lens. In privacy mode it is not opened at all; with the
 * microphone off no sound is asked of it. When a switch is used its session ends at once, with `camera.private` or
 * `camera.switched`.
 */
export function switchedCamera(camera: Camera, switches: Pick<Switches, 'now' | 'changed'>): Camera {
  return {
    name: camera.name,
    async open({ signal, frames }): Promise<CameraSession> {
      signal.throwIfAborted()
      const { now, changed } = switches
      if (now.privacy) throw new OwnlensError('camera.private')
      const over = () =>
        changed.aborted && !signal.aborted
          ? new OwnlensError(switches.now.privacy ? 'camera.private' : 'camera.switched')
          : undefined
      const both = AbortSignal.any([signal, changed])
      const session = await camera.open({ signal: both, frames, sound: now.microphone }).catch(error => {
        throw over() ?? error
      })
      const ended = session.ended.then(() => {
        const cause = over()
        if (cause !== undefined) throw cause
      })
      ended.catch(() => undefined)
      // What comes while the camera is being let go was seen after the switch.
      const { frames: seen, fragments } = session
      return { ...session, frames: until(seen, changed), fragments: until(fragments, changed), ended }
    },
  }
}

async function* until<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal.aborted) return
    yield item
  }
}
