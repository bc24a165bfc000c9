import { setTimeout as wait } from 'node:timers/promises'
import { usedBy } from './cost.ts'
import type { Device, Told } from './device.ts'
import { FAULTS, type FaultName } from './faults.ts'
import type { FleetHub } from './hub-process.ts'
import type { FaultOutcome, Sample } from './outcome.ts'
import type { Event, Plan } from './plan.ts'

/** How long clips that still run at the end are waited for, and then what is on its way. */
const FINISH_MS = 60_000
const SETTLE_MS = 5000
const SAMPLE_MS = 1000
const PROGRESS_MS = 10_000

export interface PlayParts {
  readonly plan: Plan
  readonly devices: readonly Device[]
  readonly hub: FleetHub
  readonly runs: number
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

/** Lets happen what is planned, each at its time, and measures. */
export class Play {
  readonly #parts: PlayParts
  readonly #devices: ReadonlyMap<string, Device>
  readonly #faults = new Map<string, FaultOutcome[]>()
  readonly #samples: Sample[] = []
  #startedAt = 0

  constructor(parts: PlayParts) {
    this.#parts = parts
    this.#devices = new Map(parts.devices.map(device => [device.plan.name, device]))
  }

  /** Monotonic milliseconds at which the scenario began. */
  get startedAt(): number {
    return this.#startedAt
  }

  get samples(): readonly Sample[] {
    return this.#samples
  }

  faultsOf(device: Device): readonly FaultOutcome[] {
    return this.#faults.get(device.plan.name) ?? []
  }

  /** Returns when the time is over and faults had their time to end. */
  async run(): Promise<void> {
    const { plan, runs, signal } = this.#parts
    this.#startedAt = performance.now()
    const over = new AbortController()
    const measuring = this.#measure(AbortSignal.any([signal, over.signal]))
    const happening: Promise<void>[] = []
    try {
      const lasting = new Map<string, Promise<() => void>>()
      for (const event of plan.events) {
        await this.#until(event.at)
        happening.push(this.#happen(event, lasting))
      }
      await this.#until(runs)
      await Promise.all(happening)
      const late = performance.now() + FINISH_MS
      while (this.#parts.devices.some(device => device.isRecording) && performance.now() < late)
        await wait(500, undefined, { signal })
      await wait(SETTLE_MS, undefined, { signal })
    } finally {
      over.abort()
      await measuring
    }
  }

  async #until(at: number): Promise<void> {
    const left = at - (performance.now() - this.#startedAt)
    if (left > 0) await wait(left, undefined, { signal: this.#parts.signal })
  }

  /** @param lasting how faults that have begun are ended. */
  async #happen(event: Event, lasting: Map<string, Promise<() => void>>): Promise<void> {
    if (event.what === 'visit') return this.#devices.get(event.device)?.visit(event.who)
    const { fault, device: name } = event
    const hit =
      name === null ? this.#parts.devices : [this.#devices.get(name)].filter(one => one !== undefined)
    const key = `${fault} ${name}`
    if (event.what === 'begins') {
      const from = new Map(hit.map(device => [device, device.told.length]))
      const begun = this.#begin(fault, hit).then(() => () => this.#follow(fault, event.at, from))
      lasting.set(key, begun)
      const lasts = FAULTS.some(({ name: known, lasts: does }) => known === fault && does)
      if (!lasts) (await begun)()
      return
    }
    const end = await lasting.get(key)
    if (fault === 'hub.gone' && this.#parts.hub.own) await this.#parts.hub.start()
    else for (const device of hit) device.end(fault)
    end?.()
  }

  async #begin(fault: FaultName, hit: readonly Device[]): Promise<void> {
    if (fault === 'hub.gone' && this.#parts.hub.own) await this.#parts.hub.kill()
    else await Promise.all(hit.map(device => device.begin(fault)))
  }

  /** A fault has ended: how soon is each device itself again? What it has logged tells. */
  #follow(fault: FaultName, beganAt: number, from: ReadonlyMap<Device, number>): void {
    const endedAt = performance.now() - this.#startedAt
    const end = this.#startedAt + endedAt
    for (const [device, line] of from) {
      const outcomes = this.#faults.get(device.plan.name) ?? []
      this.#faults.set(device.plan.name, outcomes)
      const outcome = {
        ...{ fault, beganAt, endedAt: Math.round(endedAt) },
        get backMs() {
          return backAfter(fault, device.told.slice(line), end)
        },
      }
      outcomes.push(outcome)
    }
  }

  async #measure(signal: AbortSignal): Promise<void> {
    const { devices, hub, say } = this.#parts
    let told = performance.now()
    while (!signal.aborted) {
      const at = performance.now() - this.#startedAt
      this.#samples.push({ at, fleet: usedBy(process.pid), hub: usedBy(hub.pid) })
      if (performance.now() - told > PROGRESS_MS) {
        told = performance.now()
        const kept = devices.reduce((sum, device) => sum + device.keptAt.length, 0)
        const mib = Math.round((this.#samples.at(-1)?.fleet.bytes ?? 0) / 2 ** 20)
        say(`${Math.round(at / 1000)} s: ${kept} clips kept, ${mib} MiB`)
      }
      await wait(SAMPLE_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Which line shows that a device is itself again, and which that it was not. */
const SIGNS: Readonly<Partial<Record<FaultName, { lost: string; back: string }>>> = {
  'camera.unplug': { lost: 'camera failed', back: 'camera opened' },
  'camera.busy': { lost: 'camera failed', back: 'camera opened' },
  'camera.silent': { lost: 'camera failed', back: 'camera opened' },
  'network.gone': { lost: 'hub gone, trying again', back: 'connected' },
  'hub.gone': { lost: 'hub gone, trying again', back: 'connected' },
  reboot: { lost: 'agent started', back: 'camera opened' },
  'power.cut': { lost: 'agent started', back: 'camera opened' },
}

/**
 * How long after `end` (monotonic milliseconds) the last loss was made good; 0 when nothing was lost.
 *
 * @param told what it has logged since the fault began.
 */
export function backAfter(fault: FaultName, told: readonly Told[], end: number): FaultOutcome['backMs'] {
  const signs = SIGNS[fault]
  if (signs === undefined) return null
  const lost = told.findLastIndex(({ msg }) => msg === signs.lost)
  if (lost < 0) return 0
  // What was lost may have come back, and then been lost to something else: the first return after the end counts.
  const back = told.find(({ msg, at }, index) => msg === signs.back && (at >= end || index > lost))
  return back === undefined ? 'never' : Math.max(0, Math.round(back.at - end))
}
