import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { parseConfig } from '../agent/config.ts'
import { runAgent } from '../agent/run.ts'
import { EventLog } from '../drill/event-log.ts'
import { emulated } from '../hardware/emulated/emulated.ts'
import type { Button, Clock, Hardware } from '../hardware/hardware.ts'
import { emulatedKeyStore } from '../hardware/key-store.ts'
import type { Shown } from '../hardware/light.ts'
import { parseSource, type Source } from '../hardware/source.ts'
import { codeAsPng } from '../home/pairing-code.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import { disk } from '../storage/disk.ts'
import { onRoad } from '../wire/road.ts'
import { DiskWorld, deviceDisk } from './device-disk.ts'
import type { FaultName } from './faults.ts'
import type { DevicePlan } from './plan.ts'
import { codePicture } from './scene/code-picture.ts'
import type { PreparedScene, Sight } from './scene/prepared.ts'
import { CameraWorld, sharedCamera } from './scene/shared-camera.ts'
import { sharedEncoder } from './scene/shared-encoder.ts'
import { type Network, SLOW, type Way } from './way.ts'

/** A line of a device's log, and what its lamp shows, with the time by this machine's monotonic clock. */
export interface Told {
  readonly at: number
  readonly msg?: string
  readonly code?: string
  readonly shown?: Shown
  readonly [field: string]: unknown
}

export interface DeviceParts {
  readonly plan: DevicePlan
  /** Its card. */
  readonly data: string
  /** Undefined with encoders of their own. */
  readonly scene: PreparedScene | undefined
  readonly detector: FaceDetector
  readonly network: Network
  readonly way: Way
}

/** The agent's lines that a report needs; the others are only counted. */
const KEPT = new Set([
  ...[
    'agent started',
    'agent failed',
    'agent stopped',
    'paired',
    'camera opened',
    'camera failed',
    'connected',
  ],
  ...[
    'hub gone, trying again',
    'clip kept',
    'clip cut short',
    'clip not kept: it has no number',
    'code answered',
  ],
])

const encoder = sharedEncoder()

/** A device of the fleet: the real agent, with its own keys, card, camera, clock and way to the hub. */
export class Device {
  readonly plan: DevicePlan
  readonly #log = new EventLog<Told>()
  /** How many lines its agent has logged, and with which codes. */
  readonly codes = new Map<string, number>()
  deviceId = ''
  readonly #parts: DeviceParts
  readonly #camera = new CameraWorld()
  readonly #card = new DiskWorld()
  #clockOff = 0
  /** With a camera of its own: the PNG of the code that is held before it. */
  #codeFile: string | undefined
  #over: AbortController | undefined
  #cut: () => Promise<void> = async () => undefined
  #running: Promise<void> = Promise.resolve()

  constructor(parts: DeviceParts) {
    this.plan = parts.plan
    this.#parts = parts
  }

  get told(): readonly Told[] {
    return this.#log.all
  }

  /** Switches it on. Returns when its agent runs. */
  async start(): Promise<void> {
    const { data, detector, plan, way } = this.#parts
    const over = new AbortController()
    this.#over = over
    const card = deviceDisk(disk, this.#card)
    let isOn = true
    this.#cut = () => {
      isOn = false
      return card.cut()
    }
    const log: Logger = pino(
      {},
      { write: (line: string) => (isOn ? this.#note(JSON.parse(line)) : undefined) },
    )
    const config = parseConfig({
      frames: { rate: 4 },
      clip: { triggers: ['face', 'motion'], beforeSeconds: 5, afterSeconds: 2, maxSeconds: 30 },
      ...plan.plan.settings,
      name: plan.name,
      microphone: 'auto',
    })
    const hardware = this.#hardware(card.disk)
    const from = this.told.length
    const run = () =>
      runAgent({ config, hardware, disk: card.disk, data, detector, log, signal: over.signal, graceMs: 2000 })
    this.#running = onRoad(way.road, run).catch(error => {
      if (isOn) this.#note({ msg: 'agent failed', code: error.code, cause: String(error) })
    })
    const { msg, code } = await this.until(
      ({ msg: said }) => said === 'agent started' || said === 'agent failed',
      { from },
    )
    if (msg === 'agent failed') throw new Error(`${plan.name}: ${code}`)
  }

  /** Switches it off, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#over?.abort()
    await this.#running
  }

  /** Switches it off for good. */
  async close(): Promise<void> {
    await this.stop()
    await this.#parts.way.close()
  }

