import { OwnlensError } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { ANSWER_MS, answerKind, evidenceSchema, receiptKind, reportKind } from '../../protocol/incident.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { RequestAnswer, RequestBody } from '../../protocol/registrar.ts'
import { makeStatement, readStatement, statementHash } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import type { Evidence } from './evidence.ts'
import type { Incidents } from './incidents.ts'
import { record } from './records.ts'

const DAY = 24 * 3_600_000
/** So many reports of one household in a day are taken. */
const A_DAY_MAX = 20
/** Bytes of evidence that the reports of one household, and of all, may take up: one home must not fill the disk of all. */
const OF_ONE_MAX = 256 * 1024 ** 2
const OF_ALL_MAX = 4 * 1024 ** 3
const LISTED_MAX = 100
/** So many words of the operator's one answer names. */
const NAMED_MAX = 64

export interface ReportsParts {
  readonly database: Db
  readonly hubKey: Signer
  /** DER of the hub key's certificate. */
  readonly hubCertificate: Uint8Array
  readonly operatorId: string
  readonly evidence: Evidence
  readonly incidents: Incidents
  readonly now: () => Date
}

/** What homes report (PROTOCOL 11.1 to 11.3): frozen, recorded and receipted before anybody is told anything. */
export class Reports {
  readonly #parts: ReportsParts

  constructor(parts: ReportsParts) {
    this.#parts = parts
  }

  /**
   * Takes a member's report. The same one again gets the same receipt: the first may have been lost.
   *
   * @throws OwnlensError `statement.*`, `report.evidence`, `hub.limit`.
   */
  async take(
    householdId: string,
    memberId: string,
    { report, evidence }: Extract<RequestBody, { action: 'report' }>,
  ): Promise<RequestAnswer<'report'>> {
    const { database: db, hubKey, operatorId, now } = this.#parts
    const { payload } = await readStatement(reportKind, report, memberId)
    const hub = Buffer.from(this.#parts.hubCertificate).toString('base64')
    if (payload.householdId !== householdId || payload.memberId !== memberId)
      throw new OwnlensError('statement.signer', reportKind.typ)
    const hash = statementHash(report)
    const before = await this.#receiptOf(hash)
    if (before !== undefined) return { receipt: before, hub }
    if (hex(sha256(evidence)) !== payload.evidence || !isEvidence(evidence))
      throw new OwnlensError('report.evidence')
    await this.#mayReport(householdId)
    const at = now()
    const devices = payload.deviceId === null ? [] : [payload.deviceId]
    const frozen = await this.#parts.evidence.freeze(
      hash,
      { households: [householdId], devices },
      { report: hash },
      { 'report.jws': report, 'evidence.json': evidence },
      await this.#room(householdId),
    )
    const times = { receivedAt: at.toISOString(), answerBy: new Date(at.getTime() + ANSWER_MS).toISOString() }
    const receipt = await makeStatement(
      receiptKind,
      { report: hash, ...times, frozen: frozen.sha256, operator: operatorId },
      hubKey,
    )
    await db.transaction().execute(async transaction => {
      await transaction
        .insertInto('reports')
        .values({
          ...{ report_hash: hash, household_id: householdId, device_id: payload.deviceId, report, receipt },
          ...{ received_at: times.receivedAt, answer_by: times.answerBy },
          frozen_bytes: frozen.bytes,
        })
        .execute()
      const about = { householdId, ...(payload.deviceId && { deviceId: payload.deviceId }) }
      await record(transaction, { kind: 'report', report }, about, at)
    })
    return { receipt, hub }
  }

  /** A household's own reports, newest first, each with the hub's signed word on what had been answered by now. */
  async ofHousehold(householdId: string) {
    const { database: db, hubKey, incidents, now } = this.#parts
    const rows = await db
      .selectFrom('reports')
      .select(['report_hash', 'report', 'receipt'])
      .where('household_id', '=', householdId)
      .orderBy('received_at', 'desc')
      .limit(LISTED_MAX)
      .execute()
    const { all } = await db
      .selectFrom('reports')
      .select(({ fn }) => fn.countAll<number>().as('all'))
      .where('household_id', '=', householdId)
      .executeTakeFirstOrThrow()
    const reports = []
    const answers = new Set<string>()
    for (const { report_hash: hash, report, receipt } of rows) {
      const words = firstAndNewest(await incidents.answering(hash))
      for (const word of words) answers.add(word)
      const said = { report: hash, at: now().toISOString(), incidents: words.map(statementHash) }
      reports.push({ report, receipt, answer: await makeStatement(answerKind, said, hubKey) })
    }
    for (const word of await incidents.ofHousehold(householdId)) answers.add(word)
    return {
      ...{ reports, earlier: all - rows.length, incidents: [...answers] },
      hub: Buffer.from(this.#parts.hubCertificate).toString('base64'),
    }
  }

  async #receiptOf(hash: string): Promise<string | undefined> {
    const row = await this.#parts.database
      .selectFrom('reports')
      .select('receipt')
      .where('report_hash', '=', hash)
      .executeTakeFirst()
    return row?.receipt
  }

  /** Bytes that may be frozen for another report of this household. The report itself is always kept. */
  async #room(householdId: string): Promise<number> {
    const sum = (whose?: string) =>
      this.#parts.database
        .selectFrom('reports')
        .select(({ fn }) => fn.sum<number | null>('frozen_bytes').as('bytes'))
        .$if(whose !== undefined, query => query.where('household_id', '=', whose ?? ''))
        .executeTakeFirstOrThrow()
    const [one, all] = [await sum(householdId), await sum()]
    return Math.max(0, Math.min(OF_ONE_MAX - (one.bytes ?? 0), OF_ALL_MAX - (all.bytes ?? 0)))
  }

  async #mayReport(householdId: string): Promise<void> {
    const since = new Date(this.#parts.now().getTime() - DAY).toISOString()
    const rows = await this.#parts.database
      .selectFrom('reports')
      .select('report_hash')
      .where('household_id', '=', householdId)
      .where('received_at', '>', since)
      .execute()
    if (rows.length >= A_DAY_MAX) throw new OwnlensError('hub.limit', `${A_DAY_MAX} reports a day`)
  }
}

/** The first word says when it was answered; the newest ones what stands. */
function firstAndNewest(words: readonly string[]): readonly string[] {
  return words.length <= NAMED_MAX ? words : [...words.slice(0, 1), ...words.slice(1 - NAMED_MAX)]
}

function isEvidence(text: string): boolean {
  try {
    return evidenceSchema.safeParse(JSON.parse(text)).success
  } catch {
    return false
  }
}
