import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { base32nopad } from '@scure/base'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'

const GOOD_FOR_MS = 5 * 60_000
/** Milliseconds of 34 years. */
const TIME_BYTES = 5
const RANDOM_BYTES = 4
const BODY_BYTES = TIME_BYTES + RANDOM_BYTES
const MAC_BYTES = 7

/**
 * Nonces: each for one id, used once, good for five minutes. Nothing is kept for one that was given out, so that nobody can
 * crowd out another's by asking for many: a nonce is its time, 32 random bits and an HMAC over both and the id. Only used
 * ones are remembered, and using one costs a signature. The key lives in memory: a restart makes all nonces unknown.
 */
export class Nonces {
  readonly #key = randomBytes(32)
  /** Used ones and when they end, oldest first. */
  readonly #used = new Map<string, number>()
  readonly #usedMax: number
  readonly #now: () => number

  /** @param options.now monotonic milliseconds. */
  constructor(options: { now?: () => number; usedMax?: number } = {}) {
    this.#now = options.now ?? (() => performance.now())
    this.#usedMax = options.usedMax ?? 100_000
  }

  /** 128 bits in base32. */
  make(id: string): string {
    const body = Buffer.concat([Buffer.alloc(TIME_BYTES), randomBytes(RANDOM_BYTES)])
    body.writeUIntBE(this.#time(), 0, TIME_BYTES)
    return base32(Buffer.concat([body, this.#mac(body, id)]))
  }

  /**
   * Uses up a nonce. Ask only when the request that carries it was signed by `id`.
   *
   * @returns when it was made: monotonic milliseconds of this run, in the order in which nonces were given.
   * @throws OwnlensError `hub.nonce` unless it is this id's, fresh and unused; `hub.busy` when too many were used lately.
   */
  use(nonce: string, id: string): number {
    const bytes = read(nonce)
    const body = bytes?.subarray(0, BODY_BYTES)
    if (bytes === undefined || body === undefined) throw new OwnlensError('hub.nonce')
    if (!timingSafeEqual(bytes.subarray(BODY_BYTES), this.#mac(body, id))) throw new OwnlensError('hub.nonce')
    const now = this.#time()
    const made = body.readUIntBE(0, TIME_BYTES)
    if (now > made + GOOD_FOR_MS) throw new OwnlensError('hub.nonce')
    const key = bytes.toString('base64')
    if (this.#used.has(key)) throw new OwnlensError('hub.nonce')
    this.#forgetOver(now)
    if (this.#used.size >= this.#usedMax) throw new OwnlensError('hub.busy')
    this.#used.set(key, now + GOOD_FOR_MS)
    return made
  }

  /** How many used ones are remembered. */
  get remembered(): number {
    return this.#used.size
  }

  #time(): number {
    return Math.floor(this.#now())
  }

  #mac(body: Uint8Array, id: string): Buffer {
    return createHmac('sha256', this.#key).update(body).update(id).digest().subarray(0, MAC_BYTES)
  }

  #forgetOver(now: number): void {
    for (const [key, end] of this.#used) {
      if (end >= now) return
      this.#used.delete(key)
    }
  }
}

function read(nonce: string): Buffer | undefined {
  try {
    const bytes = Buffer.from(base32nopad.decode(nonce.toUpperCase()))
    return bytes.length === BODY_BYTES + MAC_BYTES ? bytes : undefined
  } catch {
    return undefined
  }
}
