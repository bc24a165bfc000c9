import type { Lamp, LampState } from '../../hardware/hardware.ts'

/** How long a refusal is shown. */
const REFUSED_MS = 4000

/**
 * What the lamp tells, when several things are to be told: that nothing is seen before all else; then the short code before a
 * refusal, that before reading, that before trouble, and else what the camera does. To record is never hidden by trouble.
 */
export class Signs implements Lamp {
  readonly #lamp: Lamp
  #base: LampState = 'off'
  #code: string | undefined
  #isReading = false
  #trouble = false
  #private = false
  #refusal: NodeJS.Timeout | undefined
  #shown = ''

  constructor(lamp: Lamp) {
    this.#lamp = lamp
  }

  show(state: LampState): void {
    this.#base = state
    this.#refresh()
  }

  /** Until it is called with undefined. */
  blink(code: string | undefined): void {
    this.#code = code
    this.#refresh()
  }

  reading(isReading: boolean): void {
    this.#isReading = isReading
    this.#refresh()
  }

  /** Nothing is seen and nothing is heard. */
  private(isOn: boolean): void {
    this.#private = isOn
    this.#refresh()
  }

  trouble(isThere: boolean): void {
    this.#trouble = isThere
    this.#refresh()
  }

  /** For some seconds. */
  refuse(): void {
    clearTimeout(this.#refusal)
    this.#refusal = setTimeout(() => this.calm(), REFUSED_MS).unref()
    this.#refresh()
  }

  /** What was refused is forgotten. */
  calm(): void {
    clearTimeout(this.#refusal)
    this.#refusal = undefined
    this.#refresh()
  }

  #refresh(): void {
    const state = this.#state
    const code = this.#private ? undefined : this.#code
    const now = code === undefined ? state : `code ${code}`
    if (now === this.#shown) return
    this.#shown = now
    if (code === undefined) this.#lamp.show(state)
    else this.#lamp.blink(code)
  }

  get #state(): LampState {
    if (this.#private && this.#base !== 'off') return 'private'
    if (this.#refusal !== undefined) return 'refused'
    if (this.#isReading) return 'reading'
    return this.#trouble && this.#base === 'ready' ? 'fault' : this.#base
  }
}
