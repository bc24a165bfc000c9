/**
 * Who may claim a device (PROTOCOL 4.6). Pure: what stands and the time in, a verdict out.
 */
export interface Standing {
  /** Null for a device that nobody owns: never claimed, or released. */
  readonly householdId: string | null
  /** When a reset was noted in this epoch. All times: milliseconds since 1970. */
  readonly resetAt: number | null
  /** Until when the owner's objection to that reset holds. */
  readonly objectedUntil: number | null
  readonly blocked: boolean
}

const HOUR = 3600_000
/** So long after a reset the device stays its owner's. */
export const WAIT_MS = 72 * HOUR
/** So long an objection holds. */
export const OBJECTION_MS = 14 * 24 * HOUR

export type Verdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'blocked' }
  /** `freeAt`: from then on anybody may claim it; null when no such time is known. */
  | { readonly kind: 'owned'; readonly freeAt: number | null }

/** What becomes of this household's claim now. */
export function judgeClaim(standing: Standing, householdId: string, now: number): Verdict {
  if (standing.blocked) return { kind: 'blocked' }
  if (standing.householdId === null || standing.householdId === householdId) return { kind: 'free' }
  const free = freeAt(standing)
  return free !== null && now >= free ? { kind: 'free' } : { kind: 'owned', freeAt: free }
}

/** From when on others than the owner may claim an owned device; null when no reset was noted. */
export function freeAt({ resetAt, objectedUntil }: Standing): number | null {
  return resetAt === null ? null : Math.max(resetAt + WAIT_MS, objectedUntil ?? 0)
}

/**
 * Until when the owner's objection holds: made now, or made before and not over.
 *
 * @returns null when there is nothing to object to: no reset, or one that was objected to before.
 */
export function objection({ resetAt, objectedUntil }: Standing, now: number): number | null {
  if (resetAt === null) return null
  if (objectedUntil === null) return now + OBJECTION_MS
  return objectedUntil > now ? objectedUntil : null
}
