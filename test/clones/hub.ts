import { begin, type History, UNSEEN, type Verdict } from '../../deploy/hub/lines.ts'
import { Nonces } from '../../deploy/hub/nonces.ts'
import { Verdicts } from '../../deploy/hub/verdicts.ts'
import { type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import type { Timeline } from './timeline.ts'

/** What a board gets. Nothing of it is secret here: no board of the simulation cheats. */
export interface Certificate {
  readonly serial: number
  readonly key: string
  /** The hub's wall clock, milliseconds. */
  readonly notAfter: number
}

/** A request for a certificate, as the rule sees it. */
export interface Asking {
  readonly key: string
  readonly nonce: string
  readonly counter: number
  readonly request: string
  readonly boot: string
}

export type Answer = { readonly given: Certificate } | { readonly refused: ErrorCode }

/** What is on the hub's disk. */
interface Database {
  histories: Map<string, History>
  /** Of each key the one that counts. */
  newest: Map<string, Certificate>
  /** Of each key what a lost answer is answered with. */
  answers: Map<string, Certificate>
  /** Of each key the highest counter that a certificate was given for: a fact, which the rule does not see. */
  spent: Map<string, number>
}

/** Told of every verdict, before anything of it is done. */
export type Judged = (asking: Asking, verdict: Verdict) => void

/** What may be wrong with a hub, to see that the simulation notices. */
export type HubFault =
  | 'judges requests as they arrive'
  | 'what is held goes on'
  | 'forgets which boots it saw'
  | 'takes used nonces'

interface Session {
  readonly certificate: Certificate
  readonly end: () => void
}

const DAY = 24 * 3600_000

/** A hub: the real nonces and the real rule, and around them a database that is backed up, a clock that is set, restarts. */
export class Hub {
  readonly #timeline: Timeline
  readonly #judged: Judged
  readonly #fault: HubFault | undefined
  #database: Database = { histories: new Map(), newest: new Map(), answers: new Map(), spent: new Map() }
  #sessions: Session[] = []
  #nonces: Nonces
  #verdicts = new Verdicts()
  #serial = 0
  /** How far its wall clock is ahead. */
  #ahead = 0
  up = true

  constructor(timeline: Timeline, judged: Judged, fault?: HubFault) {
    this.#timeline = timeline
    this.#judged = judged
    this.#fault = fault
    this.#nonces = this.#freshNonces()
  }

  get wall(): number {
    return this.#timeline.now + this.#ahead
  }

  nonce(key: string): string {
    return this.#nonces.make(key)
  }

  enrol(asking: Asking): Answer {
    const { key, nonce, counter, request, boot } = asking
    const { histories, newest, answers, spent } = this.#database
    const history = histories.get(key) ?? UNSEEN
    try {
      const asked = { counter, request, boot }
      if (this.#fault === 'judges requests as they arrive') this.#verdicts = new Verdicts()
      const useNonce = () =>
        this.#fault === 'takes used nonces' ? this.#timeline.now : this.#nonces.use(nonce, key)
      const { verdict, next } = this.#verdicts.of(key, history, asked, useNonce)
      this.#judged(asking, verdict)
      histories.set(key, this.#fault === 'forgets which boots it saw' ? { ...next, boots: [boot] } : next)
      const before = answers.get(key)
      if (verdict === 'retry' && before !== undefined) return { given: before }
      if (verdict === 'fresh') {
        const given = { serial: ++this.#serial, key, notAfter: this.wall + DAY }
        spent.set(key, Math.max(counter, spent.get(key) ?? 0))
        newest.set(key, given)
        answers.set(key, given)
        this.#endLost()
        return { given }
      }
      if (this.#fault !== 'what is held goes on' || verdict === 'cloned') newest.delete(key)
      this.#endLost()
      return { refused: verdict === 'cloned' ? 'enrol.cloned' : 'enrol.held' }
    } catch (error) {
      if (error instanceof OwnlensError) return { refused: error.code }
      throw error
    }
  }

  counts(certificate: Certificate): boolean {
    const newest = this.#database.newest.get(certificate.key)
    return newest?.serial === certificate.serial && certificate.notAfter > this.wall
  }

  /** A session with the broker; false for a certificate that does not count. The one before under the same name ends. */
  enter(certificate: Certificate, end: () => void): boolean {
    if (!this.counts(certificate)) return false
    this.#end(session => session.certificate.key === certificate.key)
    this.#sessions.push({ certificate, end })
    return true
  }

  leave(end: () => void): void {
    this.#sessions = this.#sessions.filter(session => session.end !== end)
  }

  /** The owner says that a card was restored. */
  confirm(key: string): void {
    const { histories } = this.#database
    const history = histories.get(key)
    if (history !== undefined) histories.set(key, begin(history))
  }

  isHeld(key: string): boolean {
    return this.#database.histories.get(key)?.state === 'held'
  }

  spent(key: string): number {
    return this.#database.spent.get(key) ?? 0
  }

  /** It is gone for so long; what was in memory is lost. */
  restart(ms: number): void {
    this.#end(() => true)
    this.up = false
    this.#timeline.after(ms, () => {
      this.#nonces = this.#freshNonces()
      this.#verdicts = new Verdicts()
      this.up = true
    })
  }

  backup(): Database {
    return copyOf(this.#database)
  }

  restore(backup: Database, ms: number): void {
    this.#database = copyOf(backup)
    this.restart(ms)
  }

  /** Another CA, and the old one's certificates end at once: every camera comes back for a new one. */
  rollOver(ms: number): void {
    this.#database.newest.clear()
    this.restart(ms)
  }

  setClock(ahead: number): void {
    this.#ahead = ahead
    this.#endLost()
  }

  /** Its clock is monotonic and begins anew with every start. */
  #freshNonces(): Nonces {
    const from = this.#timeline.now
    return new Nonces({ now: () => this.#timeline.now - from })
  }

  #endLost(): void {
    this.#end(({ certificate }) => !this.counts(certificate))
  }

  #end(which: (session: Session) => boolean): void {
    const ended = this.#sessions.filter(which)
    this.#sessions = this.#sessions.filter(session => !ended.includes(session))
    for (const { end } of ended) end()
  }
}

function copyOf({ histories, newest, answers, spent }: Database): Database {
  return {
    histories: new Map(histories),
    newest: new Map(newest),
    answers: new Map(answers),
    spent: new Map(spent),
  }
}
