import { KINDS_SEEN, type KindSeen } from '../../protocol/incident.ts'
import type { Case } from './case.ts'
import { isDoubted } from './doubts.ts'
import type { Names } from './names.ts'

/** Of one kind of recording, from one home to another. */
export interface Cell {
  readonly kind: KindSeen
  /** `told`: the receiving home has reported it. `likely`: the broker kept no rules. `ruled`: its rules forbade it. */
  readonly came: 'told' | 'likely' | 'ruled' | 'nothing'
  readonly things: number
  readonly bytes: number
  /** Things of it, or of no known kind, that the receiving home’s keys opened, by its own report. */
  readonly opened: number
  readonly couldOpen: 'no' | 'yes' | 'unknown'
}

/** What of one home's recordings went to another home, and could be opened there. */
export interface Direction {
  readonly from: string
  readonly to: string
  readonly cells: readonly Cell[]
  /** Whether the receiving home has reported, and so said what it got. */
  readonly toReported: boolean
  /** Members of both homes: what one of them may open is no secret from the other. */
  readonly shared: number
  /** Keys that the sender's cameras ever sealed to, and keys of the receiver; none is in both unless `shared`. */
  readonly fromKeys: number
  readonly toKeys: number
  /** Not all lists of members of one of both may be known. */
  readonly isDoubted: boolean
}

/** Each home's keys: of every list of members that the log has of it. */
export function keysOf(found: Case, householdId: string): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const { said } of found.facts)
    if (said.kind === 'household' && said.householdId === householdId)
      for (const member of said.members) for (const key of [member.memberId, ...member.keys]) keys.add(key)
  return keys
}

/** Every pair of homes, both ways. */
export function directionsOf(found: Case, names: Names): readonly Direction[] {
  const homes = names.homes.filter(({ id }) => found.homes.some(({ householdId }) => householdId === id))
  return homes.flatMap(({ id: from }) =>
    homes.filter(({ id }) => id !== from).map(({ id: to }) => direction(found, from, to)),
  )
}

function direction(found: Case, from: string, to: string): Direction {
  const [fromKeys, toKeys] = [keysOf(found, from), keysOf(found, to)]
  const shared = [...fromKeys].filter(key => toKeys.has(key)).length
  const evidence = found.reports
    .filter(({ report }) => report.householdId === to)
    .map(report => report.evidence)
  const totals = evidence.flatMap(one => one?.totals ?? []).filter(total => total.householdId === from)
  const isUnsure = isDoubted(found, from) || isDoubted(found, to)
  const recorded = found.homes.find(({ householdId }) => householdId === from)?.clips.length ?? 0
  const cells = KINDS_SEEN.map((kind): Cell => {
    // A home that reports twice speaks of the same things: the larger count, not their sum.
    const largest = (of: 'things' | 'bytes' | 'opened', which: string) =>
      Math.max(0, ...totals.filter(total => total.kind === which).map(total => total[of]))
    const most = (of: 'things' | 'bytes') => largest(of, kind)
    // Keys that open anything of a home open everything that it sealed.
    const opened = Math.max(largest('opened', kind), largest('opened', 'other'))
    const came =
      most('things') > 0 ? 'told' : recorded === 0 ? 'nothing' : found.brokerRules ? 'ruled' : 'likely'
    return {
      ...{ kind, came, things: most('things'), bytes: most('bytes'), opened },
      couldOpen:
        shared > 0 || opened > 0
          ? 'yes'
          : isUnsure || fromKeys.size === 0 || toKeys.size === 0
            ? 'unknown'
            : 'no',
    }
  })
  const counted = (keys: ReadonlySet<string>) => [...keys].filter(key => key.startsWith('age1')).length
  return {
    ...{ from, to, cells, shared, toReported: evidence.length > 0 },
    ...{ fromKeys: counted(fromKeys), toKeys: counted(toKeys) },
    isDoubted: isUnsure,
  }
}
