import { join } from 'node:path'
import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import {
  makePrivateKey,
  privateKeyFromPem,
  privateKeyToPem,
  type Signer,
  signerOf,
} from '../protocol/keys.ts'
import { type Disk, readText, replaceFile } from '../storage/disk.ts'
import type { KeyStore } from './hardware.ts'

const identitiesSchema = z.strictObject({
  x25519: z.string().startsWith('AGE-SECRET-KEY-1'),
  hybrid: z.string().startsWith('AGE-SECRET-KEY-PQ-1'),
})

/**
 * The device's keys as files that only their owner may read: `device-key.pem` (PKCS#8) and `device-age.json`. A damaged
 * file is never replaced: a new key would be a new device.
 */
export function fileKeyStore(disk: Disk, data: string): KeyStore {
  const keyPath = join(data, 'device-key.pem')
  const agePath = join(data, 'device-age.json')
  let signer: Promise<Signer> | undefined
  let identities: Promise<z.infer<typeof identitiesSchema>> | undefined
  return {
    signer() {
      signer ??= kept(
        disk,
        keyPath,
        () => Promise.resolve(privateKeyToPem(makePrivateKey())),
        pem => signerOf(privateKeyFromPem(pem)),
      )
      return signer
    },
    ageIdentities() {
      const make = async () =>
        JSON.stringify({ x25519: await generateX25519Identity(), hybrid: await generateHybridIdentity() })
      identities ??= kept(disk, agePath, make, readIdentities)
      return identities
    },
  }
}

async function readIdentities(text: string): Promise<z.infer<typeof identitiesSchema>> {
  const identities = identitiesSchema.parse(JSON.parse(text))
  // Their checksums are looked at only here.
  for (const identity of Object.values(identities)) await identityToRecipient(identity)
  return identities
}

async function kept<T>(
  disk: Disk,
  path: string,
  make: () => Promise<string>,
  read: (text: string) => T | Promise<T>,
): Promise<T> {
  let text = await readText(disk, path).catch(cause => {
    throw new OwnlensError('keystore.locked', path, { cause })
  })
  if (text === undefined) {
    text = await make()
    await replaceFile(disk, path, text)
  }
  try {
    return await read(text)
  } catch (cause) {
    throw new OwnlensError('keystore.damaged', path, { cause })
  }
}
