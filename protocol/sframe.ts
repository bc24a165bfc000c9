import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { OwnlensError } from './errors.ts'

/** The suites of RFC 9605 §4.5 whose whole tag travels, by their number. Ownlens sends `AES_256_GCM_SHA512_128`. */
const SUITES = {
  4: { cipher: 'aes-128-gcm', hash: 'sha256', keyBytes: 16 },
  5: { cipher: 'aes-256-gcm', hash: 'sha512', keyBytes: 32 },
} as const
export type SframeSuite = keyof typeof SUITES

const NONCE_BYTES = 12
const TAG_BYTES = 16
const MAX = 2n ** 64n - 1n

/** What a frame says in the clear: which key, and the frame's number under it (RFC 9605 §4.3). */
export interface SframeHeader {
  readonly kid: bigint
  readonly ctr: bigint
}

/** RFC 9605 §4.3: one byte of lengths, then key id and counter, each as short as it can be. */
export function writeSframeHeader({ kid, ctr }: SframeHeader): Uint8Array {
  const [key, counter] = [field(kid), field(ctr)]
  return Uint8Array.from([(key.bits << 4) | counter.bits, ...key.bytes, ...counter.bytes])
}

/** Up to 7 a number lies in the four bits themselves; above, they tell how many bytes follow. */
function field(value: bigint): { bits: number; bytes: readonly number[] } {
  if (value < 0n || value > MAX) throw new RangeError('no 64-bit number')
  if (value < 8n) return { bits: Number(value), bytes: [] }
  const bytes: number[] = []
  for (let left = value; left > 0n; left >>= 8n) bytes.unshift(Number(left & 0xffn))
  return { bits: 8 | (bytes.length - 1), bytes }
}

/** Reads a frame's header. Throws `live.frame` when it is cut short, or written longer than it must be. */
export function readSframeHeader(frame: Uint8Array): SframeHeader & { readonly length: number } {
  const lengths = frame[0]
  if (lengths === undefined) throw new OwnlensError('live.frame', 'empty')
  let length = 1
  const take = (bits: number): bigint => {
    if (bits < 8) return BigInt(bits)
    const bytes = frame.subarray(length, length + (bits & 7) + 1)
    if (bytes.length !== (bits & 7) + 1) throw new OwnlensError('live.frame', 'cut short')
    length += bytes.length
    const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    // RFC 9605 §4.3: the shortest form; two ways to write one number would be two frames of one nonce.
    if (value < 8n || bytes[0] === 0) throw new OwnlensError('live.frame', 'not the shortest form')
    return value
  }
  return { kid: take(lengths >> 4), ctr: take(lengths & 15), length }
}

/** A base key made ready for one suite and one key id (RFC 9605 §4.4.2). */
export class SframeKey {
  readonly kid: bigint
  readonly #suite: (typeof SUITES)[SframeSuite]
  readonly #key: Uint8Array
  readonly #salt: Uint8Array

  constructor(suite: SframeSuite, baseKey: Uint8Array, kid = 0n) {
    this.kid = kid
    this.#suite = SUITES[suite]
    const label = Buffer.alloc(10)
    label.writeBigUInt64BE(kid)
    label.writeUInt16BE(suite, 8)
    const derive = (name: string, bytes: number) => {
      const info = Buffer.concat([Buffer.from(`SFrame 1.0 Secret ${name} `), label])
      return new Uint8Array(hkdfSync(this.#suite.hash, baseKey, new Uint8Array(), info, bytes))
    }
    this.#key = derive('key', this.#suite.keyBytes)
    this.#salt = derive('salt', NONCE_BYTES)
  }

  /**
   * One frame: header, ciphertext, tag (RFC 9605 §4.4.3).
   *
   * @param ctr never the same twice under one key: the caller counts.
   */
  seal(ctr: bigint, plain: Uint8Array, metadata: Uint8Array = new Uint8Array()): Uint8Array {
    const header = writeSframeHeader({ kid: this.kid, ctr })
    const cipher = createCipheriv(this.#suite.cipher, this.#key, this.#nonce(ctr), {
      authTagLength: TAG_BYTES,
    })
    cipher.setAAD(Buffer.concat([header, metadata]))
    return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }

  /** Opens a frame. Throws `live.frame`: another key's, changed on its way, or none. */
  open(
    frame: Uint8Array,
    metadata: Uint8Array = new Uint8Array(),
  ): { readonly ctr: bigint; readonly plain: Uint8Array } {
    const { kid, ctr, length } = readSframeHeader(frame)
    if (kid !== this.kid) throw new OwnlensError('live.frame', 'another key’s')
    if (frame.length < length + TAG_BYTES) throw new OwnlensError('live.frame', 'cut short')
    const decipher = createDecipheriv(this.#suite.cipher, this.#key, this.#nonce(ctr), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(Buffer.concat([frame.subarray(0, length), metadata]))
    decipher.setAuthTag(frame.subarray(frame.length - TAG_BYTES))
    try {
      const body = frame.subarray(length, frame.length - TAG_BYTES)
      return { ctr, plain: Buffer.concat([decipher.update(body), decipher.final()]) }
    } catch (cause) {
      throw new OwnlensError('live.frame', undefined, { cause })
    }
  }

  /** The salt with the counter added without carry, at its end (RFC 9605 §4.4.3). */
  #nonce(ctr: bigint): Uint8Array {
    const nonce = Uint8Array.from(this.#salt)
    for (let at = NONCE_BYTES - 1, left = ctr; left > 0n; at--, left >>= 8n)
      nonce[at] = (nonce[at] ?? 0) ^ Number(left & 0xffn)
    return nonce
  }
}
