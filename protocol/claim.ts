import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { epoch, hubUrl, id, jws, nonce, type Recipients, recipients, sha256Hex, time } from './fields.ts'
import { readStatement, SMALL_STATEMENT, type StatementKind, statementHash } from './statement.ts'

/** What a camera pinned when a household invited it. */
const invitedBy = z.strictObject({
  householdId: id,
  rootId: id,
  epoch,
  /** The epoch that the registrar named; the device's own is never lower than `epoch - 1`. */
  registrarEpoch: z.int().min(0).max(0xffffffff),
  /** HMAC-SHA-256 over this half's other fields with the invitation's secret (PROTOCOL 4.2). */
  hmac: sha256Hex,
})

/**
 * PROTOCOL 4.2. The device's half of a claim. `invited` is null while nobody has invited it: such a half only introduces
 * the camera and can never become a claim.
 */
export const halfKind = {
  typ: 'ownlens-half/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({ deviceId: id, recipients, nonce, invited: invitedBy.nullable() }),
} satisfies StatementKind<unknown>

/** PROTOCOL 4.3. The root's countersignature: from here on the device is this household's, for this epoch. */
export const claimKind = {
  typ: 'ownlens-claim/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    householdId: id,
    deviceId: id,
    epoch,
    half: jws,
    /** Where the household's hub is, under which certificate authority. */
    hub: z.strictObject({ url: hubUrl, caId: id }),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

export type Half = z.infer<typeof halfKind.schema>

/** A claim both of whose signatures hold and agree. */
export interface Claim {
  readonly jws: string
  readonly sha256: string
  readonly householdId: string
  readonly deviceId: string
  readonly epoch: number
  readonly rootId: string
  /** The epoch that the registrar had named when the camera made its half. */
  readonly registrarEpoch: number
  /** The device's half, whole. */
  readonly half: string
  readonly deviceRecipients: Recipients
  readonly hub: { readonly url: string; readonly caId: string }
}

/**
 * The HMAC of a half: over its fields, one a line, in this order (PROTOCOL 4.2).
 *
 * @param secret 16 bytes of the invitation.
 */
export function halfHmac(
  secret: Uint8Array,
  half: Pick<Half, 'deviceId' | 'nonce'> & { recipients: Recipients },
  invited: { householdId: string; rootId: string; epoch: number; registrarEpoch: number },
): string {
  const lines = [
    'ownlens half 1',
    half.deviceId,
    half.recipients.x25519,
    half.recipients.hybrid ?? '-',
    half.nonce,
    invited.householdId,
    invited.rootId,
    String(invited.epoch),
    String(invited.registrarEpoch),
    '',
  ]
  return createHmac('sha256', secret).update(lines.join('\n')).digest('hex')
}

/** A registrar cannot know so many owners more than the device itself. */
const EPOCH_LEAP = 2 ** 16

/**
 * The epoch of a device's next half: above every one that it or the registrar knows (PROTOCOL 4.2).
 *
 * @param own the newest epoch that the device knows, 0 for none.
 * @throws OwnlensError `claim.leap`: a lying hub would use up a device's epochs, and nobody could pair it again.
 */
export function nextEpoch(own: number, registrarEpoch: number): number {
  const next = Math.max(own, registrarEpoch) + 1
  if (registrarEpoch > own + EPOCH_LEAP || next > 0xffffffff)
    throw new OwnlensError('claim.leap', `${own}, the hub says ${registrarEpoch}`)
  return next
}

/** Reads a half and checks that it was signed by the key that its `deviceId` names. */
export async function readHalf(halfJws: string): Promise<Half> {
  const { signer, payload } = await readStatement(halfKind, halfJws, 'itself')
  if (signer.id !== payload.deviceId) throw new OwnlensError('statement.signer', halfKind.typ)
  return payload
}

/**
 * Checks that a half answers this very invitation.
 *
 * @throws OwnlensError `claim.half` (for another household, or not knowing the secret).
 */
export function checkHalf(
  half: Half,
  invitation: { secret: Uint8Array; householdId: string; rootId: string },
): void {
  const { invited } = half
  if (invited === null) throw new OwnlensError('claim.half', 'the camera has not seen the invitation')
  if (invited.householdId !== invitation.householdId || invited.rootId !== invitation.rootId)
    throw new OwnlensError('claim.half', 'it answers another household')
  const expected = Buffer.from(halfHmac(invitation.secret, half, invited), 'hex')
  if (!timingSafeEqual(expected, Buffer.from(invited.hmac, 'hex')))
    throw new OwnlensError('claim.half', 'it does not know the invitation’s secret')
}

/**
 * Checks a claim whole: the root's signature, then the half inside, then that both say the same (PROTOCOL 4.3).
 *
 * @param rootId the id of the household's current root (or of the root that was current when the claim was made).
 * @throws OwnlensError `claim.household`, `claim.half` and what `readStatement` throws.
 */
export async function readClaim(
  claimJws: string,
  expected: { householdId: string; rootId: string },
): Promise<Claim> {
  const { payload, signer } = await readStatement(claimKind, claimJws, expected.rootId)
  if (payload.householdId !== expected.householdId) throw new OwnlensError('claim.household')
  const half = await readHalf(payload.half)
  if (half.deviceId !== payload.deviceId) throw new OwnlensError('claim.half', 'it is another device’s')
  if (half.invited === null) throw new OwnlensError('claim.half', 'the camera had not seen the invitation')
  if (half.invited.householdId !== payload.householdId || half.invited.rootId !== signer.id)
    throw new OwnlensError('claim.half', 'it answers another household')
  if (half.invited.epoch !== payload.epoch) throw new OwnlensError('claim.half', 'its epoch is another')
  return {
    jws: claimJws,
    sha256: statementHash(claimJws),
    householdId: payload.householdId,
    deviceId: payload.deviceId,
    epoch: payload.epoch,
    rootId: signer.id,
    registrarEpoch: half.invited.registrarEpoch,
    half: payload.half,
    deviceRecipients: half.recipients,
    hub: payload.hub,
  }
}
