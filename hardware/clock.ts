import type { Clock } from './hardware.ts'

/** This version was built after this moment: a clock before it is wrong. */
const BUILT = Date.UTC(2026, 10, 1)

/** The machine's clocks. The wall clock is believed once it is past the build's own time. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sure: () => Date.now() >= BUILT,
  }
}
