import { createHash } from 'node:crypto'
import { base32nopad } from '@scure/base'

/** Lower-case base32 (RFC 4648 §6, no padding) of a SHA-256: 52 characters. Every id in Ownlens has this form. */
export const ID_PATTERN = /^[a-z2-7]{51}[aq]$/

/** SHA-256 of all parts, one after the other. 32 bytes. */
export function sha256(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Lower-case base32 of any bytes, without padding. */
export function base32(bytes: Uint8Array): string {
  return base32nopad.encode(bytes).toLowerCase()
}

/**
 * The id of a key: base32 of SHA-256 over its SubjectPublicKeyInfo (DER). `deviceId`, `memberId`, a root's fingerprint
 * and a certificate authority's fingerprint are all made in this way.
 */
export function idOfKey(spki: Uint8Array): string {
  return base32(sha256(spki))
}

/**
 * The id of a household: the hash of its first root key and of its first successor: only that successor replaces a
 * lost or stolen root. Both arguments are key ids.
 */
export function householdIdOf(firstRootId: string, firstSuccessorId: string): string {
  return base32(sha256(`ownlens household 1\n${firstRootId}\n${firstSuccessorId}\n`))
}

/** A new random id for a clip: 128 bits, 26 characters. */
export const CLIP_ID_PATTERN = /^[a-z2-7]{26}$/

/** Lower-case hexadecimal SHA-256, as manifests and frames write it. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
