import { type CutOptions, everyCut, type Scenario } from '../faults/every-cut.ts'
import type { Desk } from '../registrar-desk.ts'
import type { TestHub } from '../test-hub.ts'
import type { Promised } from './all.ts'
import { foundsHome, pairsCamera, recoversHome, takesMember } from './home.ts'
import { forgetting, pairing, repair, repairDamaged } from './ownership.ts'

const LONG = process.env.OWNLENS_LONG === '1'

/** What a camera promises about whose it is, with a real registrar behind it; in a short run only `every` so many steps are cut. */
export function cameraPromises(desk: Desk, { every = 1 } = {}): readonly Promised[] {
  const apart = { every: LONG ? 1 : every }
  const few = { ...apart, chances: LONG ? 1 : 0 }
  return [
    promise(
      'a camera that pairs is nobody’s or its home’s, and no epoch or number is used twice',
      pairing(desk),
      few,
    ),
    promise('a repaired camera keeps its claim', repair(desk), few),
    promise(
      'a camera that could not read whose it is gets a new epoch, and loses no clip',
      repairDamaged(desk),
      few,
    ),
    promise('a reset leaves all of the home or nothing', forgetting(desk, 'reset'), { ...apart, chances: 1 }),
    promise(
      'a reset to a new key too, and the key is the old one or a new one',
      forgetting(desk, 'new key'),
      few,
    ),
    promise('a release leaves all of the home or nothing', forgetting(desk, 'release'), {
      ...apart,
      chances: 2,
    }),
  ]
}

/**
 * What a home's app promises, with a real hub behind it. A life is a dozen signed requests: the short form takes the harder
 * model of the disk, the two ends that lose most, and every third step.
 */
export function homePromises(hub: TestHub): readonly Promised[] {
  const short = { models: ['any-order'], ends: ['least', 'killed'], chances: 0, every: 3 } as const
  const options: CutOptions = LONG ? {} : short
  return [
    promise('a household that was made outlives power cuts', foundsHome(hub), options),
    promise('a member who was taken in outlives power cuts', takesMember(hub), options),
    promise('a camera that was paired outlives power cuts', pairsCamera(hub), options),
    promise('a household that was recovered outlives power cuts', recoversHome(hub), options),
  ]
}

function promise<Notes>(says: string, scenario: Scenario<Notes>, options: CutOptions): Promised {
  return { says, cut: (seed = 1) => everyCut(scenario, { ...options, seed }) }
}
