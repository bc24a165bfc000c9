import { join } from 'node:path'
import { X509Certificate } from '@peculiar/x509'
import { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import { id, text } from '../../protocol/fields.ts'
import { ID_PATTERN } from '../../protocol/ids.ts'
import { type MakerRoot, readStation } from '../../protocol/maker-chain.ts'
import type { MakerKeyKind } from '../../protocol/maker-keys.ts'
import { type Disk, readSettled, readText, replaceFile } from '../../storage/disk.ts'
import { SignerFolder } from './signer.ts'

const entry = z.strictObject({ kind: z.enum(['station', 'signer']), keyId: id, name: text(64).min(1) })

/** A station's or a signer's key as the maker's root speaks of it. */
export interface MakerKey {
  readonly kind: MakerKeyKind
  readonly keyId: string
  readonly name: string
}

/**
 * What the maker's root has announced: `keys.json` in its folder. Who was robbed of a station has its folder no more, and finds
 * its id here.
 */
export class KeyBook {
  readonly #disk: Disk
  readonly #path: string

  constructor(disk: Disk, rootFolder: string) {
    this.#disk = disk
    this.#path = join(rootFolder, 'keys.json')
  }

  /** Writes a key down before anybody is told of it. */
  async enter(key: MakerKey): Promise<void> {
    const others = (await this.#all()).filter(({ keyId }) => keyId !== key.keyId)
    await replaceFile(this.#disk, this.#path, `${JSON.stringify([...others, key], null, 1)}\n`)
  }

  /**
   * The key that a person means: by its id, or by the name of exactly one.
   *
   * @param office for an id that was never written down here.
   * @throws OwnlensError `factory.key`, `factory.damaged`.
   */
  async find(wanted: string, office?: MakerKeyKind): Promise<MakerKey> {
    const [found, ...more] = (await this.#all()).filter(
      ({ keyId, name }) => keyId === wanted || name === wanted,
    )
    if (found !== undefined && more.length === 0) return found
    if (found === undefined && office !== undefined && ID_PATTERN.test(wanted))
      return { kind: office, keyId: wanted, name: wanted.slice(0, 8) }
    const told = more.length > 0 ? `${more.length + 1} keys are called so` : wanted
    throw new OwnlensError('factory.key', told)
  }

  async #all(): Promise<readonly MakerKey[]> {
    const written = await readSettled(this.#disk, this.#path)
    try {
      return written === undefined ? [] : entry.array().parse(JSON.parse(written))
    } catch (cause) {
      throw new OwnlensError('factory.damaged', this.#path, { cause })
    }
  }
}

/**
 * The key whose public files are in this folder: a signer's `signer.json`, or a station's `station.pem`.
 *
 * @returns undefined where there is neither.
 * @throws OwnlensError `factory.damaged`; `station.unknown` for a station that another root has certified.
 */
export async function keyInFolder(
  disk: Disk,
  folder: string,
  { root, now }: { root: MakerRoot; now: Date },
): Promise<MakerKey | undefined> {
  const signer = await new SignerFolder(disk, folder).card()
  if (signer !== undefined) return { kind: 'signer', ...signer }
  const pem = await readText(disk, folder, 'station.pem')
  if (pem === undefined) return undefined
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch (cause) {
    throw new OwnlensError('factory.damaged', join(folder, 'station.pem'), { cause })
  }
  const keyId = await readStation([Buffer.from(certificate.rawData).toString('base64')], root, now)
  const name = certificate.subjectName.getField('CN')[0]
  return { kind: 'station', keyId, name: text(64).min(1).catch(keyId.slice(0, 8)).parse(name) }
}
