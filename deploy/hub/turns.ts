/** Work under one key is done one piece after the other, work under different keys side by side. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** Starts `work` when everything that was given before under this key is over, whatever became of it. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const result = before.then(work)
    const over = result.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(key, over)
    try {
      return await result
    } finally {
      // Nobody came after: nothing is kept for keys that are at rest.
      if (this.#last.get(key) === over) this.#last.delete(key)
    }
  }

  /** How many keys have work under way. */
  get busy(): number {
    return this.#last.size
  }

  /** Resolves when everything that was given so far is over. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values())
  }
}
