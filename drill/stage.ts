import { EventEmitter, on, setMaxListeners } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hub, HubOptions } from '../deploy/hub/hub.ts'
import { startLoopbackHub } from '../deploy/hub/loopback.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import { readTopic, type Topic } from '../protocol/topics.ts'
import { Camera, type CameraOptions } from './camera.ts'
import { Home } from './home.ts'
import { KINDS } from './kinds.ts'
import type { Direction, Report } from './report.ts'
import type { Person } from './scene.ts'
import { emptyHaul } from './spy.ts'

/** What all drills share: things that are costly to make. */
export interface Props {
  readonly detector: FaceDetector
  /** `drill --out`. */
  readonly out?: string | undefined
}

/** A message as it passed a broker. */
interface Passed {
  readonly topic: Topic
  readonly text: string
  readonly payload: Uint8Array
}

/** One drill's own world: hubs, homes and cameras, all real, in one folder that is removed at its end. */
export class Stage {
  readonly folder: string
  readonly report: Report
  readonly #props: Props
  readonly #homes: Home[] = []
  readonly #cameras: Camera[] = []
  readonly #hubs: Hub[] = []
  readonly #over = new AbortController()
  readonly #passed = new EventEmitter()
  readonly #log: Passed[] = []
  /** Hands every message that passes a broker to every home, as a broker that delivers all to all would. */
  floods = false
  /** The drill has measured already what came to whom. */
  measured = false
  /** By how much the hubs' clock is ahead, in milliseconds. */
  ahead = 0

  /** Where what a person wants to look at afterwards is kept; undefined: nowhere. */
  readonly #out: string | undefined