  /** Monotonic milliseconds at which its agent has kept a clip. */
  get keptAt(): readonly number[] {
    return this.told.filter(({ msg }) => msg === 'clip kept').map(({ at }) => at)
  }

  /** Whether a clip runs, as its lamp says. */
  get isRecording(): boolean {
    return this.told.findLast(({ shown }) => shown !== undefined)?.shown === 'recording'
  }

  /** Somebody comes before its camera. */
  visit(who: Sight): void {
    this.#camera.visit(who)
  }

  /** Holds a pairing code before its lens, or takes it away. */
  async show(code: string | undefined): Promise<void> {
    const { scene, data } = this.#parts
    if (scene !== undefined) {
      this.#camera.code = code === undefined ? undefined : codePicture(code)
      return
    }
    const path = join(data, 'code.png')
    if (code !== undefined) await writeFile(path, await codeAsPng(code))
    this.#codeFile = code === undefined ? undefined : path
  }

  /** A fault begins. Returns when it has begun. */
  async begin(fault: FaultName): Promise<void> {
    switch (fault) {
      case 'reboot':
        await this.stop()
        return this.start()
      case 'power.cut':
        await this.#powerCut()
        return this.start()
      default:
        this.#be(fault, true)
    }
  }

  async #powerCut(): Promise<void> {
    const over = this.#cut()
    this.#over?.abort()
    await over
  }

  /** A fault that lasts ends. */
  end(fault: FaultName): void {
    this.#be(fault, false)
  }

  #be(fault: FaultName, begins: boolean): void {
    const { way, network } = this.#parts
    switch (fault) {
      case 'camera.unplug':
        this.#camera.refuses = begins ? 'camera.absent' : undefined
        break
      case 'camera.busy':
        this.#camera.refuses = begins ? 'camera.busy' : undefined
        break
      case 'camera.silent':
        this.#camera.silent = begins
        break
      case 'camera.black':
        this.#camera.black = begins
        break
      case 'clock.jump':
        this.#clockOff = begins ? -Date.now() : 0
        break
      case 'disk.full':
        this.#card.fails = begins ? 'ENOSPC' : undefined
        break
      case 'disk.readonly':
        this.#card.fails = begins ? 'EROFS' : undefined
        break
      case 'disk.slow':
        this.#card.slowMs = begins ? 200 : 0
        break
      case 'network.gone':
      case 'hub.gone':
        way.gone = begins
        break
      case 'network.slow':
        way.network = begins ? SLOW : network
        break
      case 'reboot':
      case 'power.cut':
        break
    }
  }

  /** The first line from `from` on that this holds for; those that came already count. */
  until(holds: (told: Told) => boolean, { from = 0, ms = 120_000 } = {}): Promise<Told> {
    const late = `${this.plan.name}: nothing of the kind within ${ms} ms`
    return this.#log.until(holds, { from, ms, late })
  }

  #note(line: Record<string, unknown>): void {
    const { msg, code } = line as { msg?: string; code?: string }
    if (code !== undefined) this.codes.set(code, (this.codes.get(code) ?? 0) + 1)
    if (msg === 'agent started') this.deviceId = String(line.deviceId)
    if (line.shown === undefined && !KEPT.has(msg ?? '')) return
    this.#log.add({ ...line, at: performance.now() })
  }

  #hardware(card: typeof disk): Hardware {
    const { scene, data, plan } = this.#parts
    const clock: Clock = {
      now: () => Date.now() + this.#clockOff,
      monotonic: () => performance.now(),
      sure: () => false,
    }
    const note = (shown: Shown) => this.#note({ shown })
    const lamp = { show: note, blink: (code: string) => note({ code }) }
    const keyStore = emulatedKeyStore(card, data, plan.name)
    if (scene !== undefined)
      return { camera: sharedCamera(scene, this.#camera), encoder, clock, lamp, button: NO_BUTTON, keyStore }
    const source = parseSource(plan.plan.scene === 'built-in' ? 'scene' : plan.plan.scene)
    const real = emulated({
      source: source as Extract<Source, { kind: 'scene' | 'file' }>,
      ...{ microphone: 'auto', disk: card, data, board: plan.name, button: NO_BUTTON, onLamp: note },
      code: () => this.#codeFile,
    })
    return { ...real, clock }
  }
}

/** Nobody is there to press one: a board opens its window by itself at its first start. */
const NO_BUTTON: Button = {
  async *presses({ signal }) {
    if (!signal.aborted)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  },
}
