import { OwnlensError } from '../protocol/errors.ts'
import { ackKind } from '../protocol/registrar.ts'
import { readStatement } from '../protocol/statement.ts'

/** What the store must acknowledge: this part of this clip, these bytes. */
interface Expected {
  readonly clipId: string
  readonly part: string
  readonly sha256: string
}

/**
 * Waits for the store's signed acknowledgements. A missing one and a forged one look the same: the part stays in the
 * outbox.
 */
export class Acks {
  readonly #deviceId: string
  readonly #hubKeyId: string
  readonly #waiting = new Map<string, { readonly sha256: string; readonly done: () => void }>()
  /** The roster's number that the newest acknowledgement named: a hint, nothing more. */
  rosterHint = 0
  #followed = 0

  constructor(deviceId: string, hubKeyId: string) {
    this.#deviceId = deviceId
    this.#hubKeyId = hubKeyId
  }

  /**
   * Takes a message from the `ack` topic.
   *
   * @throws OwnlensError what `readStatement` throws, `ack.device`, and `ack.other` for a part that nobody waits for (any
   *   more) or for other bytes than were sent.
   */
  async take(message: Uint8Array): Promise<void> {
    // Before its bytes are copied as text.
    if (message.length > ackKind.maxBytes) throw new OwnlensError('statement.size', ackKind.typ)
    const { payload } = await readStatement(
      ackKind,
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(message),
      this.#hubKeyId,
    )
    if (payload.deviceId !== this.#deviceId) throw new OwnlensError('ack.device')
    this.rosterHint = payload.roster
    const waiting = this.#waiting.get(keyOf(payload))
    if (waiting?.sha256 !== payload.sha256) throw new OwnlensError('ack.other', payload.part)
    waiting.done()
  }

  /**
   * Whether there may be another roster than the one of this number. A later root may begin its numbers anew, and a restored hub
   * has an older one: each number leads there once.
   */
  followHint(held: number): boolean {
    const { rosterHint } = this
    if (rosterHint === 0 || rosterHint === held || rosterHint === this.#followed) return false
    this.#followed = rosterHint
    return true
  }

  /** Resolves when the store has these bytes. Throws `ack.missing` after `timeoutMs`, or the signal's reason. */
  async wait(
    expected: Expected,
    { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
  ): Promise<void> {
    const key = keyOf(expected)
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        this.#waiting.delete(key)
        how()
      }
      const aborted = () => settle(() => reject(signal.reason))
      const missing = () => settle(() => reject(new OwnlensError('ack.missing', expected.part)))
      const timer = setTimeout(missing, timeoutMs)
      signal.addEventListener('abort', aborted, { once: true })
      this.#waiting.set(key, { sha256: expected.sha256, done: () => settle(resolve) })
    })
  }
}

const keyOf = ({ clipId, part }: Pick<Expected, 'clipId' | 'part'>): string => `${clipId}/${part}`
