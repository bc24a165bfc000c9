import type { CertificateName } from '../../protocol/registrar.ts'
import { BEHIND_MAX } from './mqtt-line.ts'

/** Somebody who is connected, by the certificate that let it in. */
export interface Session {
  readonly clientId: string
  readonly name: CertificateName
  readonly serial: string
  /** Wall clock milliseconds. */
  readonly notAfter: number
  /** Counts one more subscription; false when that is one too many. */
  hears(filter: string): boolean
  /** Bytes that it has not read yet. */
  behind(): number
  end(): void
}

/** A client that has this much before it, sweep after sweep, is not reading. */
const SLOW_BYTES = 256 * 1024
const SLOW_SWEEPS = 5
/** And all clients together. */
const BEHIND_IN_ALL = 256 * 1024 ** 2

/** Who is connected now, found by client id and by owner. */
export class Sessions {
  readonly #byClient = new Map<string, Session>()
  readonly #byOwner = new Map<string, Set<Session>>()
  readonly #slow = new Map<Session, number>()
  readonly #ended: (session: Session, why: string) => void

  /** @param ended told before a session is ended from here. */
  constructor(ended: (session: Session, why: string) => void) {
    this.#ended = ended
  }

  add(session: Session): void {
    this.#byClient.set(session.clientId, session)
    const owned = this.#byOwner.get(session.name.id) ?? new Set()
    this.#byOwner.set(session.name.id, owned.add(session))
  }

  remove(session: Session): void {
    if (this.#byClient.get(session.clientId) === session) this.#byClient.delete(session.clientId)
    const owned = this.#byOwner.get(session.name.id)
    owned?.delete(session)
    if (owned?.size === 0) this.#byOwner.delete(session.name.id)
    this.#slow.delete(session)
  }

  /** All of one device or member. */
  of(owner: string): readonly Session[] {
    return [...(this.#byOwner.get(owner) ?? [])]
  }

  get clientIds(): readonly string[] {
    return [...this.#byClient.keys()]
  }

  end(session: Session, why: string): void {
    this.#ended(session, why)
    this.remove(session)
    session.end()
  }

  endAll(why: string): void {
    for (const owned of [...this.#byOwner.values()]) for (const session of [...owned]) this.end(session, why)
  }

  /** Ends those whose certificate has ended and those who do not read. Call it every second. */
  sweep(now: number): void {
    let behindInAll = 0
    for (const session of [...this.#byClient.values()]) {
      if (session.notAfter <= now) {
        this.end(session, 'its certificate has ended')
        continue
      }
      const behind = session.behind()
      behindInAll += behind
      const slow = behind > SLOW_BYTES ? (this.#slow.get(session) ?? 0) + 1 : 0
      if (slow === 0) this.#slow.delete(session)
      else this.#slow.set(session, slow)
      if (slow >= SLOW_SWEEPS) this.end(session, 'it does not read')
    }
    if (behindInAll > BEHIND_IN_ALL)
      for (const session of [...this.#slow.keys()]) this.end(session, 'too much waits')
  }

  /** Whether one more message may wait for this session; ends it when not. */
  mayWait(session: Session): boolean {
    if (session.behind() < BEHIND_MAX) return true
    this.end(session, 'it does not read')
    return false
  }
}
