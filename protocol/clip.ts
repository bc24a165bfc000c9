import { z } from 'zod'
import { clipId, count, sha256Hex, text, time } from './fields.ts'
import { envelope } from './sealed.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

const clipEnvelope = { ...envelope, audience: z.literal('household'), clipId }

/** A fraction of the picture's width or height. */
const fraction = z.number().min(0).max(1)
const faceSchema = z.strictObject({
  box: z.tuple([fraction, fraction, fraction, fraction]),
  score: fraction,
  /** Milliseconds from the clip's start. */
  atMs: z.number().min(0),
  person: text(64).optional(),
})
export type ClipFace = z.infer<typeof faceSchema>

export const trigger = z.enum(['face', 'motion'])
export type Trigger = z.infer<typeof trigger>

/** PROTOCOL 6.3. First part of a clip: what is coming, signed before any video leaves. */
export const openingKind = {
  typ: 'ownlens-opening/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    ...clipEnvelope,
    startedAt: time,
    /** Whether the camera could believe its own clock. */
    clockSure: z.boolean(),
    audio: z.boolean(),
    trigger,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 6.4. A running hash: this much of the video's age file is the device's own, whole 64 KiB chunks of it. */
export const runningHashKind = {
  typ: 'ownlens-running-hash/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    ...clipEnvelope,
    index: z.int().min(0).max(99999),
    /** Bytes of ciphertext from the start. */
    offset: count.min(1),
    /** Over those bytes. */
    sha256: sha256Hex,
  }),
} satisfies StatementKind<unknown>

const fileHash = z.strictObject({ bytes: count.min(1), sha256: sha256Hex })

/** PROTOCOL 6.5. Last part of a clip: signs both files and what is in them. */
export const manifestKind = {
  typ: 'ownlens-manifest/1',
  maxBytes: 32 * 1024,
  schema: z.strictObject({
    ...clipEnvelope,
    startedAt: time,
    clockSure: z.boolean(),
    durationMs: count.min(1),
    audio: z.boolean(),
    triggers: z.array(trigger).min(1).max(2),
    /**
     * Why it ended: the event was over, 60 seconds were full, the agent was told to stop, the camera went away, somebody there
     * wants that nothing is seen.
     */
    end: z.enum(['event', 'split', 'stopped', 'camera', 'privacy']),
    /** Each face that came, once, at its best moment; best first; 64 at most. */
    faces: z.array(faceSchema).max(64),
    video: z.strictObject({ sealed: fileHash, plain: fileHash }),
    thumbnail: z.strictObject({ sealed: fileHash, plain: fileHash }).nullable(),
    /** The newest manifest before this one that the device finished, in this epoch. */
    previous: z.strictObject({ counter: count.min(1), sha256: sha256Hex }).nullable(),
  }),
} satisfies StatementKind<unknown>

export type Opening = z.infer<typeof openingKind.schema>
export type RunningHash = z.infer<typeof runningHashKind.schema>
export type Manifest = z.infer<typeof manifestKind.schema>
