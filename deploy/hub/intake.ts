import type { Logger } from 'pino'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { ackKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { readTopic, writeTopic } from '../../protocol/topics.ts'
import type { ClipStore } from './clip-store.ts'
import type { Statuses } from './statuses.ts'

const MIB = 1024 ** 2

export interface IntakeParts {
  readonly store: ClipStore
  readonly statuses: Statuses
  /** The newest roster's number of a household. */
  readonly rosterNumber: (householdId: string) => Promise<number>
  readonly hubKey: Signer
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>
  readonly log: Logger
  /** Bytes that wait for the disk. */
  readonly limits?: { readonly device: number; readonly inAll: number }
}

/**
 * The way from the broker into the clip store: parts are written, and what is on the disk is acknowledged to the device
 * (PROTOCOL 6.6). Bounded by bytes; what is over is not taken, and its device sends it again. Each camera's newest status is
 * kept beside.
 */
export class Intake {
  readonly #parts: IntakeParts
  readonly #limits: { readonly device: number; readonly inAll: number }
  readonly #waiting = new Map<string, number>()
  readonly #underWay = new Set<Promise<void>>()
  #bytes = 0

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#limits = parts.limits ?? { device: 4 * MIB, inAll: 256 * MIB }
  }

  /**
   * Takes a message of any topic.
   *
   * @returns when its sender should wait before it sends more: a promise for the end of that wait.
   */
  take(text: string, payload: Uint8Array): Promise<void> | undefined {
    const topic = readTopic(text)
    if (topic?.kind === 'status' && !this.#parts.statuses.take(topic, payload))
      this.#parts.log.warn({ bytes: payload.length }, 'status not kept')
    if (topic?.kind !== 'clip') return undefined
    const { deviceId } = topic
    const waiting = (this.#waiting.get(deviceId) ?? 0) + payload.length
    if (waiting > this.#limits.device || this.#bytes + payload.length > this.#limits.inAll) {
      this.#parts.store.refuse(new OwnlensError('store.busy'))
      return undefined
    }
    this.#waiting.set(deviceId, waiting)
    this.#bytes += payload.length
    const done = this.#keep(topic, text, payload)
      .catch(error => this.#parts.log.error({ cause: (error as Error).message }, 'not acknowledged'))
      .finally(() => {
        const left = (this.#waiting.get(deviceId) ?? 0) - payload.length
        if (left > 0) this.#waiting.set(deviceId, left)
        else this.#waiting.delete(deviceId)
        this.#bytes -= payload.length
        this.#underWay.delete(done)
      })
    this.#underWay.add(done)
    return waiting > this.#limits.device / 2 ? done : undefined
  }

  async #keep(
    { householdId, epoch, deviceId, clipId, part }: Extract<ReturnType<typeof readTopic>, { kind: 'clip' }>,
    text: string,
    payload: Uint8Array,
  ): Promise<void> {
    const { store, rosterNumber, hubKey, publish } = this.#parts
    const sha256 = await store.take(text, payload)
    if (sha256 === undefined) return
    const roster = await rosterNumber(householdId)
    const ack = await makeStatement(ackKind, { deviceId, clipId, part, sha256, roster }, hubKey)
    await publish(writeTopic({ householdId, epoch, deviceId, kind: 'ack' }), Buffer.from(ack))
  }

  /** Bytes that wait for the disk. */
  get bytes(): number {
    return this.#bytes
  }

  /** Resolves when everything that was taken is written, and acknowledged where it is a clip. */
  async idle(): Promise<void> {
    await Promise.all([...this.#underWay, this.#parts.statuses.idle()])
  }
}
