import { chance } from './chance.ts'
import { FAULTS, type FaultName } from './faults.ts'
import type { CameraPlan, Scenario } from './scenario.ts'
import type { Sight } from './scene/prepared.ts'

/** A device of the fleet. */
export interface DevicePlan {
  /** `Home 3/Hall 2` */
  readonly name: string
  readonly home: string
  readonly camera: string
  readonly plan: CameraPlan
}

/** Something that happens, `at` milliseconds after all cameras were paired. */
export type Event =
  | { readonly at: number; readonly what: 'visit'; readonly device: string; readonly who: Sight }
  | {
      readonly at: number
      readonly what: 'begins' | 'ends'
      readonly fault: FaultName
      /** Null for the hub. */
      readonly device: string | null
    }

/** All that a scenario will do, before anything is done. */
export interface Plan {
  readonly homes: readonly { readonly name: string; readonly suite: 'hybrid' | 'x25519' }[]
  readonly devices: readonly DevicePlan[]
  /** Earliest first. */
  readonly events: readonly Event[]
}

/** Decides everything that is left to chance, by the seed. Pure. */
export function planOf(scenario: Scenario, seed: number): Plan {
  const homes = scenario.homes.flatMap(home =>
    numbered(home.name, home.count).map(name => ({ name, suite: home.suite, cameras: home.cameras })),
  )
  const devices = homes.flatMap(home =>
    home.cameras.flatMap(plan =>
      numbered(plan.name, plan.count).map(camera => ({
        ...{ name: `${home.name}/${camera}`, home: home.name, camera, plan },
      })),
    ),
  )
  const events = [
    ...devices.flatMap(device => visitsOf(device, scenario, seed)),
    ...faultsOf(devices, scenario, seed),
  ].sort((a, b) => a.at - b.at)
  return { homes: homes.map(({ name, suite }) => ({ name, suite })), devices, events }
}

function numbered(name: string, count: number): readonly string[] {
  return count === 1 ? [name] : Array.from({ length: count }, (_, index) => `${name} ${index + 1}`)
}

function visitsOf({ name, plan }: DevicePlan, { runs }: Scenario, seed: number): readonly Event[] {
  if (plan.scene !== 'built-in') return []
  const { every, first, who } = plan.visits
  const events: Event[] = []
  let at = first + chance(seed, name, 'first') * Math.min(every, runs / 4)
  for (let count = 0; at < runs; count++) {
    const anyone: Sight = chance(seed, name, 'who', count) < 0.5 ? 'collins' : 'hopper'
    events.push({ at: Math.round(at), what: 'visit', device: name, who: who === 'anyone' ? anyone : who })
    at += every * (0.5 + chance(seed, name, 'visit', count))
  }
  return events
}

function faultsOf(devices: readonly DevicePlan[], { faults }: Scenario, seed: number): readonly Event[] {
  return faults.flatMap(({ what, on, spread }, index) => {
    const isHubs = FAULTS.some(({ name, on: whose }) => name === what.name && whose === 'hub')
    const hit = isHubs ? [null] : devices.filter(({ name }) => matches(name, on)).map(({ name }) => name)
    return hit.flatMap(device => {
      const at = Math.round(what.at + chance(seed, 'fault', index, device ?? 'hub') * spread)
      const begins = { at, what: 'begins', fault: what.name, device } as const
      if (what.lastsMs === null) return [begins]
      return [begins, { ...begins, at: at + what.lastsMs, what: 'ends' } as const]
    })
  })
}

/** Whether a device is meant by `HOME/CAMERA` with `*` for any characters. */
export function matches(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'u').test(name)
}
