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
  /** The hub's newest word that the time was over without an answer: what was said later does not undo it. */
  silent: jws.nullable().default(null),
  /** The operator's words that the answer names, no others. */
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
  /** When the hub has signed that the time was over without an answer; null when it has not. */
  readonly silentAt: string | null
  /** When it was answered: as the operator has dated it, but not before the hub's own word that it was silent. */
  readonly answeredAt: string | null
  /**
   * `answered`; `late`: answered when the time was over; `waiting`: not yet, and the time is not over; `silent`: the time was
   * over and the hub itself says that there was no answer; `unknown`: the file holds no word of the hub's beyond the receipt.
   */
  readonly state: 'answered' | 'late' | 'waiting' | 'silent' | 'unknown'
}

/**
 * Checks a proof with nothing but the file: the CA by its id, the hub key by the CA, receipt and answers by the hub key, the
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
  if (receipt.report !== hash) throw new OwnlensError('report.proof', 'the receipt is about another report')
  const answered = (jws: string | null) => (jws === null ? null : readAnswer(jws, hubKeyId, hash))
  const [answer, silent] = [await answered(proof.answer), await answered(proof.silent)]
  if (silent !== null && !isSilent(silent, receipt))
    throw new OwnlensError('report.proof', 'what is said to be the hub’s silence is none')
  const incidents = await readIncidents(proof.incidents, answer?.incidents ?? [], { hash, receipt })
  const silences = [silent, answer].filter(one => one !== null && isSilent(one, receipt))
  const silentAt = newest(silences.map(one => one?.at ?? ''))
  const [first] = incidents.map(({ issuedAt }) => issuedAt).sort()
  const answeredAt = first === undefined ? null : newest([first, silentAt ?? ''])
  const about = { hash, report, receipt, answer, incidents, silentAt, answeredAt }
  return { ...about, state: stateOf(about) }
}

/** Whether it is the hub's word that the time was over without an answer. */
export function isSilent({ at, incidents }: Answer, { answerBy }: Receipt): boolean {
  return incidents.length === 0 && at > answerBy
}

function stateOf({
  receipt,
  answer,
  silentAt,
  answeredAt,
}: Pick<Proven, 'receipt' | 'answer' | 'silentAt' | 'answeredAt'>): Proven['state'] {
  if (answeredAt !== null) return silentAt !== null || answeredAt > receipt.answerBy ? 'late' : 'answered'
  if (silentAt !== null) return 'silent'
  return answer === null ? 'unknown' : 'waiting'
}

async function readAnswer(jws: string, hubKeyId: string, hash: string): Promise<Answer> {
  const { payload } = await readStatement(answerKind, jws, hubKeyId)
  if (payload.report !== hash) throw new OwnlensError('report.proof', 'the answer is about another report')
  return payload
}

/** All that the answer names, and only these: without the hub's word nobody knows when an operator has said something. */
async function readIncidents(
  words: readonly string[],
  named: readonly string[],
  { hash, receipt }: { readonly hash: string; readonly receipt: Receipt },
): Promise<readonly Incident[]> {
  const held = words.map(statementHash)
  if (named.some(one => !held.includes(one)))
    throw new OwnlensError('report.proof', 'an answer is named that is not in the file')
  if (held.some(one => !named.includes(one)))
    throw new OwnlensError('report.proof', 'an incident that the hub’s answer does not name')
  const incidents = await Promise.all(
    words.map(async word => (await readStatement(incidentKind, word, receipt.operator)).payload),
  )
  if (incidents.some(({ reports }) => !reports.includes(hash)))
    throw new OwnlensError('report.proof', 'an incident about other reports')
  return incidents
}

const newest = (times: readonly string[]): string | null => times.toSorted().at(-1) || null
