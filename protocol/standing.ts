import { z } from 'zod'
import { id, time } from './fields.ts'
import { logPosition } from './log.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** PROTOCOL 9.7. What the hub says of a camera to who holds it or its box: by its own key, so that it can be held to it. */
export const standingKind = {
  typ: 'ownlens-standing/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    deviceId: id,
    at: time,
    /** Who blocked it; the maker where both did. */
    blocked: z.enum(['owner', 'maker']).nullable(),
    /** Another camera bears its serial. */
    disputed: z.boolean(),
    /** Two boards have its key. */
    cloned: z.boolean(),
    /** The head of the hub's log at that moment. */
    log: logPosition,
  }),
} satisfies StatementKind<unknown>
