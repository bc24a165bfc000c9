import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { join } from 'node:path'
import { X509Certificate } from '@peculiar/x509'
import { OwnlensError } from '../../protocol/errors.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import { type Certified, keysFromPem, keyToPem, makeAuthority } from './certificates.ts'

/** The CAs of a hub in its folder `ca`, the current one first. The one before stays until it is retired. */
export interface CaFiles {
  readonly current: Certified
  readonly old: Certified | undefined
}

/**
 * What the operator wants done about the CA before the hub starts. `new`: another CA from now on; nothing when a roll-over is
 * under way. `retire-old`: its key is destroyed; who pins it finds the hub no more.
 */
export type CaChange = 'new' | 'retire-old'

const KEY_FILE = /^ca(?:-(\d{1,6}))?\.key\.pem$/

/**
 * The CA is made at the first start. Each roll-over makes the next generation (`ca-2`, `ca-3` …); there are two at the most.
 *
 * @throws OwnlensError `hub.damaged`.
 */
export async function openCas(
  disk: Disk,
  folder: string,
  now: Date,
  change: CaChange | undefined,
): Promise<CaFiles> {
  const made = (keys?: webcrypto.CryptoKeyPair) => makeAuthority(now, keys)
  const numbers = await generations(disk, folder)
  if (change === 'retire-old') {
    for (const number of numbers.splice(1)) await retire(disk, at(folder, number))
    // Also when nothing was there: a process that died may have removed it, and a power cut would bring it back.
    await disk.syncFolder(folder)
  }
  const [newest, before] = numbers
  if (newest === undefined) return { current: await kept(disk, at(folder, 1), made), old: undefined }
  if (change !== 'new' || before !== undefined)
    return {
      current: await kept(disk, at(folder, newest), made),
      old: before === undefined ? undefined : await kept(disk, at(folder, before), made),
    }
  const old = await kept(disk, at(folder, newest), made)
  return { current: await kept(disk, at(folder, newest + 1), made), old }
}

/** A key is what makes a generation; newest first. */
async function generations(disk: Disk, folder: string): Promise<number[]> {
  const names = await disk.list(folder)
  return names
    .flatMap(name => {
      const found = KEY_FILE.exec(name)
      return found === null ? [] : Number(found[1] ?? 1)
    })
    .sort((a, b) => b - a)
}

const at = (folder: string, generation: number): string =>
  join(folder, generation === 1 ? 'ca' : `ca-${generation}`)

/** The certificate first: a key without one is a CA still, a certificate without its key would be damage. */
async function retire(disk: Disk, path: string): Promise<void> {
  for (const name of [`${path}.pem`, `${path}.key.pem`]) await disk.remove(name)
}

/**
 * A key and certificate as they were made at the first start. A certificate that is missing, or that does not stand the
 * check, is made anew for the key that is there: ids are hashes of keys, so all pins hold.
 *
 * @param stands whether the certificate that is there still serves.
 */
export async function kept(
  disk: Disk,
  path: string,
  make: (keys?: webcrypto.CryptoKeyPair) => Promise<Certified>,
  stands: (certificate: X509Certificate) => Promise<boolean> = async () => true,
): Promise<Certified> {
  const [certificate, key] = [await readText(disk, `${path}.pem`), await readText(disk, `${path}.key.pem`)]
  if (key === undefined) {
    if (certificate !== undefined) throw new OwnlensError('hub.damaged', `${path}.key.pem`)
    const made = await make()
    await replaceFile(disk, `${path}.key.pem`, await keyToPem(made.privateKey))
    await replaceFile(disk, `${path}.pem`, made.certificate.toString('pem'))
    return made
  }
  try {
    const keys = await keysFromPem(key)
    const there = certificate === undefined ? undefined : new X509Certificate(certificate)
    if (there !== undefined && (await stands(there)))
      return { certificate: there, privateKey: keys.privateKey }
    const made = await make(keys)
    await replaceFile(disk, `${path}.pem`, made.certificate.toString('pem'))
    return made
  } catch (cause) {
    throw new OwnlensError('hub.damaged', path, { cause })
  }
}
