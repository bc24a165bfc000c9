import { OwnlensError } from '../../protocol/errors.ts'
import { type Incident, incidentKind } from '../../protocol/incident.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import type { Evidence } from './evidence.ts'
import { notify } from './notices.ts'
import { record } from './records.ts'

const LISTED_MAX = 1000
/** Of so many incidents, the newest, a household is told whether they concern it. */
const LOOKED_AT = 100
/** A word may be dated so far ahead of the hub's clock. Later ones would make an answer's time a matter of taste. */
const AHEAD_MAX_MS = 10 * 60_000
const OK = { ok: true } as const

/** The operator's words on incidents, each signed and numbered. What stands is the newest; all of them are kept. */
export class Incidents {
  readonly #db: Db
  readonly #operatorId: string
  readonly #evidence: Evidence
  readonly #now: () => Date

  constructor(parts: { database: Db; operatorId: string; evidence: Evidence; now: () => Date }) {
    this.#db = parts.database
    this.#operatorId = parts.operatorId
    this.#evidence = parts.evidence
    this.#now = parts.now
  }

  /**
   * Takes a word on an incident. The homes that it concerns are told when it is the first one, or its state is another. It may
   * name a report that its last word named and whose home was erased since.
   *
   * @throws OwnlensError `statement.*`, `incident.old`, `incident.time`, `report.unknown`.
   */
  async take(jws: string): Promise<typeof OK> {
    const { payload } = await readStatement(incidentKind, jws, this.#operatorId)
    const { incidentId, number, state } = payload
    const held = await this.#newest(incidentId)
    if (held?.incident === jws) return OK
    if (held !== undefined && number <= held.number)
      throw new OwnlensError('incident.old', String(held.number))
    if (Date.parse(payload.issuedAt) > this.#now().getTime() + AHEAD_MAX_MS)
      throw new OwnlensError('incident.time', payload.issuedAt)
    const before = held && (await this.#read(held.incident)).payload.reports
    const told = held?.state === state ? new Map<string, string | null>() : await this.#concerned(payload)
    await this.#db.transaction().execute(async transaction => {
      const at = this.#now().toISOString()
      await transaction
        .insertInto('incidents')
        .values({ incident_id: incidentId, number, state, at, incident: jws })
        .execute()
      for (const hash of payload.reports) {
        const known = await transaction
          .selectFrom('reports')
          .select('report_hash')
          .where('report_hash', '=', hash)
          .executeTakeFirst()
        if (known === undefined && !before?.includes(hash)) throw new OwnlensError('report.unknown', hash)
        if (known === undefined) continue
        await transaction
          .insertInto('incident_reports')
          .values({ report_hash: hash, incident_id: incidentId })
          .onConflict(conflict => conflict.doNothing())
          .execute()
      }
      await record(transaction, { kind: 'incident', incident: jws }, {}, this.#now())
      for (const [householdId, deviceId] of told)
        if (deviceId !== null)
          await notify(transaction, householdId, { kind: 'incident', deviceId }, this.#now())
    })
    return OK
  }

  /** What there is: all reports, and of incidents the newest word each, or every word of one whose evidence is frozen anew. */
  async evidence(incidentId: string | null): Promise<RequestAnswer<'evidence'>> {
    // What waits for an answer must not drop off the list, however old it is.
    const reports = await this.#db
      .selectFrom('reports')
      .select(['report_hash', 'report', 'receipt'])
      .orderBy(({ selectFrom, exists }) =>
        exists(
          selectFrom('incident_reports')
            .select('incident_id')
            .whereRef('incident_reports.report_hash', '=', 'reports.report_hash'),
        ),
      )
      .orderBy('received_at', 'desc')
      .limit(LISTED_MAX)
      .execute()
    const named = await this.#db.selectFrom('incident_reports').selectAll().execute()
    const listed = reports.map(({ report_hash: hash, report, receipt }) => ({
      ...{ report, receipt },
      incidents: named.filter(row => row.report_hash === hash).map(row => row.incident_id),
    }))
    if (incidentId === null)
      return { reports: listed, incidents: (await this.#standing()).map(({ jws }) => jws), folder: null }
    const words = await this.#words(incidentId)
    const newest = words.at(-1)
    if (newest === undefined) throw new OwnlensError('incident.unknown', incidentId)
    const { payload } = await readStatement(incidentKind, newest, this.#operatorId)
    const households = await this.#reporters(payload.reports)
    const folder = `incident-${incidentId}`
    await this.#evidence.freeze(folder, { households, devices: payload.devices }, { incidentId })
    return { reports: listed, incidents: words, folder: `evidence/${folder}` }
  }

  /** The newest word on each incident that concerns a household: it has reported, or has one of the cameras now. */
  async ofHousehold(householdId: string): Promise<readonly string[]> {
    const found: string[] = []
    for (const { jws, payload } of await this.#standing(LOOKED_AT))
      if ((await this.#concerned(payload)).has(householdId)) found.push(jws)
    return found
  }

  /** Every word of the operator's that names a report, oldest first. */
  async answering(reportHash: string): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('incident_reports')
      .innerJoin('incidents', 'incidents.incident_id', 'incident_reports.incident_id')
      .select('incident')
      .where('report_hash', '=', reportHash)
      .orderBy('at')
      .orderBy('number')
      .execute()
    // Other words on the same incident may not name it.
    const words = await Promise.all(rows.map(row => this.#read(row.incident)))
    return words.filter(({ payload }) => payload.reports.includes(reportHash)).map(({ jws }) => jws)
  }

  async #read(jws: string): Promise<{ jws: string; payload: Incident }> {
    return { jws, payload: (await readStatement(incidentKind, jws, this.#operatorId)).payload }
  }

  async #newest(incidentId: string) {
    return this.#db
      .selectFrom('incidents')
      .select(['number', 'state', 'incident'])
      .where('incident_id', '=', incidentId)
      .orderBy('number', 'desc')
      .executeTakeFirst()
  }

  async #words(incidentId: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('incidents')
      .select('incident')
      .where('incident_id', '=', incidentId)
      .orderBy('number')
      .execute()
    return rows.map(({ incident }) => incident)
  }

  /** What stands, newest first. */
  async #standing(most = LISTED_MAX): Promise<readonly { jws: string; payload: Incident }[]> {
    const rows = await this.#db
      .selectFrom('incidents')
      .select(['incident_id', 'incident'])
      .orderBy('at', 'desc')
      .orderBy('number', 'desc')
      .execute()
    const newest = new Map<string, string>()
    for (const row of rows) if (!newest.has(row.incident_id)) newest.set(row.incident_id, row.incident)
    const words = [...newest.values()].slice(0, most)
    return Promise.all(words.map(jws => this.#read(jws)))
  }

  async #reporters(hashes: readonly string[]): Promise<readonly string[]> {
    if (hashes.length === 0) return []
    const rows = await this.#db
      .selectFrom('reports')
      .select('household_id')
      .where('report_hash', 'in', [...hashes])
      .execute()
    return [...new Set(rows.map(row => row.household_id))]
  }

  /**
   * Households that have reported or have one of the cameras now, each with the camera that a notice is about: one of the
   * incident's, else one of its own; null where it has none.
   */
  async #concerned({ devices, reports }: Incident): Promise<Map<string, string | null>> {
    const reporters = await this.#reporters(reports)
    const told = new Map<string, string | null>(reporters.map(householdId => [householdId, null]))
    const owned = (column: 'device_id' | 'household_id', values: readonly string[]) =>
      values.length === 0
        ? Promise.resolve([])
        : this.#db
            .selectFrom('devices')
            .select(['device_id', 'household_id'])
            .where(column, 'in', [...values])
            .where('household_id', '!=', '')
            .execute()
    for (const row of await owned('household_id', reporters)) told.set(row.household_id, row.device_id)
    for (const row of await owned('device_id', devices)) told.set(row.household_id, row.device_id)
    return told
  }
}
