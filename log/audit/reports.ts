import { incidentKind, reportKind } from '../../protocol/incident.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Logged, Tell } from './finding.ts'
import type { HouseholdLines } from './households.ts'

/** What members report, and what the operator answers: each by who may. */
export class Reports {
  readonly #tell: Tell
  readonly #lines: HouseholdLines
  /** Whoever answered first; all answers are by one key. */
  #operator: string | undefined
  readonly #incidents = new Map<string, { readonly number: number; readonly position: number }>()

  constructor(tell: Tell, lines: HouseholdLines) {
    this.#tell = tell
    this.#lines = lines
  }

  async report(logged: Logged<'report'>): Promise<void> {
    const { payload, signer } = await readStatement(reportKind, logged.content.report, 'itself')
    const { householdId, memberId } = payload
    if (signer.id === memberId) return this.#lines.mustBeMember(householdId, memberId, 'a report', logged)
    this.#tell('signer', 'a report in another’s name', { positions: [logged.position], keys: [signer.id] })
  }

  async incident({ content, position }: Logged<'incident'>): Promise<void> {
    const { payload, signer } = await readStatement(incidentKind, content.incident, 'itself')
    this.#operator ??= signer.id
    if (this.#operator !== signer.id)
      return this.#tell('signer', 'an incident by another operator', {
        positions: [position],
        keys: [signer.id],
      })
    const { incidentId, number } = payload
    const before = this.#incidents.get(incidentId)
    if (before !== undefined && number <= before.number)
      return this.#tell('order', `word ${number} on an incident behind ${before.number}`, {
        positions: [before.position, position],
      })
    this.#incidents.set(incidentId, { number, position })
  }
}
