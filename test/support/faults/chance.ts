/** A stream of choices that a seed repeats (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to `most`, both possible. */
  upTo(most: number): number {
    return Math.floor(this.next() * (most + 1))
  }

  yes(): boolean {
    return this.next() < 0.5
  }

  /** One of these; there must be one. */
  of<T>(choices: readonly T[]): T {
    const chosen = choices[this.upTo(choices.length - 1)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }
}
