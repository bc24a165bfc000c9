import { OwnlensError } from '../../protocol/errors.ts'
import { Chance } from '../support/faults/chance.ts'
import { Violation } from './facts.ts'
import type { FaultName } from './faults.ts'
import { Judge } from './judge.ts'
import { mend } from './mend.ts'
import { Pick } from './pick.ts'
import { ACTS, type Act, type Step } from './steps.ts'
import { World } from './world.ts'

/** What came of a walk. */
export interface Walked {
  /** Steps that were taken. */
  readonly steps: number
  /** What each step did, as far as it came. */
  readonly trace: readonly string[]
  readonly violation:
    | { readonly invariant: string; readonly message: string; readonly stack: string }
    | undefined
}

/** Counts of a run, over all its walks. */
export class Tally {
  readonly steps = new Map<string, number>()
  /** Of computing: other processes do not count. */
  readonly milliseconds = new Map<string, number>()
  readonly refusals = new Map<string, number>()
  /** How often a step came to something. */
  readonly done = new Map<string, number>()

  add(map: Map<string, number>, key: string, value = 1): void {
    map.set(key, (map.get(key) ?? 0) + value)
  }
}

/** Walks of fewer steps are always mended: shortened ones. */
const MENDED = 100

/** Takes the steps one after the other in a new world and looks at everything after each of them. */
export async function walk(
  steps: readonly Step[],
  { fault, tally = new Tally() }: { fault?: FaultName; tally?: Tally } = {},
): Promise<Walked> {
  const world = await World.make(fault)
  const judge = new Judge(world)
  const trace: string[] = []
  let taken = 0
  const take = async (name: string, picks: readonly number[], act: Act): Promise<void> => {
    taken++
    const before = process.cpuUsage()
    tally.add(tally.steps, name)
    trace.push(`${name}(${picks.join(',')})`)
    const outcome = await attempt(world, act, new Pick(picks), tally)
    trace.push(`${trace.pop()} → ${outcome}`)
    tally.add(tally.done, `${name} → ${outcome.replace(/[\d.]+/g, 'n')}`)
    await judge.look()
    const { user, system } = process.cpuUsage(before)
    tally.add(tally.milliseconds, name, (user + system) / 1000)
  }
  try {
    for (const { name, picks } of steps) await take(name, picks, ACTS[name].act)
    // What mends costs as much as fifty steps: at the end of half of the walks, and of every short one.
    const picks = steps.at(-1)?.picks ?? [0]
    if (steps.length < MENDED || (picks[0] ?? 0) % 2 === 0) await take('mend', picks, mend)
    return { steps: taken, trace, violation: undefined }
  } catch (error) {
    const { message, stack = '' } = error as Error
    const invariant = error instanceof Violation ? error.invariant : 'nothing is thrown but refusals'
    return { steps: taken, trace, violation: { invariant, message, stack } }
  } finally {
    await world.hub.close()
  }
}

async function attempt(world: World, act: Act, pick: Pick, tally: Tally): Promise<string> {
  try {
    return await withPower(world, () => act(world, pick), pick)
  } catch (error) {
    if (!(error instanceof OwnlensError)) throw error
    tally.add(tally.refusals, error.code)
    return error.code
  }
}

/** Whoever waits for a disk without power waits for ever: its camera starts again. */
export async function withPower(world: World, work: () => Promise<string>, pick: Pick): Promise<string> {
  const { cameras } = world
  const dead = cameras.map(camera => camera.fault.dead.then(() => camera))
  const done = work()
  const first = await Promise.race([done, ...dead])
  if (typeof first === 'string') return first
  done.catch(() => undefined)
  await first.powerUp(pick.of(['least', 'most', 'names', new Chance(pick.upTo(255))] as const) ?? 'most')
  return `no power: ${first.name} starts again`
}
