import { createECDH, createPrivateKey, hkdfSync, type KeyObject } from 'node:crypto'
import { generateMnemonic, mnemonicToEntropy, validateMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { OwnlensError } from '../protocol/errors.ts'

/** 24 recovery words (BIP 39, 256 bits). */
export function makeRecoveryWords(): string {
  return generateMnemonic(wordlist, 256)
}

/**
 * The successor key behind recovery words: HKDF-SHA-256 over their entropy gives the scalar of a P-256 key (PROTOCOL 3.3).
 *
 * @throws OwnlensError `home.words`.
 */
export function successorKey(words: string): KeyObject {
  const clean = words.trim().toLowerCase().split(/\s+/).join(' ')
  if (clean.split(' ').length !== 24 || !validateMnemonic(clean, wordlist))
    throw new OwnlensError('home.words')
  const entropy = mnemonicToEntropy(clean, wordlist)
  for (let attempt = 0; ; attempt++) {
    const scalar = Buffer.from(
      hkdfSync('sha256', entropy, new Uint8Array(), `ownlens successor 1 ${attempt}`, 32),
    )
    const key = keyOfScalar(scalar)
    if (key !== undefined) return key
  }
}

/** Undefined for the rare 32 bytes that are no scalar of the curve. */
function keyOfScalar(scalar: Buffer): KeyObject | undefined {
  const curve = createECDH('prime256v1')
  try {
    curve.setPrivateKey(scalar)
  } catch {
    return undefined
  }
  const point = curve.getPublicKey()
  const text = (bytes: Buffer) => bytes.toString('base64url')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: text(scalar),
    x: text(point.subarray(1, 33)),
    y: text(point.subarray(33)),
  }
  return createPrivateKey({ key: jwk, format: 'jwk' })
}
