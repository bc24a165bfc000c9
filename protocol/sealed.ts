import { Decrypter, Encrypter } from 'age-encryption'
import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { count, epoch, id, nonce } from './fields.ts'
import type { Signer } from './keys.ts'
import { makeStatement, readStatement, type Statement, type StatementKind } from './statement.ts'

/** What every sealed statement says about itself (PROTOCOL 6.9): age hides, it does not say who wrote. */
export const envelope = {
  audience: z.enum(['household', 'device']),
  householdId: id,
  deviceId: id,
  epoch,
  /** The roster whose members it was sealed to. */
  roster: count.min(1),
  /** Grows with every statement of this kind: within `boot`, or for clips the sequence, for ever. */
  counter: count.min(1),
}

/** As `envelope`, for what is not a clip: the counter starts anew with every start of the sender. */
export const bootEnvelope = { ...envelope, boot: nonce }

/** Sealed statements are padded with spaces to the next of these sizes, so that a length tells little. */
const BUCKETS = [2, 4, 8, 16, 32, 64, 96].map(kib => kib * 1024)
const MAX_SEALED = 128 * 1024

/** Seals bytes to age recipients of one suite. Throws `seal.recipients` when they are none, or mixed. */
export async function sealBytes(bytes: Uint8Array, recipients: readonly string[]): Promise<Uint8Array> {
  return encrypterTo(recipients).encrypt(bytes)
}

/**
 * An encrypter for these recipients. age-encryption mixes suites without a word, which forfeits post-quantum secrecy;
 * here that is refused.
 */
export function encrypterTo(recipients: readonly string[]): Encrypter {
  const hybrid = recipients.filter(recipient => recipient.startsWith('age1pq1')).length
  if (recipients.length === 0 || (hybrid !== 0 && hybrid !== recipients.length))
    throw new OwnlensError('seal.recipients')
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter
}

/** A decrypter with these age identities. */
export function decrypterOf(identities: readonly string[]): Decrypter {
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  return decrypter
}

/** Signs a statement, pads it to a bucket and seals it. */
export async function sealStatement<T>(
  kind: StatementKind<T>,
  payload: T,
  signer: Signer,
  recipients: readonly string[],
): Promise<Uint8Array> {
  return sealJws(await makeStatement(kind, payload, signer), recipients)
}

/** Pads a statement that is signed already and seals it. Throws `statement.size`. */
export async function sealJws(jws: string, recipients: readonly string[]): Promise<Uint8Array> {
  const size = BUCKETS.find(bucket => jws.length <= bucket)
  if (size === undefined) throw new OwnlensError('statement.size')
  return sealBytes(new TextEncoder().encode(jws.padEnd(size, ' ')), recipients)
}

/**
 * Opens a sealed statement and checks it.
 *
 * @param signedBy id of the key that must have signed it.
 * @throws OwnlensError `seal.closed` (none of the identities opens it), `seal.damaged`, and what `readStatement` throws.
 */
export async function openStatement<T>(
  kind: StatementKind<T>,
  sealed: Uint8Array,
  identities: readonly string[],
  signedBy: string,
): Promise<Statement<T>> {
  if (sealed.length > MAX_SEALED) throw new OwnlensError('statement.size', kind.typ)
  const bytes = await openBytes(sealed, identities)
  let end = bytes.length
  while (bytes[end - 1] === 0x20) end--
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, end))
  return readStatement(kind, text, signedBy)
}

/** Opens an age file that is in memory. Throws `seal.closed` or `seal.damaged`. */
export async function openBytes(sealed: Uint8Array, identities: readonly string[]): Promise<Uint8Array> {
  try {
    return await decrypterOf(identities).decrypt(sealed)
  } catch (cause) {
    throw sealError(cause)
  }
}

/** Which of the two an age failure is: no key fits, or the file is not whole. */
export function sealError(cause: unknown): OwnlensError {
  const text = cause instanceof Error ? cause.message : ''
  const closed = text.includes('no identity matched')
  return new OwnlensError(closed ? 'seal.closed' : 'seal.damaged', undefined, { cause })
}
