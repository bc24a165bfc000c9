/** A step's choices. Each is a plain number that is fitted to whatever there is to choose from when the step is taken. */
export class Pick {
  readonly #picks: readonly number[]
  #next = 0

  constructor(picks: readonly number[]) {
    this.#picks = picks
  }

  /** 0 to `most`. */
  upTo(most: number): number {
    const pick = this.#picks[this.#next++ % this.#picks.length] ?? 0
    return pick % (most + 1)
  }

  /** One of these; undefined when there is none. */
  of<T>(choices: readonly T[]): T | undefined {
    return choices.length === 0 ? undefined : choices[this.upTo(choices.length - 1)]
  }

  /** One of these, more likely one of the last. */
  late<T>(choices: readonly T[]): T | undefined {
    const back = Math.min(this.upTo(255), this.upTo(255))
    return choices.at(-1 - (back % Math.max(choices.length, 1)))
  }
}
