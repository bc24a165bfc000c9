import type { Clock } from '../hardware/hardware.ts'
import { codeOf } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import type { LogPosition } from '../protocol/log.ts'
import { type Status, statusKind } from '../protocol/messages.ts'
import { sealStatement } from '../protocol/sealed.ts'
import { Bell } from './bell.ts'
import type { Household } from './household.ts'
import type { Outbox } from './outbox.ts'
import { VERSION } from './version.ts'

const EVERY_MS = 60_000

/**
 * Keeps what the household should know of its camera, and sends it every minute and when it changes. Only the newest one
 * counts; none is kept for later.
 */
export class StatusReport {
  readonly #parts: StatusParts
  #counter = 0
  #fault: string | null = null
  #microphone = false
  #trouble: string | null = null
  readonly #refused = new Map<string, number>()
  readonly #bell = new Bell()

  constructor(parts: StatusParts) {
    this.#parts = parts
  }

  /** The camera works (null) or does not: the error's code. */
  camera(fault: string | null, microphone = this.#microphone): void {
    if (fault === this.#fault && microphone === this.#microphone) return
    this.#fault = fault
    this.#microphone = microphone
    this.#bell.ring()
  }

  /** What the registrar has against the camera: its code, or null. */
  trouble(code: string | null): void {
    if (code === this.#trouble) return
    this.#trouble = code
    this.#bell.ring()
  }

  /** Counts something that was refused. */
  refuse(error: unknown): void {
    const code = codeOf(error) ?? 'unexpected'
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1)
  }

  /** Something that the household should know at once has changed: the roster that clips are sealed to. */
  changed(): void {
    this.#bell.ring()
  }

  /** Sends reports until the signal; rejects with its reason, or with what `send` throws. */
  async run(
    send: (sealed: Uint8Array) => Promise<void>,
    { signal }: { signal: AbortSignal },
  ): Promise<never> {
    signal.addEventListener('abort', this.#bell.ring, { once: true })
    try {
      for (;;) {
        signal.throwIfAborted()
        await send(await this.#seal())
        await this.#bell.wait(EVERY_MS)
      }
    } finally {
      signal.removeEventListener('abort', this.#bell.ring)
    }
  }

  async #seal(): Promise<Uint8Array> {
    const { household, outbox, signer, boot, clock, name, log } = this.#parts
    const { envelope, recipients } = household.membership()
    const isPrivate = this.#fault === 'camera.private'
    const status: Status = {
      ...envelope,
      boot,
      counter: ++this.#counter,
      at: new Date(clock.now()).toISOString(),
      clockSure: clock.sure(),
      name,
      version: VERSION,
      camera: isPrivate ? 'private' : this.#fault === null ? 'ok' : 'fault',
      fault: (isPrivate ? null : this.#fault) ?? this.#trouble ?? log.trouble,
      microphone: this.#microphone,
      outbox: { clips: outbox.clips, bytes: outbox.bytes },
      refused: Object.fromEntries(this.#refused),
      log: log.position,
    }
    return sealStatement(statusKind, status, signer, recipients)
  }
}

interface StatusParts {
  readonly household: Household
  readonly outbox: Outbox
  readonly signer: Signer
  readonly boot: string
  readonly clock: Clock
  readonly name: string
  /** How far the hub's log was followed, and what it is refused for. */
  readonly log: { readonly position: LogPosition | null; readonly trouble: string | null }
}
