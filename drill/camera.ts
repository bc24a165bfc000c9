import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { parseConfig } from '../agent/config.ts'
import { runAgent } from '../agent/run.ts'
import { emulated } from '../hardware/emulated/emulated.ts'
import type { Button, Clock, Press } from '../hardware/hardware.ts'
import type { Shown } from '../hardware/light.ts'
import { parseSource, type Source } from '../hardware/source.ts'
import { codeAsPng } from '../home/pairing-code.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import { disk } from '../storage/disk.ts'
import { EventLog } from './event-log.ts'
import { type Person, sceneWith } from './scene.ts'

/** A line of the agent's log, and what the lamp shows, in the order in which they came. */
interface Event {
  readonly msg?: string
  readonly code?: string
  readonly shown?: Shown
  readonly [field: string]: unknown
}

export interface CameraOptions {
  /** Its card. */
  readonly folder: string
  /** What the board says of itself; the machine's own when there is none. A card in another board is another camera. */
  readonly board?: string
  readonly person: Person
  readonly detector: FaceDetector
  readonly clock?: Clock
}

/** A real agent on an emulated board: its lens, lamp and button in the hands of a drill. */
export class Camera {
  readonly name: string
  readonly options: CameraOptions
  readonly #log = new EventLog<Event>()
  #presses: Press[] = []
  #ring: () => void = () => undefined
  #code: string | undefined
  #codes = 0
  #over: AbortController | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(name: string, options: CameraOptions) {
    this.name = name
    this.options = options
  }

  /** Everything since it was made, through all of its starts. */
  get events(): readonly Event[] {
    return this.#log.all
  }

  /** Switches it on. Returns when its agent runs. */
  async start(): Promise<void> {
    const { folder: data, board, person, detector, clock } = this.options
    const camera = sceneWith(person)
    const config = parseConfig({
      name: this.name,
      camera,
      microphone: 'auto',
      clip: { triggers: ['face'], beforeSeconds: 5, afterSeconds: 1, maxSeconds: 5 },
    })
    const over = new AbortController()
    this.#over = over
    const plain = emulated({
      source: parseSource(camera) as Extract<Source, { kind: 'lavfi' }>,
      microphone: 'auto',
      disk,
      data,
      ...(board !== undefined && { board }),
      code: () => this.#code,
      button: this.#button(),
      onLamp: shown => this.#log.add({ shown }),
    })
    const hardware = clock === undefined ? plain : { ...plain, clock }
    const log = pino({}, { write: (line: string) => this.#log.add(JSON.parse(line)) })
    const from = this.events.length
    this.#running = runAgent({ config, hardware, disk, data, detector, log, signal: over.signal })
    this.#running.catch(error =>
      this.#log.add({ msg: 'agent failed', code: error.code, error: String(error) }),
    )
    await this.until(event => event.msg === 'agent started' || event.msg === 'agent failed', { from })
  }

  /** Switches it off, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#over?.abort()
    await this.#running.catch(() => undefined)
  }

  /** The first event from `from` on that this holds for; those that came already count. */
  until(
    holds: (event: Event) => boolean,
    { from = 0, ms = 60_000, what = 'something' }: { from?: number; ms?: number; what?: string } = {},
  ): Promise<Event> {
    return this.#log.until(holds, { from, ms, late: `${this.name}: ${what} did not happen within ${ms} ms` })
  }

  press(kind: Press['kind']): void {
    this.#presses.push({ kind })
    this.#ring()
  }

  #button(): Button {
    const take = () => this.#presses.shift()
    const bell = (ring: () => void) => {
      this.#ring = ring
    }
    return {
      async *presses({ signal }) {
        while (!signal.aborted) {
          const press = take()
          if (press !== undefined) {
            yield press
            continue
          }
          await new Promise<void>(resolve => {
            bell(resolve)
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        }
      },
    }
  }

  /** Holds a code before its lens, or takes it away. */
  async show(text: string | undefined): Promise<void> {
    const before = this.#code
    if (text === undefined) this.#code = undefined
    else {
      const path = join(
        this.options.folder,
        '..',
        `code-${this.name.replaceAll(' ', '-')}-${++this.#codes}.png`,
      )
      await writeFile(path, await codeAsPng(text))
      this.#code = path
    }
    if (before !== undefined) await rm(before, { force: true })
  }

  /** What the lamp shows now. */
  get lamp(): Shown | undefined {
    return this.events.findLast(event => event.shown !== undefined)?.shown
  }

  get deviceId(): string {
    const started = this.events.findLast(event => event.msg === 'agent started')
    return String(started?.deviceId ?? '')
  }
}
