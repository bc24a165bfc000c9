/** What somebody says, one thing after the other; whoever waits for one of them hears of it when it comes. */
export class EventLog<T> {
  /** Everything so far. */
  readonly all: T[] = []
  readonly #waiting = new Set<() => void>()

  add(event: T): void {
    this.all.push(event)
    for (const wake of [...this.#waiting]) wake()
  }

  /**
   * The first event from `from` on that this holds for; those that came already count.
   *
   * @param late what is said where none came within `ms`.
   */
  async until(
    holds: (event: T) => boolean,
    { from, ms, late }: { readonly from: number; readonly ms: number; readonly late: string },
  ): Promise<T> {
    const end = performance.now() + ms
    for (let index = from; ; ) {
      for (; index < this.all.length; index++) {
        const event = this.all[index]
        if (event !== undefined && holds(event)) return event
      }
      const left = end - performance.now()
      if (left <= 0) throw new Error(late)
      await new Promise<void>(resolve => {
        const done = () => {
          clearTimeout(timer)
          this.#waiting.delete(done)
          resolve()
        }
        const timer = setTimeout(done, left)
        this.#waiting.add(done)
      })
    }
  }
}
