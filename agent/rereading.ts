import { codeOf } from '../protocol/errors.ts'
import { Bell } from './bell.ts'
import type { Household } from './household.ts'
import type { Sight } from './identity/lens.ts'
import { Pairing } from './identity/pairing.ts'
import { readPending } from './identity/pending.ts'
import { PairingWindow } from './identity/window.ts'
import { identityParts, type Life, sightsThrough } from './life.ts'

/**
 * The lens of a camera that has a household (PROTOCOL 4.4, Repair). A press takes the camera from the recorder until a code
 * was read, ten minutes are over, or the button is pressed again; what was answered is knocked for while it records.
 */
export class Rereading {
  readonly #life: Life
  readonly #signal: AbortSignal
  readonly #onRepaired: () => void
  readonly #window: PairingWindow
  readonly #pairing: Pairing
  readonly #bell = new Bell()
  #press = new AbortController()
  /** Resolves when the recorder has let go of the camera. */
  #free: Promise<void> = Promise.resolve()
  #setFree: () => void = () => undefined
  #isLooking = false
  #running: Promise<void> | undefined

  constructor(
    life: Life,
    household: Household,
    { signal, onRepaired }: { signal: AbortSignal; onRepaired: () => void },
  ) {
    this.#life = life
    this.#signal = signal
    this.#onRepaired = onRepaired
    this.#window = new PairingWindow(life.hardware.clock)
    const parts = identityParts(life, { signal })
    const look = (options: { signal: AbortSignal }) => this.#look(options)
    this.#pairing = new Pairing(
      { ...parts, signs: life.signs, window: this.#window, sights: look, untilRead: true },
      { pin: household.pin, household },
    )
    signal.addEventListener('abort', this.#bell.ring, { once: true })
  }

  /** Goes on with what an earlier start left. */
  async begin(): Promise<void> {
    if ((await readPending(this.#life.disk, this.#life.data)) !== undefined) this.#run()
  }

  /** Aborted when the recorder is to let go of the camera; another one each time. */
  get nextPress(): AbortSignal {
    return this.#press.signal
  }

  press(): void {
    if (this.#window.leftMs > 0) {
      this.#pairing.stopLooking()
      return
    }
    this.#free = new Promise(resolve => {
      this.#setFree = resolve
    })
    this.#isLooking = true
    this.#pairing.press()
    this.#run()
    this.#press.abort()
  }

  /** The recorder has let go. Resolves when it may have the camera again. */
  async done(): Promise<void> {
    this.#setFree()
    while (this.#isLooking && !this.#signal.aborted) await this.#bell.wait()
    this.#press = new AbortController()
  }

  async end(): Promise<void> {
    this.#setFree()
    await this.#running
  }

  #run(): void {
    this.#running ??= this.#pairing
      .run({ signal: this.#signal })
      .then(
        household => {
          if (household !== undefined) this.#onRepaired()
        },
        error =>
          this.#life.log.error({ code: codeOf(error), cause: (error as Error).message }, 'lens failed'),
      )
      .finally(() => {
        this.#running = undefined
        this.#isLooking = false
        this.#bell.ring()
      })
  }

  async *#look(options: { signal: AbortSignal }): AsyncGenerator<Sight> {
    try {
      await this.#free
      yield* sightsThrough(this.#life)(options)
    } finally {
      this.#isLooking = false
      this.#bell.ring()
    }
  }
}