  constructor(folder: string, props: Props, report: Report) {
    this.folder = folder
    this.#out = props.out
    this.#props = props
    this.report = report
    this.#passed.setMaxListeners(0)
    // Every connection of every home hears of the end.
    setMaxListeners(0, this.#over.signal)
  }

  /** A folder for what is to be looked at afterwards (`drill --out`); else it goes with the drill. */
  outcome(name: string): string {
    return join(this.#out ?? this.folder, name)
  }

  /** Ends with the drill. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  async hub(options: Partial<HubOptions> & { name?: string } = {}): Promise<Hub> {
    const { name = 'hub', ...rest } = options
    const hub = await startLoopbackHub(join(this.folder, name), {
      now: () => new Date(Date.now() + this.ahead),
      tap: (topic, payload) => this.#tap(topic, payload),
      ...rest,
    })
    this.#hubs.push(hub)
    return hub
  }

  /** Stops a hub, lets something happen to its folder, and starts it (or another folder) again at the same addresses. */
  async restart(
    hub: Hub,
    meanwhile: (folder: string) => Promise<void>,
    name = 'hub',
    options: Partial<HubOptions> = {},
  ): Promise<Hub> {
    const { port } = new URL(hub.url)
    const { port: mqttPort } = new URL(hub.brokerUrl)
    await hub.close()
    this.#hubs.splice(this.#hubs.indexOf(hub), 1)
    await meanwhile(join(this.folder, 'hub'))
    return this.hub({ ...options, name, port: Number(port), mqttPort: Number(mqttPort) })
  }

  async home(hub: Hub, name: string): Promise<Home> {
    const home = await Home.found(hub, join(this.folder, name.replaceAll(' ', '-')), name)
    this.#homes.push(home)
    return home
  }

  camera(name: string, person: Person, options: Partial<CameraOptions> = {}): Camera {
    const folder = join(this.folder, name.replaceAll(' ', '-'))
    const { detector } = this.#props
    const camera = new Camera(name, { folder, person, detector, ...options })
    this.#cameras.push(camera)
    return camera
  }

  /** What is left of a camera's household after a fault of its card: a file that does not hold together. */
  async damage(camera: Camera): Promise<void> {
    const path = join(camera.options.folder, 'household.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.slice(0, text.length / 2))
    this.report.do(`${camera.name}’s household.json is torn in two`)
  }

  #tap(text: string, payload: Uint8Array): void {
    const topic = readTopic(text)
    if (topic === undefined) return
    const passed = { topic, text, payload: Uint8Array.from(payload) }
    this.#log.push(passed)
    for (const home of this.#homes) {
      home.spy.hear(text)
      if (this.floods) home.spy.take(text, payload)
    }
    this.#passed.emit('message', passed)
  }

  /** How many messages have passed the brokers so far. */
  get passed(): number {
    return this.#log.length
  }

  /** How many messages of this camera have passed since number `from`. */
  heardOf(deviceId: string, from: number): number {
    return this.#log.slice(from).filter(({ topic }) => topic.deviceId === deviceId).length
  }

  /** Waits until a message that this holds for passes a broker; those from number `from` on count. */
  async message(
    holds: (topic: Topic, payload: Uint8Array) => boolean,
    { from = 0, ms = 60_000, what = 'a message' }: { from?: number; ms?: number; what?: string } = {},
  ): Promise<Passed> {
    const found = this.#log.slice(from).find(({ topic, payload }) => holds(topic, payload))
    if (found !== undefined) return found
    const signal = AbortSignal.timeout(ms)
    try {
      for await (const [passed] of on(this.#passed, 'message', { signal }))
        if (holds(passed.topic, passed.payload)) return passed
    } catch (cause) {
      throw new Error(`${what} did not come within ${ms} ms`, { cause })
    }
    throw new Error(what)
  }

  /** How many messages this holds for have passed, from number `from` on. */
  countFrom(from: number, holds: (topic: Topic) => boolean): number {
    return this.#log.slice(from).filter(({ topic }) => holds(topic)).length
  }

  /** All homes begin to look for what is the others'. */
  async spy(): Promise<void> {
    for (const home of this.#homes) await home.spy.listen(this.#others(home), { signal: this.signal })
  }

  #others(home: Home): string[] {
    return this.#homes.filter(other => other !== home).map(({ id }) => id)
  }

  /**
   * The camera records and its home opens: waits for a whole clip that passes the broker after now.
   *
   * @returns whether the home has all four kinds of it.
   */
  async watch(home: Home, camera: Camera): Promise<boolean> {
    const { deviceId } = camera
    const whose = (topic: Topic) => topic.deviceId === deviceId && topic.householdId === home.id
    const from = this.passed
    await this.message(topic => topic.kind === 'clip' && topic.part === 'open' && whose(topic), {
      from,
      what: `a clip of ${camera.name}`,
    })
    const { topic } = await this.message(
      topic => topic.kind === 'clip' && topic.part === 'end' && whose(topic),
      { from, what: `a whole clip of ${camera.name}` },
    )
    const clipId = topic.kind === 'clip' ? topic.clipId : ''
    for (let tries = 0; tries < 50 && !home.opened.has(clipId); tries++) {
      await home.open()
      // The store has it a moment after the broker.
      if (!home.opened.has(clipId)) await new Promise(resolve => setTimeout(resolve, 100))
    }
    const kinds = home.kindsOf(deviceId)
    this.report.do(`${home.name} opened a clip of ${camera.name}: ${kinds.join(', ') || 'nothing'}`)
    return KINDS.every(kind => kinds.includes(kind))
  }

  /** Every home asks the stores, tries all keys on all that it has; what came and what opened, in each direction. */
  async measure(): Promise<readonly Direction[]> {
    const directions: Direction[] = []
    for (const home of this.#homes) {
      await home.spy.askStore(this.#others(home))
      const hauls = await home.spy.haul()
      for (const other of this.#homes) {
        if (other === home) continue
        const haul = hauls.get(other.id) ?? emptyHaul()
        for (const kind of KINDS) directions.push({ from: other.name, to: home.name, kind, ...haul[kind] })
        this.report.expect(
          haul.other.opened === 0,
          `${home.name} opened something sealed of ${other.name}'s (status, opening or hash)`,
        )
      }
    }
    return directions
  }

  async close(): Promise<void> {
    this.#over.abort()
    // Side by side: one that is blocked uses up its time to finish.
    await Promise.all(this.#cameras.map(camera => camera.stop()))
    for (const hub of this.#hubs) await hub.close()
  }
}
