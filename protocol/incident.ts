import { z } from 'zod'
import { count, id, nonce, sha256Hex, text, time } from './fields.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** Bytes of what a member sends as evidence: JSON text. */
export const EVIDENCE_MAX = 128 * 1024
/** Characters of a log's head, a signed note with its cosignatures. */
export const HEAD_MAX = 16 * 1024
/** How long an operator has for an answer to a report: as long as GDPR Art. 33 gives for the authority. */
export const ANSWER_MS = 72 * 3_600_000

/** PROTOCOL 11.1. A member says that something is wrong: "this is not my home". */
export const reportKind = {
  typ: 'ownlens-report/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    householdId: id,
    /** The signer's. */
    memberId: id,
    /** The camera that it is about; null when the person cannot say. */
    deviceId: id.nullable(),
    /** When it was seen. */
    seenAt: time,
    says: text(500),
    /** SHA-256 of the evidence, which travels beside it. */
    evidence: sha256Hex,
    /** The head of the hub's log that this app held. */
    log: z.strictObject({ size: count, root: z.base64().length(44) }).nullable(),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 11.2. The hub has the report, has frozen what it holds, and names the hour of its answer. By the hub key. */
export const receiptKind = {
  typ: 'ownlens-receipt/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    /** Statement hash of the report. */
    report: sha256Hex,
    receivedAt: time,
    answerBy: time,
    /** SHA-256 of the list of what was frozen. */
    frozen: sha256Hex,
    /** Whose incidents are answers. */
    operator: id,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 11.3. What had been answered to a report at this time. By the hub key: none is the hub's own word on its silence. */
export const answerKind = {
  typ: 'ownlens-answer/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    report: sha256Hex,
    at: time,
    /** Statement hashes of the operator's words that name the report, oldest first; the newest ones when there are more. */
    incidents: z.array(sha256Hex).max(64),
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 11.4. The operator's word on an incident; a higher number replaces what stood. By the operator key. */
export const incidentKind = {
  typ: 'ownlens-incident/1',
  maxBytes: 32 * 1024,
  schema: z.strictObject({
    incidentId: nonce,
    number: count.min(1),
    state: z.enum(['open', 'fixing', 'fixed', 'closed']),
    title: text(200).min(1),
    /** As far as it is known; null while it is not. */
    cause: text(2000).nullable(),
    fix: text(2000).nullable(),
    /** The release that carries the fix. */
    release: text(64).nullable(),
    devices: z.array(id).max(100),
    /** Statement hashes of the reports that it answers. */
    reports: z.array(sha256Hex).max(100),
    /** When the operator came to know of it: from then on the 72 hours of GDPR Art. 33 run. */
    awareAt: time,
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

export type HomeReport = z.infer<typeof reportKind.schema>
export type Receipt = z.infer<typeof receiptKind.schema>
export type Incident = z.infer<typeof incidentKind.schema>

export type Answer = z.infer<typeof answerKind.schema>

/** The four kinds of what a camera makes of a home. */
export const KINDS_SEEN = ['video', 'picture', 'sound', 'faces'] as const
export type KindSeen = (typeof KINDS_SEEN)[number]

/** Something of another home that was met, and what came of trying every key of this home on it. */
export const foreignThing = z.strictObject({
  /** Topic, or path at the hub or in the folder that was shown. */
  what: text(300),
  /** Whose it is, as far as its name says. */
  householdId: id.nullable(),
  deviceId: id.nullable(),
  kinds: z.array(z.enum(KINDS_SEEN)).max(4),
  bytes: count,
  sha256: sha256Hex,
  opened: z.boolean(),
})
export type ForeignThing = z.infer<typeof foreignThing>

/** PROTOCOL 11.1. What a home freezes when it reports. Only names, numbers and hashes: no picture, no key. */
export const evidenceSchema = z.strictObject({
  ownlens: z.literal('evidence 1'),
  at: time,
  householdId: id,
  memberId: id,
  /** Where this home's hub is. */
  hub: text(300),
  roster: z.strictObject({ number: count, sha256: sha256Hex }),
  claims: z.array(z.strictObject({ deviceId: id, epoch: count, sha256: sha256Hex })).max(200),
  /** What the hub had told of its cameras. */
  notices: z
    .array(z.strictObject({ kind: text(40), deviceId: id, at: time, serial: text(32).nullable() }))
    .max(200),
  /** Heads of the hub's log, as this app held them. */
  heads: z.array(z.string().max(HEAD_MAX)).max(4),
  /** The first ones that were met. */
  foreign: z.array(foreignThing).max(150),
  /** All of them, listed or not. */
  totals: z
    .array(
      z.strictObject({
        householdId: id.nullable(),
        kind: z.enum([...KINDS_SEEN, 'other']),
        things: count,
        bytes: count,
        opened: count,
      }),
    )
    .max(200),
})
export type HomeEvidence = z.infer<typeof evidenceSchema>
