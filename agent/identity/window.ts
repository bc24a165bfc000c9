/** A camera reads codes for so long after a press of its button. */
const WINDOW_MS = 10 * 60_000

/** When codes are read. By the monotonic clock: a wall clock may be years off, and may jump. */
export class PairingWindow {
  readonly #monotonic: () => number
  readonly #ms: number
  #until = Number.NEGATIVE_INFINITY

  constructor(clock: { monotonic(): number }, ms = WINDOW_MS) {
    this.#monotonic = () => clock.monotonic()
    this.#ms = ms
  }

  /** From now on for ten minutes, whatever was before. */
  open(): void {
    this.#until = this.#monotonic() + this.#ms
  }

  close(): void {
    this.#until = Number.NEGATIVE_INFINITY
  }

  /** Milliseconds until it closes; 0 when it is closed. */
  get leftMs(): number {
    return Math.max(0, this.#until - this.#monotonic())
  }
}
