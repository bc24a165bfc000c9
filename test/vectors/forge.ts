import { createHmac, type KeyObject, sign } from 'node:crypto'
import { exportJWK } from 'jose'
import type { Signer } from '../../protocol/keys.ts'

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export const encoded = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')

/** The header that a reader expects, with other fields. A field set to undefined is left out. */
export async function headerOf(
  key: KeyObject,
  typ: string,
  changed: object = {},
): Promise<Record<string, unknown>> {
  const { kty, crv, x, y } = await exportJWK(key)
  return { alg: 'ES256', typ, jwk: { kty, crv, x, y }, ...changed }
}

/** A JWS whose header and payload are these texts, letter by letter, truly signed. */
export function signedAs(key: KeyObject, header: string, payload: string): string {
  return signedOver(key, `${encoded(header)}.${encoded(payload)}`)
}

/** A true signature behind any signing input. */
export function signedOver(key: KeyObject, input: string): string {
  return `${input}.${encoded(sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }))}`
}

/** HS256 with bytes that everybody knows as the secret. */
export function hmacSigned(secret: Uint8Array, header: string, payload: string): string {
  const input = `${encoded(header)}.${encoded(payload)}`
  return `${input}.${encoded(createHmac('sha256', secret).update(input).digest())}`
}

/** A statement whose payload is this text, whatever its form. */
export function stated(signer: Signer, typ: string, payload: string): Promise<string> {
  return signer.sign(typ, Buffer.from(payload))
}

/** The other signature that holds for the same statement: anybody can make it. */
export function mirrored(jws: string): string {
  const at = jws.lastIndexOf('.') + 1
  const bytes = Buffer.from(jws.slice(at), 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = Buffer.from((P256_ORDER - s).toString(16).padStart(64, '0'), 'hex')
  return jws.slice(0, at) + encoded(Buffer.concat([bytes.subarray(0, 32), other]))
}

/** The same bytes in base64url, a spare bit of the last character set. Its length must leave spare bits. */
export function stray(part: string): string {
  const at = ALPHABET.indexOf(part.at(-1) ?? '')
  return part.slice(0, -1) + ALPHABET[at + 1]
}

/** One character in the middle exchanged. */
export const flipped = (part: string): string =>
  `${part.slice(0, 9)}${part[9] === 'A' ? 'B' : 'A'}${part.slice(10)}`
