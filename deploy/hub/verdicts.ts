import { Arrivals } from './arrivals.ts'
import { type Asked, type History, judge, type Verdict } from './lines.ts'

/** What one request came to, and what is known of its device from then on. */
export interface Judged {
  readonly verdict: Verdict
  readonly next: History
}

/** Judges requests in the order in which their nonces were given (PROTOCOL 5.4). Knows no keys, certificates or tables. */
export class Verdicts {
  readonly #arrivals = new Arrivals()

  /**
   * @param useNonce uses up the nonce of the request's statement; returns when it was given, in milliseconds that only grow.
   * @throws OwnlensError `hub.nonce` for a request whose nonce is not good, or that a later one has overtaken: it says nothing.
   */
  of(deviceId: string, history: History, asked: Asked, useNonce: () => number): Judged {
    const judged = judge(history, asked)
    // The same statement once more: its nonce is used up, and was good when it came first.
    if (judged.verdict === 'retry' && judged.next.boots === history.boots) return judged
    this.#arrivals.take(deviceId, useNonce())
    return judged
  }
}
