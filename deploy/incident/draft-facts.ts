import { ANSWER_MS } from '../../protocol/incident.ts'
import { isUnknown, opened, type Story } from './story.ts'

/** What a letter needs of a story, so that no draft has to look for it. */
export interface DraftFacts {
  readonly incidentId: string
  readonly title: string
  readonly cause: string | null
  readonly fix: string | null
  readonly release: string | null
  readonly state: Story['found']['newest']['state']
  readonly awareAt: string
  readonly due: string
  /** Past the 72 hours when it was made. */
  readonly isLate: boolean
  /** The first thing of it that is recorded, and the last. */
  readonly from: string
  readonly to: string
  readonly homes: number
  readonly members: number
  readonly cameras: number
  readonly clips: number
  readonly reports: number
  readonly collisions: readonly { readonly serial: string; readonly cameras: number }[]
  /** `none`: certain that nobody could open anything; `some`: somebody could; `unknown`. */
  readonly seen: 'none' | 'some' | 'unknown'
  /** Sealed things came over to another home, or may have. */
  readonly cameOver: boolean
  readonly controller: string | undefined
  readonly contact: string | undefined
}

export function draftFacts(
  story: Story,
  { controller, contact }: { controller?: string | undefined; contact?: string | undefined } = {},
): DraftFacts {
  const { found, people, lines, collisions, directions, madeAt } = story
  const { incidentId, title, cause, fix, release, state, awareAt } = found.newest
  const due = new Date(Date.parse(awareAt) + ANSWER_MS).toISOString()
  const fault = lines.find(({ weight }) => weight === 'fault') ?? lines[0]
  return {
    ...{ incidentId, title, cause, fix, release, state, awareAt, due, isLate: madeAt > due },
    from: fault?.at ?? awareAt,
    to: state === 'fixed' || state === 'closed' ? found.newest.issuedAt : madeAt,
    ...{ homes: people.homes, members: people.members, cameras: found.devices.length },
    clips: people.recordings.reduce((sum, { clips }) => sum + clips, 0),
    reports: found.reports.length,
    collisions: collisions.map(({ serial, cameras }) => ({ serial, cameras: cameras.length })),
    seen: opened(story).length > 0 ? 'some' : isUnknown(story) ? 'unknown' : 'none',
    cameOver: directions.some(({ cells }) => cells.some(({ came }) => came === 'told' || came === 'likely')),
    ...{ controller, contact },
  }
}
