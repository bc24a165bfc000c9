import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { CompactSign, exportJWK, type JWK } from 'jose'
import { idOfKey } from './ids.ts'

/** The public half of a P-256 key with its id. */
export interface PublicKey {
  readonly id: string
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

/** Somebody who can sign statements. The key itself may be somewhere else (a TPM, a locked file). */
export interface Signer extends PublicKey {
  /** A compact JWS (RFC 7515, ES256) over `payload`, its header `typ` and the public key as `jwk`. */
  sign(typ: string, payload: Uint8Array): Promise<string>
}

/** The id and SPKI of a P-256 public key (or of the public half of a private one). */
export function publicKeyOf(key: KeyObject): PublicKey {
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' })
  return { id: idOfKey(spki), spki }
}

/** A new P-256 private key. */
export function makePrivateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** PKCS#8 PEM of a private key, and back. */
export function privateKeyToPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Reads a PKCS#8 PEM; throws if it is not a P-256 key. */
export function privateKeyFromPem(pem: string): KeyObject {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('not a P-256 key')
  return key
}

/** A signer for a private key that this process holds. */
export function signerOf(privateKey: KeyObject): Signer {
  const { id, spki } = publicKeyOf(privateKey)
  let jwk: Promise<JWK> | undefined
  return {
    id,
    spki,
    async sign(typ, payload) {
      jwk ??= exportJWK(createPublicKey(privateKey))
      const { kty, crv, x, y } = (await jwk) as { kty: string; crv: string; x: string; y: string }
      return new CompactSign(payload)
        .setProtectedHeader({ alg: 'ES256', typ, jwk: { kty, crv, x, y } })
        .sign(privateKey)
    },
  }
}
