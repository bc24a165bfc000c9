import fc from 'fast-check'
import type { FaultName } from './faults.ts'
import { shorten } from './shorten.ts'
import { ACTS, type Step, type StepName } from './steps.ts'
import { Tally, type Walked, walk } from './walk.ts'

/** Steps of one walk. */
export const WALK = 200

const names = Object.entries(ACTS).map(([name, { weight }]) => ({
  arbitrary: fc.constant(name as StepName),
  weight: Math.round(weight * 10),
}))
const step: fc.Arbitrary<Step> = fc.record({
  name: fc.oneof(...names),
  picks: fc.array(fc.nat(255), { minLength: 8, maxLength: 8, size: 'max' }),
})

/** The walks of a seed, one after the other, without end. */
export function* walksOf(seed: number): Generator<readonly Step[]> {
  const steps = fc.array(step, { minLength: WALK, maxLength: WALK, size: 'max' })
  for (let number = 0; ; number++) yield* fc.sample(steps, { seed: (seed + number * 7919) | 0, numRuns: 1 })
}

/** What a run found. */
export interface Run {
  readonly steps: number
  readonly walks: number
  readonly tally: Tally
  readonly found:
    | { readonly walk: readonly Step[]; readonly walked: Walked; readonly number: number }
    | undefined
}

/** Walks until so many steps were taken or something was found. */
export async function run(options: { seed: number; steps: number; fault?: FaultName }): Promise<Run> {
  const tally = new Tally()
  let [steps, walks] = [0, 0]
  for (const walkSteps of walksOf(options.seed)) {
    const walked = await walk(walkSteps, { tally, ...(options.fault && { fault: options.fault }) })
    steps += walked.steps
    if (walked.violation !== undefined)
      return { steps, walks: walks + 1, tally, found: { walk: walkSteps, walked, number: walks } }
    walks++
    if (steps >= options.steps) break
  }
  return { steps, walks, tally, found: undefined }
}

/** The shortest sequence of the same steps that breaks the same invariant. */
export async function shortest(
  found: NonNullable<Run['found']>,
  fault?: FaultName,
): Promise<{ steps: readonly Step[]; walked: Walked }> {
  const breaks = async (steps: readonly Step[]) => {
    const walked = await walk(steps, fault === undefined ? {} : { fault })
    return walked.violation?.invariant === found.walked.violation?.invariant ? walked : undefined
  }
  return shorten(found.walk.slice(0, found.walked.steps), found.walked, breaks)
}
