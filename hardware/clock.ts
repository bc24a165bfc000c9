import type { Clock } from './hardware.ts'

/** The machine's clocks. Its wall clock is never sure: a board without a battery wakes up in 1970, and NTP is not signed. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sure: () => false,
  }
}
