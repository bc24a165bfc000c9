import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { HubAddress } from '../wire/hub-client.ts'
import type { FleetNews, FleetOrder } from './wire-fleet.ts'
import type { WireCamera } from './wire-homes.ts'

const FLEET = fileURLToPath(new URL('./wire-fleet.js', import.meta.url))
const PATIENCE_MS = 600_000

/** Wire clients in processes of their own, and what they tell. */
export class Crowd {
  readonly #processes: ChildProcess[]
  readonly #processOf = new Map<string, ChildProcess>()
  readonly #connected = new Set<string>()
  /** When the last connection of each ended, monotonic milliseconds. */
  readonly #closedAt = new Map<string, number>()
  #changed: () => void = () => undefined
  #failed: string | undefined
  /** What the store has acknowledged so far. */
  readonly acked = { parts: 0, bytes: 0 }

  constructor(
    cameras: readonly WireCamera[],
    hub: HubAddress,
    options: { processes: number; everyMs: number },
  ) {
    const { processes, everyMs } = options
    this.#processes = Array.from({ length: processes }, (_, index) => {
      const child = fork(FLEET, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      const its = cameras.filter((_camera, at) => at % processes === index)
      for (const { deviceId } of its) this.#processOf.set(deviceId, child)
      child.on('message', (news: FleetNews) => this.#hear(news))
      child.once('exit', code => this.#fail(`a process of clients ended with ${code}`))
      send(child, { kind: 'cameras', hub, cameras: its, everyMs })
      return child
    })
  }

  get connected(): number {
    return this.#connected.size
  }

  /** Lets these connect; returns when all of them have. */
  async join(cameras: readonly WireCamera[]): Promise<void> {
    for (const child of this.#processes) {
      const deviceIds = cameras
        .map(({ deviceId }) => deviceId)
        .filter(id => this.#processOf.get(id) === child)
      if (deviceIds.length > 0) send(child, { kind: 'join', deviceIds })
    }
    await this.#until(() => cameras.every(({ deviceId }) => this.#connected.has(deviceId)), 'connecting')
  }

  /** When the last of these has seen its connection end: milliseconds of the monotonic clock. */
  async closed(cameras: readonly WireCamera[]): Promise<number> {
    await this.#until(() => cameras.every(({ deviceId }) => this.#closedAt.has(deviceId)), 'ending sessions')
    const times = cameras.map(({ deviceId }) => this.#closedAt.get(deviceId) ?? Number.NaN)
    for (const { deviceId } of cameras) this.#closedAt.delete(deviceId)
    return Math.max(...times)
  }

  close(): void {
    for (const child of this.#processes) {
      child.removeAllListeners()
      child.kill('SIGKILL')
    }
  }

  #hear(news: FleetNews): void {
    if (news.kind === 'acked') {
      this.acked.parts += news.parts
      this.acked.bytes += news.bytes
    } else if (news.kind === 'failed') this.#fail(news.why)
    else if (news.kind === 'joined') this.#connected.add(news.deviceId)
    else {
      this.#connected.delete(news.deviceId)
      this.#closedAt.set(news.deviceId, Number(news.at) / 1e6)
    }
    this.#changed()
  }

  #fail(why: string): void {
    this.#failed ??= why
    this.#changed()
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#changed()
    }, PATIENCE_MS)
    try {
      while (!holds()) {
        if (this.#failed !== undefined) throw new Error(this.#failed)
        if (late) throw new Error(`${what} took more than ${PATIENCE_MS} ms`)
        await new Promise<void>(resolve => {
          this.#changed = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Now, as `Crowd` tells times. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

const send = (child: ChildProcess, order: FleetOrder): void => void child.send(order)
