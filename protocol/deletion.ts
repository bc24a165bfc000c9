import { z } from 'zod'
import { clipId, id, time } from './fields.ts'
import type { StatementKind } from './statement.ts'

/** So many clips one deletion names at most. */
export const DELETION_MAX = 300

/** PROTOCOL 6.10. A member wants these clips of its household to be gone from the store. */
export const deletionKind = {
  typ: 'ownlens-deletion/1',
  maxBytes: 24 * 1024,
  schema: z.strictObject({
    householdId: id,
    /** The signer's. */
    memberId: id,
    clips: z.array(clipId).min(1).max(DELETION_MAX),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>
