/** Simulated time: things that happen later, in their order. Milliseconds since the beginning. */
export class Timeline {
  now = 0
  /** A binary heap by time, then by order of entry. */
  readonly #heap: { readonly at: number; readonly order: number; readonly run: () => void }[] = []
  #entered = 0

  after(ms: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ at: this.now + Math.max(0, ms), order: this.#entered++, run })
    for (let index = heap.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1
      if (!this.#before(index, parent)) break
      this.#swap(index, parent)
      index = parent
    }
  }

  /** Lets everything happen that is due by then, or until `holds`. */
  runUntil(at: number, holds: () => boolean = () => false): void {
    while (!holds()) {
      const [next] = this.#heap
      if (next === undefined || next.at > at) {
        this.now = at
        return
      }
      this.#take()
      this.now = next.at
      next.run()
    }
  }

  #take(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return
    heap[0] = last
    for (let index = 0; ; ) {
      const left = 2 * index + 1
      let least = index
      for (const child of [left, left + 1])
        if (child < heap.length && this.#before(child, least)) least = child
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #before(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]]
    if (a === undefined || b === undefined) return false
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]]
    if (a === undefined || b === undefined) return
    this.#heap[one] = b
    this.#heap[other] = a
  }
}

/** Random numbers that a seed repeats (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  is(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number from 0 to `most` - 1. */
  below(most: number): number {
    return Math.floor(this.next() * most)
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  /** As many small values as large ones: each power of ten comes as often as the next. */
  spread(least: number, most: number): number {
    return least * (most / least) ** this.next()
  }

  of<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0]
  }
}
