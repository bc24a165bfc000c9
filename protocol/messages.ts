import { z } from 'zod'
import { trigger } from './clip.ts'
import { clipId, count, text, time } from './fields.ts'
import { logPosition } from './log.ts'
import { bootEnvelope } from './sealed.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

const toHousehold = { ...bootEnvelope, audience: z.literal('household') }

/** PROTOCOL 7.1. Sent as soon as a face is confirmed, and opened before the clip is complete. */
export const alertKind = {
  typ: 'ownlens-alert/1',
  maxBytes: 96 * 1024,
  schema: z.strictObject({
    ...toHousehold,
    clipId,
    trigger,
    /** When the face (or the motion) was first on camera, by the camera's clock. */
    at: time,
    faces: z.int().min(0).max(64),
    names: z.array(text(64)).max(16),
    /** JPEG, base64. */
    thumbnail: z
      .base64()
      .max(64 * 1024)
      .nullable(),
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 7.2. How the camera is, every minute and when it changes. */
export const statusKind = {
  typ: 'ownlens-status/2',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    ...toHousehold,
    at: time,
    clockSure: z.boolean(),
    /** The camera's own name; it never travels in the clear. */
    name: text(64),
    version: text(32),
    /** `private`: somebody at the camera wants that nothing is seen or heard. */
    camera: z.enum(['ok', 'private', 'fault']),
    fault: text(64).nullable(),
    microphone: z.boolean(),
    outbox: z.strictObject({ clips: count, bytes: count }),
    /** What was refused since start, by error code. */
    refused: z.record(text(64), count),
    /** The newest head of the hub's log that the camera has taken: so the home finds out when it is told another story. */
    log: logPosition.nullable(),
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 7.3. Clips of these sequence numbers will never arrive, and why. */
export const gapKind = {
  typ: 'ownlens-gap/1',
  maxBytes: SMALL_STATEMENT,
  schema: z
    .strictObject({
      ...toHousehold,
      at: time,
      from: count.min(1),
      to: count.min(1),
      cause: z.enum(['outbox_full', 'power', 'disk', 'refused']),
    })
    .refine(({ from, to }) => from <= to, 'must not end before it begins'),
} satisfies StatementKind<unknown>

export type Alert = z.infer<typeof alertKind.schema>
export type Status = z.infer<typeof statusKind.schema>
export type Gap = z.infer<typeof gapKind.schema>
