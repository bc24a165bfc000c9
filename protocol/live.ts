import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { nonce, time } from './fields.ts'
import { bootEnvelope } from './sealed.ts'
import { SframeKey } from './sframe.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** AES-256-GCM with SHA-512 (RFC 9605 §4.5). */
const SUITE = 5
export const LIVE_KEY_BYTES = 32

/** PROTOCOL 7.5. A camera's answer to who wants to watch: the session's key, sealed to that member alone. */
export const liveKind = {
  typ: 'ownlens-live/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    ...bootEnvelope,
    audience: z.literal('household'),
    at: time,
    /** As the member's command named it: an answer to another request opens nothing here. */
    session: nonce,
    /** Base64 of 32 bytes. */
    key: z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'must be 32 bytes in base64'),
  }),
} satisfies StatementKind<unknown>

export type LiveOffer = z.infer<typeof liveKind.schema>

/** PROTOCOL 7.6. The first byte of a message says what it is. */
const OFFER = 0
const PIECE = 1

/** What a piece belongs to: the fMP4's start, a fragment, one that begins with a key picture, or the end. */
const TYPES = ['init', 'fragment', 'key', 'end'] as const
const LAST = 1
const FIRST = 2
const HEAD_BYTES = 10
/** With header, tag and topic a piece fits a message of 128 KiB. */
const PIECE_MAX = 96 * 1024
/** A fragment is half a second at most. */
const WHOLE_MAX = 4 * 1024 * 1024

/** Why a camera ends a session. */
export const liveEnd = z.enum(['stopped', 'silent', 'roster', 'camera', 'privacy'])
export type LiveEnd = z.infer<typeof liveEnd>

/** What a live view is made of, in the order in which it is shown. */
export interface LiveThing {
  readonly type: (typeof TYPES)[number]
  /** When its first picture was taken, by the camera's clock; milliseconds since 1970. */
  readonly at: number
  readonly data: Uint8Array
}

/** A message that carries an offer. */
export const writeOffer = (sealed: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(OFFER), sealed])

/** What a message on a live topic carries. Throws `live.frame` when it is neither. */
export function readLiveMessage(message: Uint8Array): {
  readonly kind: 'offer' | 'piece'
  readonly bytes: Uint8Array
} {
  const [first] = message
  if (first !== OFFER && first !== PIECE) throw new OwnlensError('live.frame', 'neither offer nor piece')
  return { kind: first === OFFER ? 'offer' : 'piece', bytes: message.subarray(1) }
}

/** Seals what a session shows. Counts the pieces: one writer a key. */
export class LiveWriter {
  readonly #key: SframeKey
  #ctr = 0n

  constructor(key: Uint8Array) {
    this.#key = new SframeKey(SUITE, key)
  }

  /** The messages that carry a thing, each at most 128 KiB. */
  write({ type, at, data }: LiveThing): readonly Uint8Array[] {
    const messages: Uint8Array[] = []
    for (let from = 0; from === 0 || from < data.length; from += PIECE_MAX) {
      const head = Buffer.alloc(HEAD_BYTES)
      head[0] = TYPES.indexOf(type)
      head[1] = (from + PIECE_MAX >= data.length ? LAST : 0) + (from === 0 ? FIRST : 0)
      head.writeBigUInt64BE(BigInt(Math.max(0, Math.round(at))), 2)
      const plain = Buffer.concat([head, data.subarray(from, from + PIECE_MAX)])
      messages.push(Buffer.concat([Uint8Array.of(PIECE), this.#key.seal(this.#ctr++, plain)]))
    }
    return messages
  }
}

/** Opens what a session shows, and puts it together. */
export class LiveReader {
  readonly #key: SframeKey
  #next = 0n
  #parts: Uint8Array[] = []
  #bytes = 0
  #begun: Pick<LiveThing, 'type' | 'at'> | undefined
  #waitsForKey = true
  /** Pieces that never came. */
  lost = 0

  constructor(key: Uint8Array) {
    this.#key = new SframeKey(SUITE, key)
  }

  /**
   * Takes a piece; returns the thing that it completes. After a loss fragments are left out up to the next key picture.
   *
   * @throws OwnlensError `live.frame`: damaged, or another session's; `message.replayed`: it came before, or too late.
   */
  take(piece: Uint8Array): LiveThing | undefined {
    const { ctr, plain } = this.#key.open(piece)
    if (ctr < this.#next) throw new OwnlensError('message.replayed', `piece ${ctr}`)
    const missed = ctr - this.#next
    this.#next = ctr + 1n
    if (missed > 0n) {
      this.lost += Number(missed)
      this.#drop()
      this.#waitsForKey = true
    }
    const type = TYPES[plain[0] ?? TYPES.length]
    const flags = plain[1] ?? 0
    if (plain.length < HEAD_BYTES || type === undefined || flags > LAST + FIRST)
      throw new OwnlensError('live.frame', 'its head makes no sense')
    const at = Number(Buffer.from(plain.subarray(2, HEAD_BYTES)).readBigUInt64BE())
    const isFirst = flags >= FIRST
    // The rest of something whose beginning was lost.
    if (!isFirst && this.#begun === undefined) return undefined
    const begun = this.#begun ?? { type, at }
    const goesOn = isFirst === (this.#begun === undefined) && begun.type === type
    if (!goesOn || this.#bytes + plain.length > WHOLE_MAX) {
      this.#drop()
      this.#waitsForKey = true
      throw new OwnlensError('live.frame', 'it does not go on with the one before')
    }
    this.#begun = begun
    this.#parts.push(plain.subarray(HEAD_BYTES))
    this.#bytes += plain.length
    if (flags % FIRST !== LAST) return undefined
    const data = Buffer.concat(this.#parts)
    this.#drop()
    if (type === 'key') this.#waitsForKey = false
    return type === 'fragment' && this.#waitsForKey ? undefined : { ...begun, data }
  }

  #drop(): void {
    this.#parts = []
    this.#bytes = 0
    this.#begun = undefined
  }
}
