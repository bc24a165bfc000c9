import { setTimeout as sleep } from 'node:timers/promises'
import { OwnlensError } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import type { RequestAction, RequestAnswer, RequestBody } from '../protocol/registrar.ts'
import { HubClient } from '../wire/hub-client.ts'
import type { Household } from './household.ts'

const AGAIN_MS = 1000

/**
 * The app's side of the mailbox in which camera and app meet (PROTOCOL 4.4). A hub that does not answer is asked again, until
 * the person gives up or the code is too old.
 */
export class Mailbox {
  readonly id: string
  /** Aborted when the person gives up, and when the code is too old by this app's own clock. */
  readonly signal: AbortSignal
  readonly #household: Household
  readonly #root: Signer
  readonly #hub: HubClient
  readonly #stop: AbortSignal
  readonly #gone: (error: OwnlensError) => void
  #isOpen = false
  #answered = false

  /**
   * @param options.stop aborted when the person gives up.
   * @param options.gone told once each time the hub stops answering.
   */
  constructor(
    household: Household,
    root: Signer,
    options: { id: string; stop: AbortSignal; openMs: number; gone: (error: OwnlensError) => void },
  ) {
    this.id = options.id
    this.#household = household
    this.#root = root
    this.#stop = options.stop
    this.#gone = options.gone
    this.signal = AbortSignal.any([options.stop, AbortSignal.timeout(options.openMs)])
    this.#hub = new HubClient(household.hub.address, { signal: this.signal })
  }

  async open(): Promise<void> {
    await this.#ask({ action: 'invite', mailbox: this.id })
    this.#isOpen = true
  }

  async look(): Promise<RequestAnswer<'mailbox'>> {
    const answer = await this.#ask({ action: 'mailbox', mailbox: this.id })
    this.#answered ||= answer.half !== null
    return answer
  }

  /** Throws `pair.rival` when more than one camera has answered. */
  async noRivals(): Promise<void> {
    if ((await this.look()).rivals > 0) throw new OwnlensError('pair.rival')
  }

  async reveal(reveal: string): Promise<void> {
    await this.#ask({ action: 'reveal', mailbox: this.id, reveal })
  }

  /** Registers a claim; the one of this mailbox's half closes it. */
  async claim(claim: string): Promise<void> {
    await this.#ask({ action: 'claim', claim })
  }

  async pause(ms: number): Promise<void> {
    await this.inTime(sleep(ms, undefined, { signal: this.signal }))
  }

  /** What `work` gives, while there is time. Throws `pair.stopped`, `pair.silent`, `pair.expired`. */
  async inTime<T>(work: Promise<T>): Promise<T> {
    let stop: () => void = () => undefined
    const late = new Promise<never>((_, reject) => {
      stop = () => reject(this.#ended())
      if (this.signal.aborted) stop()
      else this.signal.addEventListener('abort', stop, { once: true })
    })
    try {
      return await Promise.race([work, late])
    } catch (error) {
      throw this.signal.aborted ? this.#ended() : error
    } finally {
      this.signal.removeEventListener('abort', stop)
    }
  }

  /** Closes it, as well as that goes. */
  async decline(): Promise<void> {
    if (!this.#isOpen) return
    const { hub, id } = this.#household
    await hub.request(id, { action: 'decline', mailbox: this.id }, this.#root).catch(() => undefined)
  }

  async #ask<A extends RequestAction>(body: Extract<RequestBody, { action: A }>): Promise<RequestAnswer<A>> {
    for (let told = false; ; told = true) {
      try {
        return await this.inTime(this.#hub.request(this.#household.id, body, this.#root))
      } catch (error) {
        if (this.signal.aborted || !(error instanceof OwnlensError) || !error.retry) throw error
        if (!told) this.#gone(error)
      }
      await this.pause(AGAIN_MS)
    }
  }

  #ended(): OwnlensError {
    if (this.#stop.aborted) return new OwnlensError('pair.stopped')
    return new OwnlensError(this.#answered ? 'pair.expired' : 'pair.silent')
  }
}
