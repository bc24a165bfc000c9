/**
 * A queue of one: a newer item takes the place of one that nobody has read. For frames: whoever is slow sees fewer of
 * them, and nobody waits.
 */
export class LatestQueue<T> implements AsyncIterable<T> {
  #item: T | undefined
  #full = false
  #closed = false
  #wake: (() => void) | undefined
  /** How many items gave way. */
  dropped = 0

  put(item: T): void {
    if (this.#full) this.dropped++
    this.#item = item
    this.#full = true
    this.#wake?.()
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      if (this.#full) {
        const item = this.#item as T
        this.#item = undefined
        this.#full = false
        yield item
      } else if (this.#closed) return
      else await new Promise<void>(resolve => (this.#wake = resolve))
      this.#wake = undefined
    }
  }
}

/** Something with a size that may be a point to start from. */
interface Sized {
  readonly data: Uint8Array
  readonly key: boolean
}

/**
 * A queue bounded by bytes: over `maxBytes` the oldest give way, up to the next key picture, so that what is left can be
 * decoded from its start.
 */
export class ByteQueue<T extends Sized> implements AsyncIterable<T> {
  readonly #maxBytes: number
  #items: T[] = []
  #bytes = 0
  #closed = false
  #wake: (() => void) | undefined
  dropped = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  put(item: T): void {
    this.#items.push(item)
    this.#bytes += item.data.length
    while (this.#bytes > this.#maxBytes && this.#items.length > 1) {
      this.#drop()
      while (this.#items.length > 1 && this.#items[0]?.key === false) this.#drop()
    }
    this.#wake?.()
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  #drop(): void {
    this.#bytes -= this.#items.shift()?.data.length ?? 0
    this.dropped++
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        this.#bytes -= item.data.length
        yield item
      } else if (this.#closed) return
      else await new Promise<void>(resolve => (this.#wake = resolve))
      this.#wake = undefined
    }
  }
}
