import { z } from 'zod'
import { jws } from './fields.ts'

const chain = z.array(z.base64().max(4096)).max(3).readonly()

/**
 * PROTOCOL 10.1. What one entry of a hub's log is about: the signed statement itself, so that whoever is shown a record can
 * check who said it. Certificates are DER in base64, the lowest first.
 */
export const recordContent = z.discriminatedUnion('kind', [
  /** A household was registered, or its root published a newer roster. */
  z.strictObject({ kind: z.literal('household'), roster: jws, successions: z.array(jws).max(64).readonly() }),
  z.strictObject({ kind: z.literal('claim'), claim: jws }),
  z.strictObject({ kind: z.literal('release'), release: jws }),
  z.strictObject({ kind: z.literal('reset'), reset: jws }),
  z.strictObject({ kind: z.literal('block'), block: jws }),
  z.strictObject({ kind: z.literal('move'), move: jws }),
  /** A request for a certificate, and what it was judged to be; a repeated one says nothing new and is not recorded. */
  z.strictObject({
    kind: z.literal('enrolment'),
    enrolment: jws,
    verdict: z.enum(['fresh', 'held', 'cloned']),
  }),
  z.strictObject({ kind: z.literal('registration'), registration: jws, chain, offline: z.boolean() }),
  /** Certificates that a board showed by itself: its station has not handed it in. */
  z.strictObject({ kind: z.literal('idevid'), chain }),
  z.strictObject({ kind: z.literal('serial'), serial: jws }),
  z.strictObject({ kind: z.literal('station'), station: jws }),
  z.strictObject({ kind: z.literal('signer'), signer: jws }),
  z.strictObject({ kind: z.literal('makerBlock'), block: jws, second: jws.nullable() }),
  z.strictObject({ kind: z.literal('report'), report: jws }),
  z.strictObject({ kind: z.literal('incident'), incident: jws }),
])

export type RecordContent = z.infer<typeof recordContent>
