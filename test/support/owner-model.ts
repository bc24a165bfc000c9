/**
 * PROTOCOL 4.5 to 4.7 of one device told once more: as the list of everything that was said, looked through from the end.
 * Time is in hours. Answers are the codes of refusals, undefined where it is taken.
 */
type Said =
  | { what: 'claim'; home: number; at: number; epoch: number }
  | { what: 'release' | 'object'; home: number; at: number }
  | { what: 'reset'; at: number }
  | { what: 'block'; on: boolean }

export class OwnerModel {
  #said: Said[] = []
  /** The epoch that stood before the last thing that was said; for a claim the one that it has to pass. */
  epochBefore = 0

  /** Of the last claim. */
  get epoch(): number {
    const last = this.#said.findLast(({ what }) => what === 'claim')
    return last?.what === 'claim' ? last.epoch : 0
  }

  /** A release uses up an epoch: no half from before it can become a claim. */
  get #toPass(): number {
    return this.epoch + (this.epoch > 0 && this.owner === undefined ? 1 : 0)
  }

  get owner(): number | undefined {
    const last = this.#said.findLast(({ what }) => what === 'claim' || what === 'release')
    return last?.what === 'claim' ? last.home : undefined
  }

  /** What was said since the claim that stands. */
  get #since(): Said[] {
    return this.#said.slice(this.#said.findLastIndex(({ what }) => what === 'claim') + 1)
  }

  get #resetAt(): number | undefined {
    const reset = this.#since.find(({ what }) => what === 'reset')
    return reset?.what === 'reset' ? reset.at : undefined
  }

  get #objectedAt(): number | undefined {
    const objection = this.#since.find(({ what }) => what === 'object')
    return objection?.what === 'object' ? objection.at : undefined
  }

  get #isBlocked(): boolean {
    const last = this.#since.findLast(({ what }) => what === 'block' || what === 'release')
    return last?.what === 'block' && last.on
  }

  /** The first hour in which the wait is over and no objection stands. */
  get #free(): number | null {
    if (this.#resetAt === undefined) return null
    const wait = this.#resetAt + 72
    const objection = this.#objectedAt === undefined ? wait : this.#objectedAt + 336
    return Math.max(wait, objection)
  }

  claim(home: number, at: number): string | undefined {
    this.epochBefore = this.#toPass
    if (this.#isBlocked) return 'claim.blocked'
    const isTheirs = this.owner !== undefined && this.owner !== home
    if (isTheirs && (this.#free === null || at < this.#free)) return 'claim.owned'
    this.#said.push({ what: 'claim', home, at, epoch: this.epochBefore + 1 })
    return undefined
  }

  /** Released by whom it was: once more is no error. */
  release(home: number, at: number): string | undefined {
    this.epochBefore = this.epoch
    const last = this.#said.findLast(({ what }) => what === 'claim' || what === 'release')
    if (last?.what === 'release') return last.home === home ? undefined : 'block.device'
    if (this.owner !== home) return 'block.device'
    this.#said.push({ what: 'release', home, at })
    return undefined
  }

  reset(epoch: number, at: number): number | null {
    if (this.owner === undefined) return null
    if (epoch === this.epoch && this.#resetAt === undefined) this.#said.push({ what: 'reset', at })
    return this.#free
  }

  object(home: number, at: number): string | undefined {
    this.epochBefore = this.epoch
    if (this.owner !== home) return 'block.device'
    if (this.#resetAt === undefined) return 'claim.no_reset'
    if (this.#objectedAt !== undefined) return at < this.#objectedAt + 336 ? undefined : 'claim.no_reset'
    this.#said.push({ what: 'object', home, at })
    return undefined
  }

  block(home: number, _at: number, on: boolean): string | undefined {
    this.epochBefore = this.epoch
    const had = this.#said.findLast(({ what }) => what === 'claim')
    // A lift harms nobody: whoever had the epoch may say it, released or not.
    const theirs = on ? this.owner === home : had?.what === 'claim' && had.home === home
    if (!theirs) return 'block.device'
    this.#said.push({ what: 'block', on })
    return undefined
  }
}
