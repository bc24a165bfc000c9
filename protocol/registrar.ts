import { z } from 'zod'
import { clipId, count, epoch, id, jws, nonce, sha256Hex, text, time } from './fields.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'
import { PART_PATTERN } from './topics.ts'

/** PROTOCOL 5.2. The hub's signed answer to `GET /nonce`: a nonce used once, with the time. */
export const nonceKind = {
  typ: 'ownlens-nonce/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    nonce,
    /** Whose request it is for. */
    for: id,
    time,
    /** The newest epoch that the registrar knows for that device; 0 when it knows none. */
    epoch: z.int().min(0).max(0xffffffff),
    /** `mqtts://host:port`. */
    broker: text(200),
  }),
} satisfies StatementKind<unknown>

const requestBodies = z.discriminatedUnion('action', [
  /** A household makes itself known: its first roster, and the code that the hub printed. */
  z.strictObject({ action: z.literal('household'), code: text(40), roster: jws }),
  /** A newer roster, with all successions so far. */
  z.strictObject({ action: z.literal('roster'), roster: jws, successions: z.array(jws).max(64) }),
  z.strictObject({ action: z.literal('claim'), claim: jws }),
])

/** PROTOCOL 5.3. Anything asked of the registrar: signed by the asker's own key over a nonce of the server. */
export const requestKind = {
  typ: 'ownlens-request/1',
  maxBytes: 256 * 1024,
  schema: z.strictObject({ householdId: id, nonce, body: requestBodies }),
} satisfies StatementKind<unknown>

export type RequestBody = z.infer<typeof requestBodies>

/** PROTOCOL 5.4. What stands behind a request for a TLS certificate; header `Ownlens-Statement`. */
export const enrolmentKind = {
  typ: 'ownlens-enrolment/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    /** deviceId or memberId; the signer's. */
    id,
    householdId: id,
    /** SHA-256 of the SubjectPublicKeyInfo in the CSR. */
    tlsKey: sha256Hex,
    /** The certificate authority it is meant for. */
    caId: id,
    nonce,
    role: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('device'),
        epoch,
        /** Grows with every request, saved before it is sent. */
        counter: count.min(1),
        /** Made anew at every start. */
        boot: nonce,
      }),
      z.strictObject({ kind: z.literal('member') }),
    ]),
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 6.6. The store has this part, byte for byte, on its disk. Signed by the hub key. */
export const ackKind = {
  typ: 'ownlens-ack/1',
  maxBytes: 2048,
  schema: z.strictObject({
    deviceId: id,
    clipId,
    part: z.string().regex(PART_PATTERN),
    sha256: sha256Hex,
    /** The newest roster's number: a hint to fetch it, nothing more. */
    roster: count,
  }),
} satisfies StatementKind<unknown>

/** The URI in a device's or member's TLS certificate (PROTOCOL 5.5). */
export type CertificateName =
  | { readonly kind: 'device'; readonly householdId: string; readonly epoch: number; readonly id: string }
  | { readonly kind: 'member'; readonly householdId: string; readonly id: string }

/** `ownlens:device:<householdId>:<epoch>:<deviceId>` or `ownlens:member:<householdId>:<memberId>`. */
export function certificateUri(name: CertificateName): string {
  return name.kind === 'device'
    ? `ownlens:device:${name.householdId}:${name.epoch}:${name.id}`
    : `ownlens:member:${name.householdId}:${name.id}`
}

/** The reverse of `certificateUri`; undefined for anything else. */
export function readCertificateUri(uri: string): CertificateName | undefined {
  const device = /^ownlens:device:([a-z2-7]{51}[aq]):([1-9]\d{0,9}):([a-z2-7]{51}[aq])$/.exec(uri)
  if (device?.[1] && device[2] && device[3] && Number(device[2]) <= 0xffffffff)
    return { kind: 'device', householdId: device[1], epoch: Number(device[2]), id: device[3] }
  const member = /^ownlens:member:([a-z2-7]{51}[aq]):([a-z2-7]{51}[aq])$/.exec(uri)
  if (member?.[1] && member[2]) return { kind: 'member', householdId: member[1], id: member[2] }
  return undefined
}
