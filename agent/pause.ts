/** How long a camera waits for its hub to come back, failure after failure. Milliseconds. */
export const HUB_GONE_MS: readonly number[] = [500, 1000, 2000, 4000, 8000, 15_000]
/** How often it asks whether it may go on, while it is held or blocked: two boards with one key meet within a minute. */
export const STANDING_MS: readonly number[] = [2000, 5000, 15_000, 30_000, 40_000]

/**
 * How long to wait after so many failures in a row, 0 for the first: as the list says, its last value from there on.
 *
 * @param waits milliseconds.
 */
export function waitAfter(failures: number, waits: readonly number[]): number {
  return waits[Math.min(failures, waits.length - 1)] ?? 0
}

/** A quarter more or less: cameras that lost their hub together do not all come back together. `random` from 0 to 1. */
export const jittered = (ms: number, random = Math.random()): number => ms * (0.75 + random / 2)

/** Waits; an abort ends the wait early without an error. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
