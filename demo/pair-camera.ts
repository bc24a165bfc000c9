import { join } from 'node:path'
import type { Lamp } from '../hardware/hardware.ts'
import type { Household } from '../home/household.ts'
import { type PairedCamera, type PairingStep, pairThroughLens } from '../home/pair.ts'
import { codeForTerminal } from '../home/pairing-code.ts'
import { writeCode } from '../home/show-code.ts'
import type { Signer } from '../protocol/keys.ts'

/** A lamp that somebody watches: it shows what the camera's own shows. */
export class WatchedLamp implements Lamp {
  readonly #lamp: Lamp
  #seen: (code: string) => void = () => undefined
  /** The short code, once the lamp blinks it. */
  readonly code: Promise<string>

  constructor(lamp: Lamp) {
    this.#lamp = lamp
    this.code = new Promise(resolve => {
      this.#seen = resolve
    })
  }

  show(state: Parameters<Lamp['show']>[0]): void {
    this.#lamp.show(state)
  }

  blink(code: string): void {
    this.#seen(code)
    this.#lamp.blink(code)
  }
}

/**
 * Pairs the demo's camera through its lens. An emulated one has the code held before it; a real one needs a person who holds
 * up the terminal's code or the picture. The codes of lamp and app are compared here: both are in this process.
 *
 * @param at.data the camera's data folder.
 * @param at.out where a person finds the picture of the code.
 */
export async function pairCamera(
  household: Household,
  root: Signer,
  at: {
    lamp: WatchedLamp
    isEmulated: boolean
    data: string
    out: string
    tell: (text: string) => void
    signal: AbortSignal
  },
): Promise<PairedCamera> {
  const { lamp, isEmulated, data, out, tell, signal } = at
  const png = isEmulated ? join(data, 'emulated', 'code.png') : join(out, 'pairing-code.png')
  return pairThroughLens(household, root, {
    signal,
    name: 'Demo camera',
    async show(code) {
      if (!isEmulated) {
        // Standard output may be read by a program.
        const { rows = 0, columns = 0 } = process.stderr
        process.stderr.write(codeForTerminal(code, { rows, columns }) ?? '')
        tell(
          `hold this code before the camera’s lens, or the picture ${png} on a phone; it waits ten minutes`,
        )
      }
      return writeCode(code, png)
    },
    async confirm(code) {
      const blinked = await lamp.code
      const same = blinked === code
      tell(`the lamp blinks ${blinked}, the app shows ${code}: ${same ? 'the same' : 'they differ'}`)
      return same
    },
    tell: step => tell(describe(step)),
  })
}

function describe(step: PairingStep): string {
  if (step.step === 'shown') return 'the household shows a code, and it is before the camera’s lens'
  if (step.step === 'answered')
    return 'the camera has read it through its lens and answers; its half of the claim holds'
  if (step.step === 'refused') return `an answer was refused: ${step.error.message}`
  return step.error.message
}
