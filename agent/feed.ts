/** A queue that its writer never waits for. Unbounded by itself: whoever writes keeps the bound, and says so. */
export class Feed<T> implements AsyncIterable<T> {
  #items: T[] = []
  #wake: (() => void) | undefined
  #closed = false
  #error: unknown

  put(item: T): void {
    if (this.#closed) return
    this.#items.push(item)
    this.#wake?.()
  }

  close(error?: unknown): void {
    this.#closed = true
    this.#error ??= error
    this.#wake?.()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Takes out all that waits. */
  clear(): readonly T[] {
    return this.#items.splice(0)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        yield item
      } else if (this.#closed) {
        if (this.#error !== undefined) throw this.#error
        return
      } else {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
    }
  }
}
