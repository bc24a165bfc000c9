import type { KeyObject } from 'node:crypto'
import { join, resolve } from 'node:path'
import { OwnlensError } from '../../protocol/errors.ts'
import { makePrivateKey, publicKeyOf } from '../../protocol/keys.ts'
import { type MakerRoot, readMakerRoot } from '../../protocol/maker-chain.ts'
import { type Disk, readSettled, readText, replaceFile } from '../../storage/disk.ts'
import { lockKey, unlockKey } from '../../storage/locked-key.ts'
import { type Authority, certifyRoot } from './certificates.ts'

/**
 * The maker's root: `root.age` (its key under a passphrase), `root.pem` (its certificate, for hubs and stations), `number` (of
 * its newest word about a serial). Needed to certify stations and to settle serials, and otherwise kept in a safe.
 */
export class RootFolder {
  readonly #disk: Disk
  readonly folder: string

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.folder = resolve(folder)
  }

  /**
   * Makes the root. Until its certificate is there nobody can have trusted it: an interrupted `init` begins anew.
   *
   * @throws OwnlensError `factory.exists`.
   */
  async create(options: {
    name: string
    passphrase: string
    now: Date
    workFactor?: number
  }): Promise<MakerRoot> {
    const { name, passphrase, now, workFactor } = options
    if ((await this.#disk.read(this.certificatePath)) !== undefined)
      throw new OwnlensError('factory.exists', this.folder)
    const key = makePrivateKey()
    const pem = (await certifyRoot(key, name, now)).toString('pem')
    const root = await readMakerRoot(pem, now)
    await this.#disk.makeFolder(this.folder)
    await replaceFile(this.#disk, this.#keyPath, await lockKey(key, passphrase, workFactor))
    await replaceFile(this.#disk, this.certificatePath, pem, 0o644)
    return root
  }

  /** The root's certificate. Throws `factory.absent`, `station.root`. */
  async certificate(now: Date): Promise<MakerRoot> {
    const pem = await readText(this.#disk, this.certificatePath)
    if (pem === undefined) throw new OwnlensError('factory.absent', this.folder)
    return readMakerRoot(pem, now)
  }

  /** The root with its key, for this one use. Throws `factory.absent`, `factory.damaged`, `home.passphrase`. */
  async unlock(passphrase: string, now: Date): Promise<Authority> {
    const { id, certificate } = await this.certificate(now)
    const locked = await this.#disk.read(this.#keyPath)
    if (locked === undefined) throw new OwnlensError('factory.absent', this.#keyPath)
    const key: KeyObject = await unlockKey(locked, passphrase)
    if (publicKeyOf(key).id !== id) throw new OwnlensError('factory.damaged', this.#keyPath)
    return { certificate, key }
  }

  /**
   * The next number of a word about a serial, on the disk before it is used.
   *
   * @param wanted where the folder was restored from an old backup: the number to go on with.
   * @throws OwnlensError `factory.damaged`.
   */
  async nextNumber(wanted?: number): Promise<number> {
    const path = join(this.folder, 'number')
    const text = (await readSettled(this.#disk, path))?.trim() ?? '0'
    if (!/^\d{1,15}$/.test(text)) throw new OwnlensError('factory.damaged', path)
    const next = Math.max(Number(text) + 1, wanted ?? 0)
    await replaceFile(this.#disk, path, `${next}\n`)
    return next
  }

  get certificatePath(): string {
    return join(this.folder, 'root.pem')
  }

  get #keyPath(): string {
    return join(this.folder, 'root.age')
  }
}
