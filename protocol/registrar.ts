import { z } from 'zod'
import { clipId, count, epoch, id, jws, nonce, sha256Hex, text, time } from './fields.ts'
import { EVIDENCE_MAX } from './incident.ts'
import { serialNumber } from './maker.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'
import { PART_PATTERN } from './topics.ts'

/**
 * PROTOCOL 5.2. The hub's signed answer to `GET /nonce`: a nonce used once, with the time. The challenge is the client's, so
 * that an answer of yesterday is not taken for one of today.
 */
export const nonceKind = {
  typ: 'ownlens-nonce/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    nonce,
    /** Whose request it is for. */
    for: id,
    /** What the client asked with: 128 random bits of its own. */
    challenge: nonce,
    time,
    /** The newest epoch that the registrar knows for that device; 0 when it knows none. */
    epoch: z.int().min(0).max(0xffffffff),
    /** `mqtts://host:port`. */
    broker: text(200),
  }),
} satisfies StatementKind<unknown>

const mailbox = id
const chain = z.array(z.base64().max(4096)).max(3)

const requestBodies = z.discriminatedUnion('action', [
  /** A household makes itself known: its first roster, and the code that the hub printed. */
  z.strictObject({
    action: z.literal('household'),
    code: text(40),
    roster: jws,
    successions: z.array(jws).max(64),
  }),
  /** A newer roster, with all successions so far. */
  z.strictObject({ action: z.literal('roster'), roster: jws, successions: z.array(jws).max(64) }),
  z.strictObject({ action: z.literal('claim'), claim: jws }),
  // Pairing (4.4). The app's side:
  z.strictObject({ action: z.literal('invite'), mailbox }),
  z.strictObject({ action: z.literal('mailbox'), mailbox }),
  z.strictObject({ action: z.literal('reveal'), mailbox, reveal: jws }),
  z.strictObject({ action: z.literal('decline'), mailbox }),
  // The camera's side:
  z.strictObject({ action: z.literal('knock'), mailbox }),
  /** `idevid`: the maker's certificate of the device key and its issuers, DER; none in profile `home`. */
  z.strictObject({ action: z.literal('half'), mailbox, half: jws, idevid: chain }),
  /** What the registrar knows of the device that asks. */
  z.strictObject({ action: z.literal('device') }),
  z.strictObject({ action: z.literal('reset'), reset: jws }),
  // Ownership (4.5 to 4.8). The owner's side:
  z.strictObject({ action: z.literal('release'), release: jws }),
  z.strictObject({ action: z.literal('object'), deviceId: id }),
  z.strictObject({ action: z.literal('confirm'), deviceId: id }),
  z.strictObject({ action: z.literal('block'), block: jws }),
  z.strictObject({ action: z.literal('move'), move: jws }),
  /** Asked by the successor: which household is it to succeed in? */
  z.strictObject({ action: z.literal('heir') }),
  // Profile `maker` (9). `chain`: the station's certificate (9.4), DER. `offline`: the board left before anybody could ask.
  z.strictObject({ action: z.literal('register'), registration: jws, chain, offline: z.boolean() }),
  z.strictObject({ action: z.literal('serial'), serial: jws }),
  z.strictObject({ action: z.literal('station'), station: jws }),
  z.strictObject({ action: z.literal('signer'), signer: jws }),
  // Reports and incidents (11). Any member reports; the operator answers, and asks what there is on an incident.
  z.strictObject({ action: z.literal('report'), report: jws, evidence: z.string().max(EVIDENCE_MAX) }),
  z.strictObject({ action: z.literal('incident'), incident: jws }),
  z.strictObject({ action: z.literal('evidence'), incidentId: nonce.nullable() }),
  /** By a member (6.10): clips are to be gone from the store. */
  z.strictObject({ action: z.literal('delete'), deletion: jws }),
  /** By the operator (10.4): a household is to be forgotten. */
  z.strictObject({ action: z.literal('erase'), householdId: id }),
  /** By a signer (9.6), whoever of them gave the order. The largest of all: it may name two thousand devices. */
  z.strictObject({ action: z.literal('maker-block'), block: jws, second: jws.nullable() }),
  /** By a signer: which devices bear this serial? */
  z.strictObject({ action: z.literal('serial-keys'), serial: serialNumber }),
  /** By a camera (`code` is null), or by anybody who has the code of its box (9.7). */
  z.strictObject({ action: z.literal('check'), code: text(40).nullable() }),
])

export type RequestBody = z.infer<typeof requestBodies>
export type RequestAction = RequestBody['action']

/** PROTOCOL 5.3. Anything asked of the registrar: signed by the asker's own key over a nonce of the server. */
export const requestKind = {
  typ: 'ownlens-request/1',
  maxBytes: 256 * 1024,
  schema: z.strictObject({
    /** Null where the asker is of no household: an unpaired camera, a successor, a station. */
    householdId: id.nullable(),
    /** The certificate authority of the hub that it is meant for. */
    caId: id,
    nonce,
    body: requestBodies,
  }),
} satisfies StatementKind<unknown>

/** Requests of those who are of no household are no larger than this, but for a maker's orders. */
export const UNPAIRED_MAX = 16 * 1024

const ok = z.strictObject({ ok: z.literal(true) })
const standing = { roster: jws, successions: z.array(jws).max(64) }

