import type { KindSeen } from '../../protocol/incident.ts'
import type { Case } from './case.ts'
import { type Gaps, gapsIn, isWhole } from './doubts.ts'
import { type Direction, directionsOf } from './matrix.ts'
import { type Names, namesFor } from './names.ts'
import type { FleetSearch } from './search.ts'
import { type Line, timelineOf } from './timeline.ts'

/** What anybody needs to check the disclosed folder. */
export interface Disclosed {
  /** The log’s verifier key. */
  readonly key: string
  readonly size: number
  /** Base64. */
  readonly root: string
  /** Records of this incident that lie beside the page. */
  readonly records: number
}

/** All that the pages tell. */
export interface Story {
  readonly found: Case
  readonly names: Names
  readonly lines: readonly Line[]
  readonly directions: readonly Direction[]
  /** What may hide a home, or something that a home got. */
  readonly gaps: Gaps
  /** Numbers that more than one camera bears or bore. */
  readonly collisions: readonly { readonly serial: string; readonly cameras: readonly string[] }[]
  readonly people: People
  readonly search: FleetSearch
  readonly disclosed: Disclosed
  readonly madeAt: string
}

/** How many people and recordings are concerned, as far as the hub can count. */
export interface People {
  readonly homes: number
  /** Members of the newest lists. */
  readonly members: number
  readonly recordings: readonly {
    readonly home: string
    readonly camera: string
    readonly clips: number
    readonly bytes: number
  }[]
}

export function storyOf(
  found: Case,
  about: {
    readonly given: ReadonlyMap<string, string>
    readonly search: FleetSearch
    readonly disclosed: Disclosed
    readonly now: Date
  },
): Story {
  const names = namesFor(found, about.given)
  return {
    ...{ found, names, lines: timelineOf(found, names), directions: directionsOf(found, names) },
    gaps: gapsIn(found),
    ...{ collisions: collisionsIn(found), people: peopleIn(found) },
    ...{ search: about.search, disclosed: about.disclosed, madeAt: about.now.toISOString() },
  }
}

/** Things that a home could open of another: the worst that an incident can be. */
export function opened({
  directions,
}: Pick<Story, 'directions'>): readonly (Direction & { kinds: KindSeen[] })[] {
  return directions.flatMap(direction => {
    const kinds = direction.cells.filter(({ couldOpen }) => couldOpen === 'yes').map(({ kind }) => kind)
    return kinds.length === 0 ? [] : [{ ...direction, kinds }]
  })
}

export const isUnknown = ({ directions, gaps }: Pick<Story, 'directions' | 'gaps'>): boolean =>
  !isWhole(gaps) || directions.some(({ cells }) => cells.some(({ couldOpen }) => couldOpen === 'unknown'))

/** The homes that had a camera, one after the other, as the log has it. */
export function homesOf({ facts }: Case, deviceId: string): readonly string[] {
  const homes: string[] = []
  for (const { said } of facts)
    if (said.kind === 'claim' && said.deviceId === deviceId && homes.at(-1) !== said.householdId)
      homes.push(said.householdId)
  return homes
}

function collisionsIn({ facts, homes }: Case): Story['collisions'] {
  const bearers = new Map<string, Set<string>>()
  const bear = (serial: string, deviceId: string) =>
    bearers.set(serial, (bearers.get(serial) ?? new Set()).add(deviceId))
  for (const { said } of facts)
    if (said.kind === 'registration' || said.kind === 'serial') bear(said.serial, said.deviceId)
  for (const { notices } of homes)
    for (const { serial, device_id } of notices) if (serial !== null) bear(serial, device_id)
  return [...bearers]
    .filter(([, cameras]) => cameras.size > 1)
    .map(([serial, cameras]) => ({ serial, cameras: [...cameras] }))
}

function peopleIn({ facts, homes }: Case): People {
  const members = new Map<string, number>()
  for (const { said } of facts)
    if (said.kind === 'household') members.set(said.householdId, said.members.length)
  const recordings = homes.flatMap(({ householdId, clips }) =>
    [...new Set(clips.map(({ deviceId }) => deviceId))].map(camera => {
      const own = clips.filter(({ deviceId }) => deviceId === camera)
      return {
        home: householdId,
        camera,
        clips: own.length,
        bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      }
    }),
  )
  return {
    homes: homes.length,
    members: [...members.values()].reduce((sum, count) => sum + count, 0),
    recordings,
  }
}
