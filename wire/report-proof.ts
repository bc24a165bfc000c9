import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { id, jws } from '../protocol/fields.ts'
import {
  type Answer,
  answerKind,
  type HomeReport,
  type Incident,
  incidentKind,
  type Receipt,
  receiptKind,
  reportKind,
} from '../protocol/incident.ts'
import { readStatement, statementHash } from '../protocol/statement.ts'
import { keyIdOf, readHubKey, readPinnedCa } from './tls.ts'

/** What a hub has signed about a report, with the certificates that lead from its CA to the key (PROTOCOL 11.3). */
export const receiptFile = z.strictObject({
  receipt: jws,
  /** The hub key's certificate, DER in base64. */
  hub: z.base64().max(8192),
  /** The CA that is pinned, and those that it vouches for, PEM. */
  ca: z.string().max(16 * 1024),
  caId: id,
})
export type ReceiptFile = z.infer<typeof receiptFile>

/** A report and all that was signed about it: whoever has this file needs nobody's word. */
export const reportProof = z.strictObject({
  ownlens: z.literal('report proof 1'),
  report: jws,
  ...receiptFile.shape,
  /** Null where the hub gave none: it is gone, or did not want to. */
  answer: jws.nullable(),
  /** The operator's words that the answer names. */
  incidents: z.array(jws).max(64),
})
export type ReportProof = z.infer<typeof reportProof>

/** What a proof shows. */
export interface Proven {
  readonly hash: string
  readonly report: HomeReport
  readonly receipt: Receipt
  readonly answer: Answer | null
  /** Words of the operator's that name the report. */
  readonly incidents: readonly Incident[]
  /**
   * `answered`; `waiting`: not yet, and the time is not over; `silent`: the time was over and the hub itself says that there was
   * no answer; `unknown`: the file holds no word of the hub's beyond the receipt.
   */
  readonly state: 'answered' | 'waiting' | 'silent' | 'unknown'
}

/**
 * Checks a proof with nothing but the file: the CA by its id, the hub key by the CA, receipt and answer by the hub key, the
 * report by its member, the operator's words by the key that the receipt names.
 *
 * @throws OwnlensError `report.proof` when its parts are not about one report, `hub.ca`, `statement.*`.
 */
export async function checkReportProof(proof: ReportProof): Promise<Proven> {
  const hash = statementHash(proof.report)
  const { authorities } = await readPinnedCa(proof.ca, proof.caId)
  const hubKeyId = keyIdOf(await readHubKey(Buffer.from(proof.hub, 'base64'), authorities))
  const { payload: report, signer } = await readStatement(reportKind, proof.report, 'itself')
  if (signer.id !== report.memberId) throw new OwnlensError('statement.signer', reportKind.typ)
  const { payload: receipt } = await readStatement(receiptKind, proof.receipt, hubKeyId)
  const about = (named: string, what: string) => {
    if (named !== hash) throw new OwnlensError('report.proof', `the ${what} is about another report`)
  }
  about(receipt.report, 'receipt')
  const incidents: Incident[] = []
  const words = new Set(proof.incidents.map(statementHash))
  for (const word of proof.incidents) {
    const { payload } = await readStatement(incidentKind, word, receipt.operator)
    if (!payload.reports.includes(hash))
      throw new OwnlensError('report.proof', 'an incident about other reports')
    incidents.push(payload)
  }
  if (proof.answer === null)
    return {
      hash,
      report,
      receipt,
      answer: null,
      incidents,
      state: incidents.length > 0 ? 'answered' : 'unknown',
    }
  const { payload: answer } = await readStatement(answerKind, proof.answer, hubKeyId)
  about(answer.report, 'answer')
  if (answer.incidents.some(named => !words.has(named)))
    throw new OwnlensError('report.proof', 'an answer is named that is not in the file')
  const late = answer.at > receipt.answerBy
  const state = incidents.length > 0 ? 'answered' : late ? 'silent' : 'waiting'
  return { hash, report, receipt, answer, incidents, state }
}
