import { randomBytes } from 'node:crypto'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import {
  type HomeReport,
  type Incident,
  incidentKind,
  type Receipt,
  receiptKind,
  reportKind,
} from '../../protocol/incident.ts'
import { makeStatement, readStatement, statementHash } from '../../protocol/statement.ts'
import type { Operator } from '../../wire/operator.ts'

/** A report as the hub has it. */
export interface Reported {
  readonly hash: string
  readonly report: HomeReport
  readonly receipt: Receipt
  /** Incidents that name it. */
  readonly incidents: readonly string[]
  readonly jws: { readonly report: string; readonly receipt: string }
}

/** What an operator says of an incident; what is left out stays as it was. */
export type Change = Partial<
  Pick<Incident, 'state' | 'title' | 'cause' | 'fix' | 'release' | 'devices' | 'reports' | 'awareAt'>
>

/** The operator's side of reports and incidents: asks the hub that runs, and signs. */
export class IncidentDesk {
  readonly #operator: Operator

  constructor(operator: Operator) {
    this.#operator = operator
  }

  /** The hub's clock: what is signed here is compared with what the hub has signed. */
  async now(): Promise<Date> {
    const { signer, hub } = this.#operator
    return new Date((await hub.nonce(signer.id)).time)
  }

  /** All reports, newest first, and the newest word on every incident. */
  async all(): Promise<{ reports: readonly Reported[]; incidents: readonly Incident[] }> {
    const { reports, words } = await this.#ask(null)
    return { reports, incidents: words.map(({ payload }) => payload) }
  }

  /**
   * Every word on one incident, oldest first, the reports that they name, and where the hub has frozen what it holds on it.
   *
   * @param start the incident's id or its first characters.
   * @throws OwnlensError `incident.unknown`, also where several begin like that.
   */
  async one(start: string) {
    const { incidentId } = await this.#standing(start)
    const { reports, words, folder } = await this.#ask(incidentId)
    const named = new Set(words.flatMap(({ payload }) => payload.reports))
    return { words, reports: reports.filter(({ hash }) => named.has(hash)), folder }
  }

  async open(change: Change & { title: string }): Promise<Incident> {
    const at = (await this.now()).toISOString()
    return this.#say({
      ...{ incidentId: base32(randomBytes(16)), number: 1, state: 'open' },
      ...{ cause: null, fix: null, release: null, devices: [], reports: [], awareAt: at, issuedAt: at },
      ...change,
    })
  }

  async update(start: string, change: Change): Promise<Incident> {
    const newest = await this.#standing(start)
    const both = (key: 'devices' | 'reports') => [...new Set([...newest[key], ...(change[key] ?? [])])]
    return this.#say({
      ...newest,
      ...change,
      ...{ devices: both('devices'), reports: both('reports') },
      ...{ number: newest.number + 1, issuedAt: (await this.now()).toISOString() },
    })
  }

  /** The newest word on the incident that begins like that. Nothing is frozen anew. */
  async #standing(start: string): Promise<Incident> {
    const { incidents } = await this.all()
    const [found, ...others] = incidents.filter(({ incidentId }) => incidentId.startsWith(start))
    if (found === undefined || others.length > 0) throw new OwnlensError('incident.unknown', start)
    return found
  }

  async #say(incident: Incident): Promise<Incident> {
    const { signer, hub } = this.#operator
    const jws = await makeStatement(incidentKind, incident, signer)
    await hub.request(null, { action: 'incident', incident: jws }, signer)
    return incident
  }

  async #ask(incidentId: string | null) {
    const { signer, hub } = this.#operator
    const answer = await hub.request(null, { action: 'evidence', incidentId }, signer)
    const words = await Promise.all(answer.incidents.map(jws => readStatement(incidentKind, jws, signer.id)))
    const reports = await Promise.all(
      answer.reports.map(async ({ report, receipt, incidents }) => ({
        hash: statementHash(report),
        report: (await readStatement(reportKind, report, 'itself')).payload,
        receipt: (await readStatement(receiptKind, receipt, 'itself')).payload,
        ...{ incidents, jws: { report, receipt } },
      })),
    )
    return { reports, words, folder: answer.folder }
  }
}
