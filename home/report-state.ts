import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { type Incident, incidentKind, receiptKind, reportKind } from '../protocol/incident.ts'
import { reportsAnswer } from '../protocol/registrar.ts'
import { readStatement, statementHash } from '../protocol/statement.ts'
import { checkReportProof, type Proven, type ReceiptFile, type ReportProof } from '../wire/report-proof.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import type { Household } from './household.ts'
import type { KeptReport, ReportFiles } from './report-files.ts'

/** What became of one report. */
export interface ReportState {
  readonly hash: string
  readonly says: string
  readonly deviceId: string | null
  readonly issuedAt: string
  /**
   * `unsent`: the hub has not signed for it. `denied`: it has, and does not know it any more. `false`: what it says of it now
   * does not hold. Else as the proof shows.
   */
  readonly state: Proven['state'] | 'unsent' | 'denied' | 'false'
  readonly receivedAt: string | null
  readonly answerBy: string | null
  /** When the hub last said something of it, by its own clock. */
  readonly asOf: string | null
  readonly incidents: readonly Incident[]
}

/** This home's reports, oldest first, and what the operator has said on incidents that concern this home. */
export interface Reports {
  readonly reports: readonly ReportState[]
  readonly incidents: readonly Incident[]
}

/**
 * Asks the hub what became of this app's reports, checks what it signs and keeps that as each one's newest proof: a hub that
 * takes it back later has signed it before. Incidents are believed that the operator has signed whom a receipt names.
 */
export async function reportsOf(
  household: Household,
  files: ReportFiles,
  tls: TlsIdentity,
): Promise<Reports> {
  const path = `/households/${household.id}/reports`
  const { reports, incidents, hub } = await household.hub.getJson(path, tls, reportsAnswer)
  const ca = await household.hub.authorities()
  const { caId } = household.hub.address
  const states: ReportState[] = []
  const kept = await files.all()
  const proofFor = async (report: string, receipt: ReceiptFile, answer: string): Promise<ReportProof> => ({
    ...{ ownlens: 'report proof 1', report, ...receipt, answer },
    incidents: await naming(incidents, report, receipt.receipt),
  })
  for (const one of kept) {
    const found = reports.find(({ report }) => statementHash(report) === one.hash)
    // The receipt that was given first is the one that counts.
    const receipt = one.receipt ?? (found && { receipt: found.receipt, hub, ca, caId })
    if (found === undefined || receipt === undefined) {
      states.push(await stateOf(one, one.receipt === undefined ? 'unsent' : 'denied'))
      continue
    }
    try {
      const proof = await proofFor(one.report, receipt, found.answer)
      states.push(plain(await checkReportProof(proof)))
      if (one.receipt === undefined) await files.keepReceipt(one.hash, receipt)
      await files.keepProof(one.hash, proof)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      states.push(await stateOf(one, 'false'))
    }
  }
  // What other members of this home have reported is told, too.
  for (const { report, receipt, answer } of reports) {
    if (kept.some(one => one.hash === statementHash(report))) continue
    const proof = await proofFor(report, { receipt, hub, ca, caId }, answer)
    states.push(plain(await checkReportProof(proof)))
  }
  return { reports: states, incidents: await newestOf(incidents) }
}

/** What is known without the hub: the newest proofs that were kept. */
export async function reportsKept(files: ReportFiles): Promise<readonly ReportState[]> {
  const kept = await files.all()
  return Promise.all(
    kept.map(async one => {
      if (one.proof !== undefined) return plain(await checkReportProof(one.proof))
      return stateOf(one, one.receipt === undefined ? 'unsent' : 'unknown')
    }),
  )
}

/** The proof of a report to be handed out: the newest one, or the receipt alone. Throws `report.unknown`. */
export async function proofOf(files: ReportFiles, start: string): Promise<ReportProof> {
  const [found, ...others] = (await files.all()).filter(({ hash }) => hash.startsWith(start))
  if (found === undefined || others.length > 0) throw new OwnlensError('report.unknown', start)
  const { report, receipt, proof } = found
  if (proof !== undefined) return proof
  if (receipt === undefined) throw new OwnlensError('report.proof', 'the hub has not signed for it')
  return { ownlens: 'report proof 1', report, ...receipt, answer: null, incidents: [] }
}

/** Of the operator's words those that name this report. Whose words count is in the receipt. */
async function naming(incidents: readonly string[], report: string, receipt: string): Promise<string[]> {
  const { operator } = (await readStatement(receiptKind, receipt, 'itself')).payload
  const hash = statementHash(report)
  const read = incidents.map(jws => readStatement(incidentKind, jws, operator).catch(() => undefined))
  return (await Promise.all(read)).flatMap(one => (one?.payload.reports.includes(hash) ? [one.jws] : []))
}

/** The newest word on each incident. The hub says that the operator has signed them; only a receipt proves whose key it is. */
async function newestOf(incidents: readonly string[]): Promise<readonly Incident[]> {
  const newest = new Map<string, Incident>()
  for (const jws of incidents) {
    const payload = await readStatement(incidentKind, jws, 'itself').then(
      ({ payload: word }) => word,
      () => undefined,
    )
    if (payload === undefined) continue
    if (payload.number > (newest.get(payload.incidentId)?.number ?? 0))
      newest.set(payload.incidentId, payload)
  }
  return [...newest.values()]
}

async function stateOf(
  { hash, report, receipt }: KeptReport,
  state: ReportState['state'],
): Promise<ReportState> {
  const { payload } = await readStatement(reportKind, report, 'itself')
  const signed = receipt && (await readStatement(receiptKind, receipt.receipt, 'itself')).payload
  const { says, deviceId, issuedAt } = payload
  return {
    ...{ hash, says, deviceId, issuedAt, state },
    ...{
      receivedAt: signed?.receivedAt ?? null,
      answerBy: signed?.answerBy ?? null,
      asOf: null,
      incidents: [],
    },
  }
}

function plain({ hash, report, receipt, answer, incidents, state }: Proven): ReportState {
  const { says, deviceId, issuedAt } = report
  const { receivedAt, answerBy } = receipt
  return { hash, says, deviceId, issuedAt, state, receivedAt, answerBy, asOf: answer?.at ?? null, incidents }
}
