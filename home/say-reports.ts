import type { Incident } from '../protocol/incident.ts'
import type { ReportState, Reports } from './report-state.ts'

/**
 * What `ownlens home report --list` prints: each report with what became of it, and incidents that concern this home.
 *
 * @param only this report alone.
 */
export function describeReports({ reports, incidents }: Reports, only?: string): readonly string[] {
  const shown = reports.filter(({ hash }) => only === undefined || hash === only)
  const told = new Set(shown.flatMap(report => report.incidents.map(({ incidentId }) => incidentId)))
  const others = incidents.filter(({ incidentId }) => !told.has(incidentId))
  return [
    ...(shown.length === 0 && only === undefined ? ['This home has reported nothing.'] : []),
    ...shown.flatMap(describeReport),
    ...(others.length === 0 ? [] : ['Incidents that concern this home:']),
    ...others.flatMap(describeIncident),
  ]
}

function describeReport(report: ReportState): readonly string[] {
  const { hash, says, issuedAt, incidents } = report
  return [
    `Report ${hash.slice(0, 12)} of ${minute(issuedAt)} UTC: “${says}”`,
    ...describeState(report),
    ...newest(incidents).flatMap(describeIncident),
  ]
}

function describeState(report: ReportState): readonly string[] {
  const { state, receivedAt, answerBy, asOf, answeredAt, silentAt } = report
  const received = receivedAt === null ? '' : `Received ${minute(receivedAt)} UTC. `
  const due = minute(answerBy ?? '')
  switch (state) {
    case 'unsent':
      return ['  Not sent yet: the hub has not signed for it.']
    case 'answered':
      return [`  ${received}Answered:`]
    case 'late':
      return [
        `  ${received}Answered TOO LATE, at ${minute(answeredAt ?? '')} UTC; it was due by ${due} UTC.`,
        ...(silentAt === null
          ? []
          : [`  The hub itself has signed at ${minute(silentAt)} UTC that there was no answer.`]),
      ]
    case 'waiting':
      return [`  ${received}An answer is due by ${due} UTC: ${left(answerBy, asOf)} left.`]
    case 'silent':
      return [
        `  ${received}UNANSWERED SINCE ${due} UTC; the hub itself has signed that at ${minute(silentAt ?? '')} UTC.`,
        '  `ownlens home report --proof FILE` writes it down for anybody to check.',
      ]
    case 'denied':
      return [
        `  ${received}The hub does not know it any more, though it has signed for it.`,
        '  `ownlens home report --proof FILE` writes down what it signed.',
      ]
    case 'false':
      return [
        `  ${received}What the hub says of it now does not hold: it is not believed. Ask whoever runs it.`,
      ]
    case 'unknown':
      return [`  ${received}An answer is due by ${due} UTC; the hub has said nothing since.`]
  }
}

function describeIncident({ title, state, cause, fix, release }: Incident): readonly string[] {
  return [
    `  “${title}”: ${STATES[state]}`,
    ...(cause === null ? [] : [`    Cause: ${cause}`]),
    ...(fix === null ? [] : [`    Fix: ${fix}${release === null ? '' : ` (release ${release})`}`]),
  ]
}

const STATES: Readonly<Record<Incident['state'], string>> = {
  open: 'is being looked into.',
  fixing: 'is being fixed.',
  fixed: 'is fixed.',
  closed: 'is closed.',
}

/** The last word on each incident. */
function newest(incidents: readonly Incident[]): readonly Incident[] {
  return incidents.filter(
    one => !incidents.some(other => other.incidentId === one.incidentId && other.number > one.number),
  )
}

function left(until: string | null, from: string | null): string {
  const minutes = Math.max(0, Math.round((Date.parse(until ?? '') - Date.parse(from ?? '')) / 60_000))
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const minute = (time: string): string => time.slice(0, 16).replace('T', ' ')