/** What the registrar answers to each action. */
export const requestAnswers = {
  household: ok,
  roster: ok,
  claim: ok,
  invite: z.strictObject({ until: time }),
  mailbox: z.strictObject({
    half: jws.nullable(),
    /** How many other cameras have answered the same code. */
    rivals: count,
    closed: z.boolean(),
  }),
  reveal: ok,
  decline: ok,
  knock: z.strictObject({ householdId: id, ...standing, reveal: jws.nullable(), claim: jws.nullable() }),
  half: ok,
  device: z.strictObject({
    epoch: z.int().min(0).max(0xffffffff),
    claim: jws.nullable(),
    release: jws.nullable(),
    held: z.boolean(),
    blocked: z.boolean(),
  }),
  reset: z.strictObject({ freeAt: time.nullable() }),
  release: ok,
  object: z.strictObject({ until: time }),
  confirm: ok,
  block: ok,
  move: ok,
  heir: z.strictObject({ householdId: id, ...standing, move: jws.nullable() }),
  /** `disputed`: more than one device bears this serial now. */
  register: z.strictObject({ disputed: z.boolean() }),
  serial: ok,
  station: ok,
  signer: ok,
  report: z.strictObject({
    receipt: jws,
    /** The hub key's certificate, DER in base64. */
    hub: z.base64().max(8192),
  }),
  incident: ok,
  /** How many of them the store had. */
  delete: z.strictObject({ deleted: count }),
  evidence: z.strictObject({
    /** Newest first, with the incidents that name them. */
    reports: z.array(z.strictObject({ report: jws, receipt: jws, incidents: z.array(nonce) })).max(1000),
    /** Of all incidents the newest word; of the one that was asked for, every word, oldest first. */
    incidents: z.array(jws).max(1000),
    /** Where the hub has frozen what it holds on it, within its data folder. */
    folder: text(200).nullable(),
  }),
  /** How many records were closed, reports removed, and cameras freed. */
  erase: z.strictObject({ records: count, reports: count, cameras: count }),
  'maker-block': ok,
  /** Each is checked by who asked: only the hub has said that they belong together. */
  check: z.strictObject({
    standing: jws,
    /** The hub key's certificate, DER in base64. */
    hub: z.base64().max(8192),
    /** Statement `ownlens-log/1`, and that log's head. */
    log: jws,
    checkpoint: z.string().max(64 * 1024),
    /** The maker's order that stands, opened; null where there is none. */
    record: z
      .strictObject({
        position: count,
        at: time,
        salt: z.base64url().length(43),
        content: z.string().max(512 * 1024),
      })
      .nullable(),
    /** That it is among the entries of that head. */
    proof: z.array(z.base64().length(44)).max(64),
    /** What the maker's root says of each of its signers. */
    signers: z.array(jws).max(2),
  }),
  'serial-keys': z.strictObject({
    devices: z
      .array(
        z.strictObject({
          deviceId: id,
          /** Others bear its serial too. */
          disputed: z.boolean(),
          /** By an order of the maker's. What its owner ordered is the owner's matter. */
          blocked: z.boolean(),
          /** Somebody's now. */
          paired: z.boolean(),
        }),
      )
      .max(1000),
  }),
} satisfies Record<RequestAction, z.ZodType>

export type RequestAnswer<A extends RequestAction> = z.infer<(typeof requestAnswers)[A]>

/** PROTOCOL 5.6. The newest roster, all successions, and where the hub is from now on. */
export const rosterAnswer = z.strictObject({ ...standing, move: jws.nullable() })

/** PROTOCOL 5.6. The root's orders that stand for its cameras, newest first. */
export const blocksAnswer = z.strictObject({ blocks: z.array(jws).max(500) })

/** PROTOCOL 5.6. The newest sealed status of each camera of a household, as the hub kept it. */
export const statusesAnswer = z.strictObject({
  statuses: z
    .array(z.strictObject({ epoch, deviceId: id, at: time, sealed: z.base64().max(56 * 1024) }))
    .max(1000),
})

export type CameraStatus = z.infer<typeof statusesAnswer>['statuses'][number]

/** PROTOCOL 5.6. What its members are told of a household's cameras. */
export const noticesAnswer = z.strictObject({
  notices: z
    .array(
      z.strictObject({
        kind: z.enum([
          'reset',
          'held',
          'cloned',
          'serial',
          'rival',
          'blocked',
          'unblocked',
          'makerBlocked',
          'makerUnblocked',
          'incident',
        ]),
        deviceId: id,
        at: time,
        /** `reset`: from then on another home may pair it. */
        freeAt: time.nullable(),
        /** `serial`: the one in dispute. */
        serial: text(32).nullable(),
        /** `makerBlocked`, `makerUnblocked`: as the maker gave it. */
        reason: text(200).nullable(),
      }),
    )
    .max(1000),
})

export type Notice = z.infer<typeof noticesAnswer>['notices'][number]

/** PROTOCOL 11.3. A household's own reports with what became of them, and the newest words on incidents that concern it. */
export const reportsAnswer = z.strictObject({
  /** The newest ones, newest first. */
  reports: z.array(z.strictObject({ report: jws, receipt: jws, answer: jws })).max(100),
  /** So many older ones are not listed. */
  earlier: count,
  incidents: z.array(jws).max(1000),
  /** The hub key's certificate, DER in base64. */
  hub: z.base64().max(8192),
})

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

export type Enrolment = z.infer<typeof enrolmentKind.schema>

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
