import type { Used } from './cost.ts'
import type { FaultName } from './faults.ts'
import type { OpenedOf } from './home.ts'
import type { Event } from './plan.ts'
import type { PreparedScene } from './scene/prepared.ts'

/** A fault as it went; times in milliseconds since all cameras were paired. */
export interface FaultOutcome {
  readonly fault: FaultName
  readonly beganAt: number
  readonly endedAt: number
  /**
   * How long after its end the device was itself again: recording, or connected. Null where a fault interrupts neither; `never`
   * when it did not come back in the time that was left.
   */
  readonly backMs: number | 'never' | null
}

export interface DeviceOutcome {
  /** `Home 3/Hall` */
  readonly name: string
  readonly home: string
  readonly deviceId: string
  readonly visits: number
  /** When its agent has kept its clips. */
  readonly keptAt: readonly number[]
  readonly opened: OpenedOf
  /** Codes in its agent's log, and how often. */
  readonly codes: Readonly<Record<string, number>>
  readonly faults: readonly FaultOutcome[]
  /** What is wrong, in words; empty when nothing is. */
  readonly wrong: readonly string[]
}

/** What was used at a moment, since the cameras were paired. */
export interface Sample {
  readonly at: number
  readonly fleet: Used
  readonly hub: Used
}

export interface FleetOutcome {
  readonly scenario: string
  readonly seed: number
  /** Milliseconds. */
  readonly runs: number
  /** Each device had an encoder and a detector at work of its own; else scenes were prepared once. */
  readonly encode: boolean
  readonly scenes: readonly Pick<PreparedScene, 'name' | 'detected'>[]
  readonly homes: number
  readonly devices: readonly DeviceOutcome[]
  readonly pairingMs: number
  /** What homes tried on what is others': sealed things, how many opened, and with which codes the hub refused. */
  readonly foreign: { readonly tried: number; readonly opened: number; readonly refusals: readonly string[] }
  readonly samples: readonly Sample[]
  readonly events: readonly Event[]
}

/** What one device costs, on average: cores and bytes of the fleet's process, and of the hub's. */
export function costOf({ samples, devices }: Pick<FleetOutcome, 'samples' | 'devices'>) {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.at <= first.at) return undefined
  const seconds = (last.at - first.at) / 1000
  // A hub that was killed begins to count anew.
  const spent = (whose: 'fleet' | 'hub') =>
    samples.slice(1).reduce((sum, sample, index) => {
      const [now, before] = [sample[whose].cpuSeconds, samples[index]?.[whose].cpuSeconds ?? 0]
      return sum + (now >= before ? now - before : now)
    }, 0)
  const each = (whose: 'fleet' | 'hub') => ({
    cores: spent(whose) / seconds / devices.length,
    bytes: last[whose].bytes / devices.length,
  })
  return { fleet: each('fleet'), hub: each('hub') }
}

/** Whether the scenario went as it should. */
export function hasPassed({ devices, foreign }: FleetOutcome): boolean {
  return devices.every(({ wrong }) => wrong.length === 0) && foreign.opened === 0
}
