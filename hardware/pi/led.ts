import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lamp, LampState } from '../hardware.ts'
import { type Light, patternOf } from '../light.ts'

/** Where Linux lets the activity lamp of a Raspberry Pi be switched. */
const LED = '/sys/class/leds/ACT'

/** The kernel's own triggers blink for us where they can: they go on while this process is busy. */
const TRIGGERS: Partial<Record<LampState, string>> = {
  off: 'none',
  starting: 'timer',
  unpaired: 'timer',
  ready: 'none',
  recording: 'default-on',
  fault: 'heartbeat',
}

/**
 * The board's activity lamp. Where it may not be switched, nothing happens: the log tells the same.
 *
 * @param led the lamp's folder.
 */
export function boardLamp(led = LED): Lamp {
  /** Writes keep their order; none waits for another's caller. */
  let writes = Promise.resolve()
  const write = (file: string, text: string) => {
    writes = writes.then(() => writeFile(join(led, file), text)).catch(() => undefined)
  }
  let timer: NodeJS.Timeout | undefined
  const play = (pattern: readonly Light[]) => {
    write('trigger', 'none')
    let at = 0
    const next = () => {
      const light = pattern[at++ % pattern.length]
      if (light === undefined) return
      write('brightness', light.on ? '1' : '0')
      timer = setTimeout(next, light.ms).unref()
    }
    next()
  }
  return {
    show(state) {
      clearTimeout(timer)
      const trigger = TRIGGERS[state]
      if (trigger === undefined) play(patternOf(state))
      else write('trigger', trigger)
    },
    blink(code) {
      clearTimeout(timer)
      play(patternOf({ code }))
    },
  }
}
