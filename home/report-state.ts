import type { z } from 'zod'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { answerKind, type Incident, incidentKind, receiptKind, reportKind } from '../protocol/incident.ts'
import { reportsAnswer } from '../protocol/registrar.ts'
import { readStatement, statementHash } from '../protocol/statement.ts'
import {
  checkReportProof,
  isSilent,
  type Proven,
  type ReceiptFile,
  type ReportProof,
} from '../wire/report-proof.ts'
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
  /** When it was answered, and when the hub has signed that it was silent; null where it was not. */
  readonly answeredAt: string | null
  readonly silentAt: string | null
  readonly incidents: readonly Incident[]
}

/** This home's reports, oldest first, and what the operator has said on incidents that concern this home. */
export interface Reports {
  readonly reports: readonly ReportState[]
  readonly incidents: readonly Incident[]
}

/**
 * Asks the hub what became of this home's reports, checks what it signs and keeps that as each one's newest proof: a hub that
 * takes it back later has signed it before. Incidents are believed that the operator has signed whom a receipt names.
 */
export async function reportsOf(
  household: Household,
  files: ReportFiles,
  tls: TlsIdentity,
): Promise<Reports> {
  const path = `/households/${household.id}/reports`
  const answer = await household.hub.getJson(path, tls, reportsAnswer)
  const ca = await household.hub.authorities()
  const heard: Heard = { answer, certificates: { hub: answer.hub, ca, caId: household.hub.address.caId } }
  const kept = await files.all()
  const states: ReportState[] = []
  for (const one of kept) states.push(await ownState(one, heard, files))
  // What other members of this home have reported is told, too.
  for (const found of answer.reports)
    if (!kept.some(({ hash }) => hash === statementHash(found.report)))
      states.push(...(await othersState(found, heard)))
  return { reports: states, incidents: await newestOf(answer.incidents) }
}

/** What the hub has answered, and the certificates that lead to its key. */
interface Heard {
  readonly answer: z.infer<typeof reportsAnswer>
  readonly certificates: Omit<ReceiptFile, 'receipt'>
}
type Found = Heard['answer']['reports'][number]

async function ownState(one: KeptReport, heard: Heard, files: ReportFiles): Promise<ReportState> {
  const found = heard.answer.reports.find(({ report }) => statementHash(report) === one.hash)
  // The receipt that was given first is the one that counts.
  const receipt = one.receipt ?? (found && { receipt: found.receipt, ...heard.certificates })
  if (receipt === undefined) return stateOf(one, 'unsent')
  if (found === undefined) return (await isEarlier(receipt, heard)) ? keptState(one) : stateOf(one, 'denied')
  try {
    const silent = await silenceOf(one.proof)
    const proof = await proofFor(found, receipt, { heard, silent })
    const state = plain(await checkReportProof(proof))
    if (one.receipt === undefined) await files.keepReceipt(one.hash, receipt)
    await files.keepProof(one.hash, proof)
    return state
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return stateOf(one, 'false')
  }
}

/** None where not even the report can be read. */
async function othersState(found: Found, heard: Heard): Promise<readonly ReportState[]> {
  const receipt = { receipt: found.receipt, ...heard.certificates }
  try {
    return [plain(await checkReportProof(await proofFor(found, receipt, { heard, silent: null })))]
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    const one = { hash: statementHash(found.report), report: found.report, receipt: undefined }
    return stateOf(one, 'false').then(
      state => [state],
      () => [],
    )
  }
}

/** The hub lists the newest reports; it does not deny what came before them. */
async function isEarlier({ receipt }: ReceiptFile, { answer }: Heard): Promise<boolean> {
  if (answer.earlier === 0) return false
  const last = answer.reports.at(-1)
  if (last === undefined) return false
  const received = async (jws: string) => (await readStatement(receiptKind, jws, 'itself')).payload.receivedAt
  return received(last.receipt).then(
    async oldest => (await received(receipt)) <= oldest,
    () => false,
  )
}

async function proofFor(
  { report, answer }: Found,
  receipt: ReceiptFile,
  { heard, silent }: { readonly heard: Heard; readonly silent: string | null },
): Promise<ReportProof> {
  const named = (await readStatement(answerKind, answer, 'itself')).payload.incidents
  const incidents = heard.answer.incidents.filter(word => named.includes(statementHash(word)))
  return { ownlens: 'report proof 1', report, ...receipt, answer, silent, incidents }
}

/** The hub's newest word that it was silent, as a kept proof has it: it is never let go of. */
async function silenceOf(proof: ReportProof | undefined): Promise<string | null> {
  if (proof === undefined || proof.answer === null) return proof?.silent ?? null
  const { payload: answer } = await readStatement(answerKind, proof.answer, 'itself')
  const { payload: receipt } = await readStatement(receiptKind, proof.receipt, 'itself')
  return isSilent(answer, receipt) ? proof.answer : proof.silent
}

/** What is known without the hub: the newest proofs that were kept. */
export async function reportsKept(files: ReportFiles): Promise<readonly ReportState[]> {
  return Promise.all((await files.all()).map(keptState))
}

async function keptState(one: KeptReport): Promise<ReportState> {
  if (one.proof !== undefined) return plain(await checkReportProof(one.proof))
  return stateOf(one, one.receipt === undefined ? 'unsent' : 'unknown')
}

/** The proof of a report to be handed out: the newest one, or the receipt alone. Throws `report.unknown`. */
export async function proofOf(files: ReportFiles, start: string): Promise<ReportProof> {
  const [found, ...others] = (await files.all()).filter(({ hash }) => hash.startsWith(start))
  if (found === undefined || others.length > 0) throw new OwnlensError('report.unknown', start)
  const { report, receipt, proof } = found
  if (proof !== undefined) return proof
  if (receipt === undefined) throw new OwnlensError('report.proof', 'the hub has not signed for it')
  return { ownlens: 'report proof 1', report, ...receipt, answer: null, silent: null, incidents: [] }
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
  { hash, report, receipt }: Pick<KeptReport, 'hash' | 'report' | 'receipt'>,
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
      ...{ asOf: null, answeredAt: null, silentAt: null },
      incidents: [],
    },
  }
}

function plain({ report, receipt, answer, ...proven }: Proven): ReportState {
  const { says, deviceId, issuedAt } = report
  const { receivedAt, answerBy } = receipt
  return { ...proven, says, deviceId, issuedAt, receivedAt, answerBy, asOf: answer?.at ?? null }
}
