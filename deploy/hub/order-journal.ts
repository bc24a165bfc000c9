import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { ErrorCode } from '../../protocol/errors.ts'
import { jws } from '../../protocol/fields.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { type Disk, listFiles, readSettled, removeLeftovers, replaceFile } from '../../storage/disk.ts'

const keptSchema = z.discriminatedUnion('kind', [
  /** `generation`: how many successions came before the root that signed. */
  z.strictObject({ kind: z.literal('block'), generation: z.int().min(0).max(64), block: jws }),
  z.strictObject({ kind: z.literal('release'), release: jws }),
  z.strictObject({ kind: z.literal('makerBlock'), block: jws, second: jws.nullable() }),
  /** What the maker's root says of a key: a station that was revoked does not come back. */
  z.strictObject({ kind: z.enum(['station', 'signer']), word: jws }),
])

/** An order that was checked and taken, signed by who gave it. */
export type KeptOrder = z.infer<typeof keptSchema>

/** Beside the journal: files of it that are no orders, as they were. */
const DAMAGED = '-damaged'

/**
 * Orders beside the database, one file each, written before the database has them: a database that is restored from a backup
 * gets them again when the hub starts (`replay.ts`). A file is written once and never changed. One that is damaged is set aside and
 * told of, and holds up no other.
 */
export class OrderJournal {
  readonly #disk: Disk
  readonly #folder: string
  readonly #log: Logger | undefined

  /** @param folder made when the first order comes. */
  constructor(disk: Disk, folder: string, log?: Logger) {
    this.#disk = disk
    this.#folder = folder
    this.#log = log
  }

  /** On the disk when it returns, whatever else is there. The same once more changes nothing. */
  async keep(order: KeptOrder): Promise<void> {
    await this.#disk.makeFolder(this.#folder)
    await replaceFile(this.#disk, join(this.#folder, nameOf(JSON.stringify(order))), JSON.stringify(order))
  }

  /** All that are whole, in no order. Those that are not are set aside. */
  async all(): Promise<readonly KeptOrder[]> {
    await removeLeftovers(this.#disk, this.#folder)
    const kept: KeptOrder[] = []
    for (const name of await listFiles(this.#disk, this.#folder)) {
      const order = await this.#read(name)
      if (order === undefined) await this.#setAside(name, 'hub.damaged')
      else kept.push(order)
    }
    return kept
  }

  /** Forgets an order that another has taken the place of, whatever the database is taken back to. */
  async forget(order: KeptOrder): Promise<void> {
    await this.#disk.remove(join(this.#folder, nameOf(JSON.stringify(order))))
  }

  /** Sets one aside that is not what it says. */
  async refuse(order: KeptOrder, code: ErrorCode): Promise<void> {
    await this.#setAside(nameOf(JSON.stringify(order)), code)
  }

  /** Forgets all that was set aside: whose it was, nobody can tell. */
  async forgetDamaged(): Promise<void> {
    await this.#disk.remove(this.#folder + DAMAGED)
  }

  /** Undefined for a file that is not whole. */
  async #read(name: string): Promise<KeptOrder | undefined> {
    try {
      const text = await readSettled(this.#disk, this.#folder, name)
      if (text === undefined || nameOf(text) !== name) return undefined
      return keptSchema.safeParse(JSON.parse(text)).data
    } catch (error) {
      // Of the disk, only a place that cannot be read any more.
      if (!(error instanceof SyntaxError) && (error as NodeJS.ErrnoException).code !== 'EIO') throw error
      return undefined
    }
  }

  async #setAside(name: string, code: ErrorCode): Promise<void> {
    const aside = this.#folder + DAMAGED
    await this.#disk.makeFolder(aside)
    await this.#disk.rename(join(this.#folder, name), join(aside, name))
    await this.#disk.syncFolder(aside)
    await this.#disk.syncFolder(dirname(aside))
    this.#log?.error({ code, file: join(aside, name) }, 'an order that was kept is damaged: it is set aside')
  }
}

/** A file is called by what is in it, to the bit. */
const nameOf = (text: string): string => `${hex(sha256(Buffer.from(text)))}.json`
