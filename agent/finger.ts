import type { Button, Press } from '../hardware/hardware.ts'

/** What the state that the camera is in does at a press. */
export interface Presses {
  onShort(): void
  /** The camera is to forget its household. */
  onHold(order: { newKey: boolean }): void
}

/** Hands presses to whichever state is in charge; one that comes between two states goes to the next. */
export class Finger {
  #presses: Presses | undefined
  #missed: Press | undefined

  /** Reads the button until the signal. */
  async follow(button: Button, { signal }: { signal: AbortSignal }): Promise<void> {
    for await (const press of button.presses({ signal })) this.#give(press)
  }

  /** Returns how to hand over to the next one. */
  attach(presses: Presses): () => void {
    this.#presses = presses
    const missed = this.#missed
    this.#missed = undefined
    if (missed !== undefined) this.#give(missed)
    return () => {
      this.#presses = undefined
    }
  }

  #give(press: Press): void {
    if (this.#presses === undefined) this.#missed = press
    else if (press.kind === 'short') this.#presses.onShort()
    else this.#presses.onHold({ newKey: press.kind === 'long hold' })
  }
}
