import { writeFile } from 'node:fs/promises'
import type { Lamp, LampState } from '../hardware.ts'

/** Where Linux lets the activity lamp of a Raspberry Pi be switched. */
const LED = '/sys/class/leds/ACT'

/** The kernel's own triggers blink for us. */
const TRIGGERS: Record<LampState, string> = {
  off: 'none',
  starting: 'timer',
  unpaired: 'timer',
  ready: 'none',
  recording: 'default-on',
  fault: 'heartbeat',
}

/** The board's activity lamp. Where it may not be switched, nothing happens: the log tells the same. */
export function boardLamp(): Lamp {
  return {
    show(state) {
      writeFile(`${LED}/trigger`, TRIGGERS[state]).catch(() => undefined)
    },
  }
}
