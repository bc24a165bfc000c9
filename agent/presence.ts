/**
 * Hysteresis: something counts as present once it was seen in `confirm` of the last `window` looks, and stays present
 * until it was not seen for `lingerMs`. Pure: times come in, judgements go out.
 */
export class Presence {
  readonly #confirm: number
  readonly #window: number
  readonly #lingerMs: number
  #looks: { readonly at: number; readonly seen: boolean }[] = []
  #since: number | undefined
  #lastSeen = Number.NEGATIVE_INFINITY

  constructor(options: { confirm: number; window: number; lingerMs: number }) {
    this.#confirm = options.confirm
    this.#window = options.window
    this.#lingerMs = options.lingerMs
  }

  /** Takes one look. `at` in monotonic milliseconds, never going back. */
  look(at: number, seen: boolean): void {
    this.#looks.push({ at, seen })
    if (this.#looks.length > this.#window) this.#looks.shift()
    if (seen) this.#lastSeen = at
    if (this.#since !== undefined) {
      if (at - this.#lastSeen <= this.#lingerMs) return
      // What comes next is another event: looks of this one must not confirm it.
      this.#since = undefined
      this.#looks = []
      return
    }
    const hits = this.#looks.filter(look => look.seen)
    if (seen && hits.length >= this.#confirm) this.#since = hits[0]?.at
  }

  /** When it was first seen, while it is present. */
  get since(): number | undefined {
    return this.#since
  }

  /** Seen lately, confirmed or not. */
  hot(at: number): boolean {
    return at - this.#lastSeen <= this.#lingerMs
  }
}
