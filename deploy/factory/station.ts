import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { X509Certificate } from '@peculiar/x509'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import {
  makePrivateKey,
  privateKeyFromPem,
  privateKeyToPem,
  publicKeyOf,
  type Signer,
  signerOf,
} from '../../protocol/keys.ts'
import { readMakerRoot, readStation } from '../../protocol/maker-chain.ts'
import { type Disk, listFiles, readText, replaceFile } from '../../storage/disk.ts'
import { type Authority, certifyStation } from './certificates.ts'

/** For so long a board may answer a nonce. */
const NONCE_MS = 24 * 60 * 60_000

/**
 * A station in the factory hall: `station-key.pem` (readable by its user alone: nobody types a passphrase for each board),
 * `station.pem` (its certificate by the maker's root), `root.pem`, and `nonces/`: those that boards have not answered yet.
 */
export class Station {
  readonly folder: string
  readonly authority: Authority
  readonly signer: Signer
  readonly #disk: Disk

  private constructor(disk: Disk, folder: string, authority: Authority) {
    this.#disk = disk
    this.folder = folder
    this.authority = authority
    this.signer = signerOf(authority.key)
  }

  /**
   * Certifies a station: its key is made at the first time and kept, so that the same command renews a certificate that is
   * about to end.
   *
   * @throws OwnlensError `factory.damaged`.
   */
  static async certify(
    disk: Disk,
    folder: string,
    { root, name, now }: { root: Authority; name: string; now: Date },
  ): Promise<Station> {
    await disk.makeFolder(folder)
    const keyPath = join(folder, 'station-key.pem')
    if ((await disk.read(keyPath)) === undefined)
      await replaceFile(disk, keyPath, privateKeyToPem(makePrivateKey()))
    const key = await readKey(disk, keyPath)
    const certificate = await certifyStation(root, publicKeyOf(key).spki, name, now)
    await replaceFile(disk, join(folder, 'root.pem'), root.certificate.toString('pem'), 0o644)
    await replaceFile(disk, join(folder, 'station.pem'), certificate.toString('pem'), 0o644)
    return new Station(disk, folder, { key, certificate })
  }

  /**
   * Opens a station's folder and looks whether its certificate is good now: what it made otherwise would be refused.
   *
   * @throws OwnlensError `factory.station`, `factory.damaged`, `station.root`, `station.unknown`.
   */
  static async open(disk: Disk, folder: string, now: Date): Promise<Station> {
    const text = async (name: string) => {
      const found = await readText(disk, folder, name)
      if (found === undefined) throw new OwnlensError('factory.station', join(folder, name))
      return found
    }
    const pem = await text('station.pem')
    const root = await readMakerRoot(await text('root.pem'), now)
    const keyPath = join(folder, 'station-key.pem')
    await text('station-key.pem')
    const key = await readKey(disk, keyPath)
    let certificate: X509Certificate
    try {
      certificate = new X509Certificate(pem)
    } catch (cause) {
      throw new OwnlensError('factory.damaged', join(folder, 'station.pem'), { cause })
    }
    const station = new Station(disk, folder, { key, certificate })
    if ((await readStation(station.chain, root, now)) !== station.signer.id)
      throw new OwnlensError('factory.damaged', keyPath)
    return station
  }

  /** As requests carry it: DER in base64. */
  get chain(): string[] {
    return [Buffer.from(this.authority.certificate.rawData).toString('base64')]
  }

  /** A nonce for a board that is somewhere else, on the disk before it is told. */
  async giveNonce(now: Date): Promise<string> {
    await this.#forgetNonces(now)
    const nonce = base32(randomBytes(16))
    await this.#disk.makeFolder(this.#nonces)
    await replaceFile(this.#disk, join(this.#nonces, nonce), now.toISOString())
    return nonce
  }

  /** Whether this station gave the nonce and no board has been made with it. */
  async isOpen(nonce: string, now: Date): Promise<boolean> {
    await this.#forgetNonces(now)
    return (await listFiles(this.#disk, this.#nonces)).includes(nonce)
  }

  /** The nonce is good no more. A power cut may bring it back: then the same board may be made again. */
  async spend(nonce: string): Promise<void> {
    await this.#disk.remove(join(this.#nonces, nonce))
  }

  async #forgetNonces(now: Date): Promise<void> {
    for (const name of await listFiles(this.#disk, this.#nonces)) {
      const given = Date.parse((await readText(this.#disk, this.#nonces, name)) ?? '')
      if (!(now.getTime() - given < NONCE_MS)) await this.#disk.remove(join(this.#nonces, name))
    }
  }

  get #nonces(): string {
    return join(this.folder, 'nonces')
  }
}

async function readKey(disk: Disk, path: string): Promise<Authority['key']> {
  try {
    return privateKeyFromPem((await readText(disk, path)) ?? '')
  } catch (cause) {
    throw new OwnlensError('factory.damaged', path, { cause })
  }
}
