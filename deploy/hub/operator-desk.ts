import { OwnlensError } from '../../protocol/errors.ts'
import type { RequestAction, RequestAnswer, RequestBody } from '../../protocol/registrar.ts'
import type { Erasure } from './erasure.ts'
import type { Incidents } from './incidents.ts'
import { Turns } from './turns.ts'

/** What is done for the requests of whoever runs the hub (PROTOCOL 11.5): signed by the operator key, of no household. */
export class OperatorDesk {
  /** The operator key's. */
  readonly operatorId: string
  readonly #incidents: Incidents
  readonly erasure: Erasure
  readonly #turns = new Turns()

  constructor({
    operatorId,
    incidents,
    erasure,
  }: {
    operatorId: string
    incidents: Incidents
    erasure: Erasure
  }) {
    this.operatorId = operatorId
    this.#incidents = incidents
    this.erasure = erasure
  }

  /** Throws the code that the operator is told. */
  async take(body: RequestBody): Promise<RequestAnswer<RequestAction>> {
    switch (body.action) {
      case 'incident':
        return this.#turns.take('incidents', () => this.#incidents.take(body.incident))
      case 'evidence':
        return this.#turns.take('incidents', () => this.#incidents.evidence(body.incidentId))
      case 'erase':
        return this.erasure.erase(body.householdId)
      default:
        throw new OwnlensError('hub.request', body.action)
    }
  }
}
