import type { KeyObject } from 'node:crypto'
import { Decrypter, Encrypter } from 'age-encryption'
import { OwnlensError } from '../protocol/errors.ts'
import { privateKeyFromPem, privateKeyToPem } from '../protocol/keys.ts'

/**
 * A root's private key as the bytes of a file: PKCS#8 PEM in an age file under a passphrase.
 *
 * @param workFactor scrypt's base-2 logarithm; tests and the demo take a small one.
 */
export async function lockKey(key: KeyObject, passphrase: string, workFactor?: number): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  if (workFactor !== undefined) encrypter.setScryptWorkFactor(workFactor)
  return encrypter.encrypt(privateKeyToPem(key))
}

/** Opens what `lockKey` made. Throws `home.passphrase`. */
export async function unlockKey(locked: Uint8Array, passphrase: string): Promise<KeyObject> {
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase)
  try {
    return privateKeyFromPem(await decrypter.decrypt(locked, 'text'))
  } catch (cause) {
    throw new OwnlensError('home.passphrase', undefined, { cause })
  }
}
