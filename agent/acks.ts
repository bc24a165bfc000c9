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
  readonly #waiting = new Map<string, () => void>()
  /** The newest roster's number that an acknowledgement named: a hint, nothing more. */
  rosterHint = 0

  constructor(deviceId: string, hubKeyId: string) {
    this.#deviceId = deviceId
    this.#hubKeyId = hubKeyId
  }

  /** Takes a message from the `ack` topic. Throws what `readStatement` throws, and `ack.device`. */
  async take(message: Uint8Array): Promise<void> {
    const { payload } = await readStatement(ackKind, new TextDecoder().decode(message), this.#hubKeyId)
    if (payload.deviceId !== this.#deviceId) throw new OwnlensError('ack.device')
    this.rosterHint = Math.max(this.rosterHint, payload.roster)
    this.#waiting.get(keyOf(payload))?.()
  }

  /** Resolves when the store has these bytes. Throws `ack.missing` after `timeoutMs`, or the signal's reason. */
  async wait(
    expected: Expected,
    { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
  ): Promise<void> {
    const key = keyOf(expected)
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const done = (settle: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        this.#waiting.delete(key)
        settle()
      }
      const aborted = () => done(() => reject(signal.reason))
      const timer = setTimeout(
        () => done(() => reject(new OwnlensError('ack.missing', expected.part))),
        timeoutMs,
      )
      signal.addEventListener('abort', aborted, { once: true })
      this.#waiting.set(key, () => done(resolve))
    })
  }
}

const keyOf = ({ clipId, part, sha256 }: Expected): string => `${clipId}/${part}/${sha256}`
