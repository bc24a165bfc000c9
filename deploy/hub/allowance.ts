import { type ErrorCode, OwnlensError } from '../../protocol/errors.ts'

export interface AllowanceOptions {
  /** So many at once. */
  readonly burst: number
  /** And then one every so often. */
  readonly everyMs: number
  /** So many keys are remembered; the one that was used longest ago gives way. */
  readonly keysMax: number
  /** What one who has none left is told; `hub.busy` unless it is given. */
  readonly refusal?: ErrorCode
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** How often each key may do something: a bucket of tokens for each. */
export class Allowance {
  readonly #options: AllowanceOptions
  readonly #now: () => number
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(options: AllowanceOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Throws `refusal` when this key has none left. */
  take(key: string): void {
    const { burst, everyMs, keysMax, refusal = 'hub.busy' } = this.#options
    const now = this.#now()
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now }
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / everyMs)
    this.#buckets.delete(key)
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now })
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > keysMax && oldest !== undefined) this.#buckets.delete(oldest)
    if (tokens < 1) throw new OwnlensError(refusal)
  }
}
