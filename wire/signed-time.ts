/** A time that a hub has signed, and when it was heard. */
export interface SignedTime {
  /** Milliseconds since 1970. */
  readonly time: number
  /** Monotonic milliseconds (`performance.now()`) at which it arrived. */
  readonly heardAt: number
}

/** What time it is by now, in milliseconds since 1970; the machine's own wall clock has no part in it. */
export function timeBy({ time, heardAt }: SignedTime): number {
  return time + (performance.now() - heardAt)
}
