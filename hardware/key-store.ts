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
import { type Board, compareBoards, marksSchema, namedBoard, thisBoard } from './board.ts'
import type { AgeIdentities, KeyStore, Settled } from './hardware.ts'
import { finishSettingAside, setAside } from './set-aside.ts'

const KEY = 'device-key.pem'
const AGE = 'device-age.json'
/** Which board the keys belong to, by what it said of itself. */
const BOARD = 'board.json'
/** Keys that take the place of the others; once this is on the disk the others count no more. */
const NEW_KEYS = 'new-keys.json'

const identitiesSchema = z.strictObject({
  x25519: z.string().startsWith('AGE-SECRET-KEY-1'),
  hybrid: z.string().startsWith('AGE-SECRET-KEY-PQ-1'),
})
const boardSchema = z.strictObject({ board: marksSchema })
const newKeysSchema = z.strictObject({ key: z.string(), age: z.string() })

/** The `file` store: keys as files in `DATA`, bound to the board that they lie on. */
export function fileKeyStore(disk: Disk, data: string, board: Board = thisBoard()): KeyStore {
  return new KeyFiles(disk, data, board)
}

/** The `emulated` store: the same files, bound to a board that the caller names. */
export function emulatedKeyStore(disk: Disk, data: string, board: string): KeyStore {
  return new KeyFiles(disk, data, namedBoard(board))
}

/**
 * The key that lies in a folder, for a question about that camera and for nothing else: read as it is, made by nobody, whether
 * or not the camera runs.
 *
 * @returns undefined where there is none.
 * @throws OwnlensError `keystore.locked`, `keystore.damaged`.
 */
export async function readDeviceKey(disk: Disk, data: string): Promise<Signer | undefined> {
  const path = join(data, KEY)
  const pem = await readText(disk, path).catch(cause => {
    throw new OwnlensError('keystore.locked', path, { cause })
  })
  try {
    return pem === undefined ? undefined : signerOf(privateKeyFromPem(pem))
  } catch (cause) {
    throw new OwnlensError('keystore.damaged', path, { cause })
  }
}

/**
 * The device's keys as files that only their owner may read: `device-key.pem` (PKCS#8), `device-age.json`, and `board.json`,
 * which says whose they are. A damaged file is never replaced: a new key would be a new device.
 *
 * | found at a start | then |
 * | --- | --- |
 * | `setting-aside.json` | setting aside goes on to its end: a new board |
 * | no `board.json` | bound to this board: a new folder, or one of an earlier version |
 * | `board.json` of this board | what could be read for the first time is added to it |
 * | `board.json` of another board | all is set aside, new keys are made at first use |
 * | `new-keys.json` | it takes the place of both key files |
 */
class KeyFiles implements KeyStore {
  readonly #disk: Disk
  readonly #data: string
  readonly #board: Board
  #settled: Promise<Settled> | undefined
  #signer: Promise<Signer> | undefined
  #identities: Promise<AgeIdentities> | undefined

  constructor(disk: Disk, data: string, board: Board) {
    this.#disk = disk
    this.#data = data
    this.#board = board
  }

  settle(): Promise<Settled> {
    this.#settled ??= this.#settle()
    return this.#settled
  }

  signer(): Promise<Signer> {
    this.#signer ??= this.#kept(KEY, newKey, pem => signerOf(privateKeyFromPem(pem)))
    return this.#signer
  }

  ageIdentities(): Promise<AgeIdentities> {
    this.#identities ??= this.#kept(AGE, newIdentities, readIdentities)
    return this.#identities
  }

  async replaceKeys(): Promise<void> {
    await this.settle()
    const keys = { key: await newKey(), age: await newIdentities() }
    await replaceFile(this.#disk, join(this.#data, NEW_KEYS), JSON.stringify(keys))
    await this.#takeNewKeys()
    this.#signer = undefined
    this.#identities = undefined
  }

  async #settle(): Promise<Settled> {
    // A key that a killed process left may still be lost to a power cut: not any more, before anybody hears of it.
    await this.#disk.syncFolder(this.#data)
    const interrupted = await finishSettingAside(this.#disk, this.#data)
    const seen = await this.#board()
    let recorded = await this.#recorded()
    const verdict = compareBoards(recorded ?? {}, seen)
    if (verdict === 'unclear') throw new OwnlensError('keystore.board', join(this.#data, BOARD))
    const aside = verdict === 'other' ? await setAside(this.#disk, this.#data) : interrupted
    if (verdict === 'other') recorded = undefined
    const marks = { ...recorded, ...seen }
    if (JSON.stringify(marks) !== JSON.stringify(recorded))
      await replaceFile(this.#disk, join(this.#data, BOARD), JSON.stringify({ board: marks }))
    await this.#takeNewKeys()
    return aside === undefined ? { board: 'same' } : { board: 'new', setAside: aside }
  }

  async #recorded(): Promise<z.infer<typeof marksSchema> | undefined> {
    const text = await this.#read(BOARD)
    if (text === undefined) return undefined
    try {
      return boardSchema.parse(JSON.parse(text)).board
    } catch (cause) {
      throw new OwnlensError('keystore.damaged', join(this.#data, BOARD), { cause })
    }
  }

  async #takeNewKeys(): Promise<void> {
    const text = await this.#read(NEW_KEYS)
    if (text === undefined) return
    const path = (name: string) => join(this.#data, name)
    let keys: z.infer<typeof newKeysSchema>
    try {
      keys = newKeysSchema.parse(JSON.parse(text))
    } catch (cause) {
      throw new OwnlensError('keystore.damaged', path(NEW_KEYS), { cause })
    }
    await replaceFile(this.#disk, path(KEY), keys.key)
    await replaceFile(this.#disk, path(AGE), keys.age)
    await this.#disk.remove(path(NEW_KEYS))
    await this.#disk.syncFolder(this.#data)
  }

  async #kept<T>(
    name: string,
    make: () => Promise<string>,
    read: (text: string) => T | Promise<T>,
  ): Promise<T> {
    // Nobody gets a key of a card that came from another board, whatever is asked first.
    await this.settle()
    let text = await this.#read(name)
    if (text === undefined) {
      text = await make()
      await replaceFile(this.#disk, join(this.#data, name), text)
    }
    try {
      return await read(text)
    } catch (cause) {
      throw new OwnlensError('keystore.damaged', join(this.#data, name), { cause })
    }
  }

  async #read(name: string): Promise<string | undefined> {
    const path = join(this.#data, name)
    return readText(this.#disk, path).catch(cause => {
      throw new OwnlensError('keystore.locked', path, { cause })
    })
  }
}

const newKey = async (): Promise<string> => privateKeyToPem(makePrivateKey())

const newIdentities = async (): Promise<string> =>
  JSON.stringify({ x25519: await generateX25519Identity(), hybrid: await generateHybridIdentity() })

async function readIdentities(text: string): Promise<AgeIdentities> {
  const identities = identitiesSchema.parse(JSON.parse(text))
  // Their checksums are looked at only here.
  for (const identity of Object.values(identities)) await identityToRecipient(identity)
  return identities
}
