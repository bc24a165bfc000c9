import type { Disk } from '../../../storage/disk.ts'
import { Chance } from './chance.ts'
import { FaultDisk, type Faults } from './fault-disk.ts'
import type { Model, Survival } from './journal.ts'

/** Something that must outlive power cuts. Its files lie under `/data`, which is there. */
export interface Scenario<Notes> {
  /** Lays out what was there before, and the notes, which no power cut reaches. It is not cut. */
  prepare(disk: Disk): Promise<Notes>
  /**
   * One life of the process, from its start: it takes up what it finds and notes what it has promised. It is cut at every
   * step, and lived again on what was left.
   */
  life(disk: Disk, notes: Notes): Promise<void>
  /** Throws when something that was promised does not hold. */
  check(disk: Disk, notes: Notes): Promise<void>
}

export interface CutOptions {
  /** The same seed, the same cuts. */
  readonly seed?: number
  /** How many random outcomes of each cut are tried, beside the extreme ones. `OWNLENS_LONG=1` takes more. */
  readonly chances?: number
  readonly models?: readonly Model[]
  /** How cuts end that are not random; all four ways unless a life is long and the run is to be short. */
  readonly ends?: readonly ('least' | 'most' | 'names' | 'killed')[]
  /** Only every so many steps are cut: for lives that are long, in a short run. */
  readonly every?: number
  /** What else is wrong with the disk, all the time. */
  readonly faults?: Faults
}

const FOLDER = '/data'
const LONG = process.env.OWNLENS_LONG === '1'
const STALLED_MS = 120_000

/**
 * What happens at a cut. `least`, `most` and `names`: the power goes, and that survives. `killed`: only the process dies; it
 * lives once more to its end, and then the power goes and takes all that was never synced. A number: the power goes, or the
 * process dies, up to three times at random, also while it takes up what was left; then it lives to its end.
 */
type Fate = 'least' | 'most' | 'names' | 'killed' | number

/**
 * Runs a scenario, and again for each step that changes the disk, with the power cut before that step, in each of many ways;
 * `OWNLENS_CUT='any-order 17 3'` repeats the one that an error names.
 *
 * @returns how many cuts there were.
 * @throws Error that names the cut after which the scenario did not hold.
 */
export async function everyCut<Notes>(scenario: Scenario<Notes>, options: CutOptions = {}): Promise<number> {
  const { seed = 1, models = ['ordered', 'any-order'], faults = {} } = options
  const { ends = ['least', 'most', 'names', 'killed'], chances: short = 2, every = 1 } = options
  const chances = LONG ? 12 * Math.max(1, short) : short
  const fates: readonly Fate[] = [...ends, ...Array(chances).keys()]
  const only = process.env.OWNLENS_CUT
  let cuts = 0
  for (const model of models) {
    const whole = await prepared(scenario, model, faults)
    await live(scenario, whole)
    const { steps } = whole.at
    for (let at = 1; at <= steps.length + 1; at += every)
      for (const fate of fates) {
        const name = `${model} ${at} ${fate}`
        if (only !== undefined && only !== name) continue
        const trace: string[] = []
        const point = {
          model,
          at,
          fate,
          faults,
          steps: steps.length,
          seed: seed * 1_000_003 + at * 1009,
          trace,
        }
        try {
          cuts += await inTime(cutOnce(scenario, point))
        } catch (cause) {
          const told = [`it does not outlive the cut '${name}' (seed ${seed}):`, ...trace]
          throw new Error(`${told.join('\n  ')}\n  ${(cause as Error).message}`, { cause })
        }
      }
  }
  return cuts
}

interface World<Notes> {
  at: FaultDisk
  readonly notes: Notes
}

interface Point {
  readonly model: Model
  readonly at: number
  readonly fate: Fate
  readonly faults: Faults
  readonly steps: number
  readonly seed: number
  readonly trace: string[]
}

async function prepared<Notes>(
  scenario: Scenario<Notes>,
  model: Model,
  faults: Faults,
): Promise<World<Notes>> {
  const before = FaultDisk.make({ model, folder: FOLDER })
  const notes = await scenario.prepare(before.disk)
  return { at: before.afterCut('most', { ...faults }), notes }
}

async function live<Notes>(scenario: Scenario<Notes>, { at, notes }: World<Notes>): Promise<void> {
  await Promise.race([scenario.life(at.disk, notes), at.dead])
}

async function cutOnce<Notes>(scenario: Scenario<Notes>, point: Point): Promise<number> {
  const { fate, trace } = point
  const world = await prepared(scenario, point.model, point.faults)
  const end = async (cutAt: number, end: Survival | 'killed') => {
    world.at.faults.cutAt = cutAt
    await live(scenario, world)
    const last = world.at.steps.at(-1)
    trace.push(
      `${end === 'killed' ? 'killed' : 'cut'} after ${world.at.steps.length} steps, ${last?.does} ${last?.path}`,
    )
    const faults = { ...point.faults }
    world.at = end === 'killed' ? world.at.afterKill(faults) : world.at.afterCut(end, faults)
    trace.push(`left: ${world.at.describe()}`)
  }
  let cuts = 1
  if (fate === 'killed') {
    await end(point.at, 'killed')
    await end(Infinity, 'least')
  } else if (typeof fate === 'string') await end(point.at, fate)
  else {
    const chance = new Chance(point.seed + fate)
    await end(point.at, chance.of([chance, chance, 'killed']))
    for (let more = chance.upTo(2); more > 0; more--, cuts++)
      await end(1 + chance.upTo(point.steps), chance.of([chance, chance, 'killed']))
    await scenario.check(world.at.disk, world.notes)
    await end(Infinity, 'least')
  }
  await scenario.check(world.at.disk, world.notes)
  return cuts
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it stalled for ${STALLED_MS} ms`)), STALLED_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
