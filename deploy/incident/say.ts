import type { Incident } from '../../protocol/incident.ts'
import type { Reported } from './desk.ts'

/** Characters of a hash or id that a person types. */
const SHORT = 12

/** Reports without an answer, the one with the least time first. */
export function describeWaiting(reports: readonly Reported[], now: Date): readonly string[] {
  const waiting = reports.filter(({ incidents }) => incidents.length === 0)
  if (waiting.length === 0) return ['No report waits for an answer.']
  const lines = waiting
    .toSorted((a, b) => a.receipt.answerBy.localeCompare(b.receipt.answerBy))
    .map(({ hash, report, receipt }) => {
      const camera =
        report.deviceId === null ? 'no camera named' : `camera ${report.deviceId.slice(0, SHORT)}`
      return `  ${hash.slice(0, SHORT)}  ${left(receipt.answerBy, now)}  ${camera}  “${report.says}”`
    })
  return ['Reports that wait for an answer (`ownlens incident open --report …`):', ...lines]
}

/** How much time is left, or since when there is none. */
export function left(until: string, now: Date): string {
  const minutes = Math.round((Date.parse(until) - now.getTime()) / 60_000)
  if (minutes <= 0) return `unanswered since ${minute(until)} UTC`
  const hours = Math.floor(minutes / 60)
  return hours > 0 ? `${hours} h ${minutes % 60} min left` : `${minutes} min left`
}

export function describeIncident(incident: Incident): readonly string[] {
  const { incidentId, number, state, title, cause, fix, release, devices, reports, awareAt } = incident
  return [
    `${incidentId}  ${state}  ${title}`,
    `  word ${number}, known since ${minute(awareAt)} UTC; ${reports.length} reports, ${devices.length} cameras`,
    ...(cause === null ? [] : [`  Cause: ${cause}`]),
    ...(fix === null ? [] : [`  Fix: ${fix}${release === null ? '' : ` (release ${release})`}`]),
  ]
}

export const minute = (time: string): string => time.slice(0, 16).replace('T', ' ')
