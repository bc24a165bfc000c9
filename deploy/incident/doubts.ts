import type { Case } from './case.ts'

/**
 * Whether the lists of members that are known of a home may not be all that it ever had: something of it was left out, was
 * erased, or does not hold. Then it cannot be said for certain whom its cameras sealed to, nor which keys it has.
 */
export function isDoubted({ facts, homes, reports }: Case, householdId: string): boolean {
  const home = homes.find(one => one.householdId === householdId)
  const lists = facts.flatMap(({ said }) =>
    said.kind === 'household' && said.householdId === householdId ? [said.number] : [],
  )
  if (home === undefined || home.earlier > 0) return true
  // What the hub holds now must be in the log, too.
  if (home.roster !== null && !lists.includes(home.roster.roster_number)) return true
  if (reports.some(({ report, evidence }) => report.householdId === householdId && evidence === null))
    return true
  return facts.some(
    ({ of, said }) => of.householdId === householdId && (said.kind === 'false' || said.kind === 'erased'),
  )
}

/** What may hide a home, or something that a home got: as long as there is any, nothing is certain of all homes. */
export interface Gaps {
  /** More cameras or homes are concerned than were frozen. */
  readonly isCut: boolean
  /** Reports that the incident answers and that are not there any more. */
  readonly reports: number
  /** Cameras with ownerships of which nothing is known. */
  readonly cameras: readonly { readonly deviceId: string; readonly epochs: readonly number[] }[]
  /** Things of nobody knows whose that a home’s keys opened. */
  readonly opened: readonly { readonly home: string; readonly things: number }[]
}

export function gapsIn({ facts, devices, reports, newest, isCut }: Case): Gaps {
  const cameras = devices.flatMap(deviceId => {
    const known = facts.flatMap(({ said }) =>
      said.kind === 'claim' && said.deviceId === deviceId ? [said.epoch] : [],
    )
    const all = Array.from({ length: Math.max(0, ...known) }, (_, index) => index + 1)
    const epochs = all.filter(epoch => !known.includes(epoch))
    return epochs.length === 0 ? [] : [{ deviceId, epochs }]
  })
  const opened = reports.flatMap(({ report, evidence }) => {
    const things = (evidence?.totals ?? [])
      .filter(({ householdId }) => householdId === null)
      .reduce((sum, total) => sum + total.opened, 0)
    return things === 0 ? [] : [{ home: report.householdId, things }]
  })
  const gone = newest.reports.filter(hash => !reports.some(report => report.hash === hash)).length
  return { isCut, reports: gone, cameras, opened }
}

export const isWhole = ({ isCut, reports, cameras, opened }: Gaps): boolean =>
  !isCut && reports === 0 && cameras.length === 0 && opened.length === 0
