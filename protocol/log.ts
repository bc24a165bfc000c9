import { z } from 'zod'
import { count, time } from './fields.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** PROTOCOL 10.2. The hub's word on which log is its own: the verifier key of whoever signs that log's heads. */
export const logKind = {
  typ: 'ownlens-log/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    /** C2SP signed-note: `name+key id+base64`. */
    key: z
      .string()
      .max(200)
      .regex(/^[!-~]+$/, 'must be a verifier key'),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

const note = z.string().max(64 * 1024)
const proof = z.array(z.base64().length(44)).max(64)

/** PROTOCOL 10.2. `GET /log/head?since=N`: the newest head, the newest that witnesses have cosigned, and how both grew. */
export const logHeadAnswer = z.strictObject({
  /** Statement `ownlens-log/1`. */
  log: z.string().max(SMALL_STATEMENT),
  /** The hub key's certificate, DER. */
  hub: z.base64().max(8192),
  checkpoint: note,
  /** That the first N entries of before are the beginning of it; empty for N = 0 and where the log has no more than N. */
  consistency: proof,
  cosigned: z.strictObject({ checkpoint: note, consistency: proof }).nullable(),
})

/** PROTOCOL 10.2. `GET /log/consistency?from=N&to=M`. */
export const logConsistencyAnswer = z.strictObject({ consistency: proof })

/** A head without its signature: so many entries, and the root over them in base64, as a checkpoint writes it. */
export const logPosition = z.strictObject({ size: count, root: z.base64().length(44) })
export type LogPosition = z.infer<typeof logPosition>
