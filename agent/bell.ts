/** Wakes one loop: rings are remembered until the loop waits, and many rings are one. */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  readonly ring = (): void => {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves at once if it rang since the last wait; else at the next ring, or after `atMostMs`. */
  async wait(atMostMs?: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>(resolve => {
        const timer = atMostMs === undefined ? undefined : setTimeout(resolve, atMostMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#wake = undefined
    this.#rung = false
  }
}
