/** Work that must not overlap, one after the other in the order in which it was asked for. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` when everything asked for before has settled; settles as it does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }
}
