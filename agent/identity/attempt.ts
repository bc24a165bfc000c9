import { claimKind, readHalf } from '../../protocol/claim.ts'
import { codeOf, type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readReveal } from '../../protocol/pairing.ts'
import { acceptRoster } from '../../protocol/roster.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import type { Household } from '../household.ts'
import { pause, waitAfter } from '../pause.ts'
import type { Bound, Registrar } from './answer.ts'
import { shownIdevid } from './idevid.ts'
import { join } from './join.ts'
import { dropPending, type Pending } from './pending.ts'
import { type ResetParts, settleNotice, tellReset } from './reset.ts'

const KNOCK_MS = 1000
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15_000]
/** After these the claim may have been registered all the same. */
const LAST_WORDS: readonly (ErrorCode | undefined)[] = ['pair.unknown', 'pair.expired', 'pair.closed']

/** One half that was given: sends it, tells the short code, and knocks until there is a claim or a refusal. */
export class Attempt {
  readonly #parts: ResetParts & { readonly knockMs?: number }
  readonly #pending: Pending
  readonly #before: Household | undefined
  readonly #isFree: boolean
  readonly #over = new AbortController()
  #ended: Promise<unknown> = Promise.resolve()
  #given = false
  /** The short code, once it is known. */
  code: string | undefined

  constructor(parts: ResetParts & { readonly knockMs?: number }, bound: Bound | undefined, pending: Pending) {
    this.#parts = parts
    this.#pending = pending
    this.#before = bound?.household
    this.#isFree = bound === undefined
  }

  /** SHA-256 of the text that it answers. */
  get text(): string {
    return this.#pending.text
  }

  /** Settles when nothing is under way any more; never rejects. */
  get ended(): Promise<unknown> {
    return this.#ended
  }

  /** It stays on the disk, for the next start. */
  stop(): void {
    this.#over.abort()
  }

  /** Another code takes its place: what is under way is waited for. */
  async give(): Promise<void> {
    this.stop()
    await this.#ended
  }

  /**
   * @returns the household; undefined when it was stopped.
   * @throws OwnlensError what it was refused with; nothing of it is on the disk then.
   */
  run(options: { signal: AbortSignal; onCode: (code: string) => void }): Promise<Household | undefined> {
    const running = this.#run(AbortSignal.any([options.signal, this.#over.signal]), options.onCode)
    this.#ended = running.catch(() => undefined)
    return running
  }

  async #run(signal: AbortSignal, onCode: (code: string) => void): Promise<Household | undefined> {
    const { keyStore, connect, knockMs = KNOCK_MS, log, disk, data } = this.#parts
    const signer = await keyStore.signer()
    const hub = connect(this.#pending.hub)
    let failures = 0
    while (!signal.aborted) {
      try {
        const claim = await this.#knock(hub, signer, onCode)
        failures = 0
        if (claim !== null) return await this.#join(claim)
        await pause(knockMs, signal)
      } catch (error) {
        if (signal.aborted) return undefined
        if (error instanceof OwnlensError && !error.retry) {
          await dropPending(disk, data)
          throw error
        }
        if (failures === 0)
          log.warn({ code: codeOf(error), cause: (error as Error).message }, 'pairing is tried again')
        await pause(waitAfter(failures++, BACKOFF_MS), signal)
      }
    }
    return undefined
  }

  async #join(claim: string): Promise<Household> {
    const { log } = this.#parts
    const household = await join(this.#parts, this.#pending, claim, this.#before)
    await settleNotice(this.#parts)
    const { epoch } = household.claim
    const goesOn = this.#before?.claim.sha256 === household.claim.sha256
    log.info({ epoch }, goesOn ? 'repaired' : 'paired')
    return household
  }

  /** Returns the claim, when it is there. */
  async #knock(hub: Registrar, signer: Signer, onCode: (code: string) => void): Promise<string | null> {
    const { half, mailbox, pin, roster, successions } = this.#pending
    const { disk, data } = this.#parts
    try {
      if (!this.#given) {
        const registrarEpoch = (await readHalf(half)).invited?.registrarEpoch
        await tellReset(this.#parts, hub, signer, this.#isFree ? registrarEpoch : 0)
        const idevid = await shownIdevid(disk, data, signer.id)
        // The same half again is no error.
        await hub.request(null, { action: 'half', mailbox, half, idevid }, signer)
        this.#given = true
      }
      const answer = await hub.request(null, { action: 'knock', mailbox }, signer)
      if (answer.reveal !== null && this.code === undefined) {
        const { rootId } = await acceptRoster(pin, undefined, roster, successions)
        this.code = await readReveal(answer.reveal, { householdId: pin.householdId, rootId, half })
        this.#parts.log.info(
          { shortCode: this.code },
          'the lamp blinks the short code: compare it with the app',
        )
        onCode(this.code)
      }
      return answer.claim
    } catch (error) {
      if (!LAST_WORDS.includes(codeOf(error)) || half === this.#before?.claim.half) throw error
      const known = await hub.request(null, { action: 'device' }, signer)
      // It may be in the registrar's book all the same.
      const own = known.claim !== null && (await carries(known.claim, half))
      if (own) return known.claim
      throw error
    }
  }
}

/** Whether a claim is about this half; the rest of it is checked by who takes it. */
async function carries(claimJws: string, half: string): Promise<boolean> {
  const read = await readStatement(claimKind, claimJws, 'itself').catch(() => undefined)
  return read !== undefined && statementHash(read.payload.half) === statementHash(half)
}
