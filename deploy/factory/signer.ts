import { join, resolve } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import { id, text } from '../../protocol/fields.ts'
import { makePrivateKey, publicKeyOf, type Signer, signerOf } from '../../protocol/keys.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import { lockKey, unlockKey } from '../../storage/locked-key.ts'

const card = z.strictObject({ name: text(64).min(1), keyId: id })

/** What may be told of a signer: its name and the id of its key. */
export type SignerCard = z.infer<typeof card>

/**
 * Somebody who may order that cameras are blocked: `signer.age` (the key under a passphrase) and `signer.json` (its name and
 * id, which is all that the machine with the maker's root needs).
 */
export class SignerFolder {
  readonly folder: string
  readonly #disk: Disk

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.folder = resolve(folder)
  }

  /**
   * Makes the key. Until its card is there nobody was told of it: an interrupted command begins anew.
   *
   * @throws OwnlensError `factory.signer_exists`.
   */
  async create(options: { name: string; passphrase: string; workFactor?: number }): Promise<SignerCard> {
    const { name, passphrase, workFactor } = options
    if ((await this.#disk.read(this.#cardPath)) !== undefined)
      throw new OwnlensError('factory.signer_exists', this.folder)
    const key = makePrivateKey()
    const made = { name, keyId: publicKeyOf(key).id }
    await this.#disk.makeFolder(this.folder)
    await replaceFile(this.#disk, this.#keyPath, await lockKey(key, passphrase, workFactor))
    await replaceFile(this.#disk, this.#cardPath, `${JSON.stringify(made)}\n`, 0o644)
    return made
  }

  /** Undefined where there is none. Throws `factory.damaged`. */
  async card(): Promise<SignerCard | undefined> {
    const written = await readText(this.#disk, this.#cardPath)
    if (written === undefined) return undefined
    try {
      return card.parse(JSON.parse(written))
    } catch (cause) {
      throw new OwnlensError('factory.damaged', this.#cardPath, { cause })
    }
  }

  /** For this one use. Throws `factory.signer`, `factory.damaged`, `home.passphrase`. */
  async unlock(passphrase: string): Promise<Signer> {
    const made = await this.card()
    const locked = await this.#disk.read(this.#keyPath)
    if (made === undefined || locked === undefined) throw new OwnlensError('factory.signer', this.folder)
    const signer = signerOf(await unlockKey(locked, passphrase))
    if (signer.id !== made.keyId) throw new OwnlensError('factory.damaged', this.#keyPath)
    return signer
  }

  get #cardPath(): string {
    return join(this.folder, 'signer.json')
  }

  get #keyPath(): string {
    return join(this.folder, 'signer.age')
  }
}
