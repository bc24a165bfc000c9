import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { dirname } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import { privateKeyToPem } from '../protocol/keys.ts'
import { type Disk, readSettled, replaceFile } from '../storage/disk.ts'

/** The Ed25519 key of a log or a witness, PKCS#8 PEM; made when there is none. Throws `log.signing_key` when the file holds another. */
export async function openSigningKey(disk: Disk, path: string): Promise<KeyObject> {
  const pem = await readSettled(disk, path)
  if (pem !== undefined) return readSigningKey(pem, path)
  const key = generateKeyPairSync('ed25519').privateKey
  await disk.makeFolder(dirname(path))
  await replaceFile(disk, path, privateKeyToPem(key))
  return key
}

function readSigningKey(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw new OwnlensError('log.signing_key', path, { cause })
  }
  throw new OwnlensError('log.signing_key', path)
}
