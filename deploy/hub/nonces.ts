import { randomBytes } from 'node:crypto'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'

const GOOD_FOR_MS = 5 * 60_000
/** At most so many are open; the oldest give way, and whoever held one asks again. */
const MAX = 20_000

/** Nonces: each for one id, used once, good for five minutes. In memory: a restart makes them all unknown. */
export class Nonces {
  readonly #open = new Map<string, { readonly id: string; readonly at: number }>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  make(id: string): string {
    const nonce = base32(randomBytes(16))
    this.#open.set(nonce, { id, at: this.#now() })
    if (this.#open.size > MAX)
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest)
        break
      }
    return nonce
  }

  /** Throws `hub.nonce` unless it is this id's, fresh and unused. */
  use(nonce: string, id: string): void {
    const held = this.#open.get(nonce)
    if (held?.id !== id) throw new OwnlensError('hub.nonce')
    this.#open.delete(nonce)
    if (this.#now() - held.at > GOOD_FOR_MS) throw new OwnlensError('hub.nonce')
  }
}
