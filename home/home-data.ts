import { join } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { count, hubUrl, id, jws } from '../protocol/fields.ts'
import { decrypterOf, sealBytes } from '../protocol/sealed.ts'
import { type Disk, listFiles, readSettled, readText, replaceFile } from '../storage/disk.ts'

/** What an app has taken of its household, all of it at once: a power cut leaves the old state or the new one. */
const householdSchema = z.strictObject({
  householdId: id,
  firstRootId: id,
  firstSuccessorId: id,
  /** All of them, oldest first. */
  successions: z.array(jws).max(64),
  /** The newest one. */
  roster: jws,
  /** Where to go, and where else the household is served. */
  hubs: z
    .array(z.strictObject({ url: hubUrl, caId: id }))
    .min(1)
    .max(4),
  /** The newest move that was taken: the generation of the root that signed it, and its number. Null before any. */
  move: z.strictObject({ generation: count, number: count }).nullable(),
})
export type HouseholdFile = z.infer<typeof householdSchema>

const memberSchema = z.strictObject({
  /** PKCS#8 PEM. */
  key: z.string(),
  x25519: z.string(),
  hybrid: z.string().nullable(),
})
export type MemberFile = z.infer<typeof memberSchema>

const namesSchema = z.strictObject({
  home: z.string().max(64),
  members: z.record(z.string(), z.string().max(64)),
  cameras: z.record(z.string(), z.string().max(64)),
})
export type Names = z.infer<typeof namesSchema>

/** A pairing that is under way: what its mailbox gave, and what the camera shall be called. */
const pairingSchema = z.strictObject({ mailbox: id, half: jws, name: z.string().max(64).nullable() })

/** A recovery that is under way: what the successor has signed, and the roster of the new root. */
const recoverySchema = z.strictObject({ household: householdSchema, dropped: z.array(id) })
export type RecoveryFile = z.infer<typeof recoverySchema>

/** Files of one JSON document each. */
const SCHEMAS = {
  'household.json': householdSchema,
  'member.json': memberSchema,
  'pairing.json': pairingSchema,
  'recovery.json': recoverySchema,
} as const
type Schemas = typeof SCHEMAS

/** Folders of statements that only become more. `rosters` tell who could open what was sealed to them. */
export type Archive = 'rosters' | 'claims' | 'orders'

/**
 * The files of one household's app: `household.json`, `member.json` (readable by its owner alone), `root.age` (under a
 * passphrase, only where the root is kept), `rosters/`, `claims/`, `orders/` (releases and blocks of this app), `ledger.json`,
 * `pairing.json` and `recovery.json` while one is under way, and `names.age`: names are sealed to the member even here.
 */
export class HomeData {
  readonly disk: Disk
  readonly folder: string

  constructor(disk: Disk, folder: string) {
    this.disk = disk
    this.folder = folder
  }

  /** A file's content; undefined when there is none. Throws `home.damaged`. */
  async get<N extends keyof Schemas>(name: N): Promise<z.infer<Schemas[N]> | undefined> {
    const text = await readSettled(this.disk, this.folder, name)
    if (text === undefined) return undefined
    return this.#checked(name, () => SCHEMAS[name].parse(JSON.parse(text)) as z.infer<Schemas[N]>)
  }

  async put<N extends keyof Schemas>(name: N, content: z.infer<Schemas[N]>): Promise<void> {
    await this.#write(name, JSON.stringify(content))
  }

  /** It stays away, whenever the power goes. */
  async remove(name: keyof Schemas): Promise<void> {
    await this.disk.remove(join(this.folder, name))
    await this.disk.syncFolder(this.folder)
  }

  async rootFile(): Promise<Uint8Array | undefined> {
    return this.disk.read(join(this.folder, 'root.age'))
  }

  async putRoot(sealed: Uint8Array): Promise<void> {
    await this.#write('root.age', sealed)
  }

  /** Every statement of an archive, in the order of their names. */
  async archived(archive: Archive): Promise<readonly string[]> {
    const names = await listFiles(this.disk, join(this.folder, archive))
    const files = names.filter(name => name.endsWith('.jws'))
    const texts = await Promise.all(files.map(name => readText(this.disk, this.folder, archive, name)))
    return texts.filter(text => text !== undefined)
  }

  async archive(archive: Archive, name: string, jws: string): Promise<void> {
    await this.disk.makeFolder(join(this.folder, archive))
    await replaceFile(this.disk, join(this.folder, archive, `${name}.jws`), jws)
  }

  /** Throws `home.damaged`, for example where the member's keys are others than the names were sealed to. */
  async names(identities: readonly string[]): Promise<Names> {
    const sealed = await this.disk.read(join(this.folder, 'names.age'))
    if (sealed === undefined) return { home: 'Home', members: {}, cameras: {} }
    return this.#checked('names.age', async () =>
      namesSchema.parse(JSON.parse(await decrypterOf(identities).decrypt(sealed, 'text'))),
    )
  }

  async putNames(names: Names, recipient: string): Promise<void> {
    await this.#write('names.age', await sealBytes(Buffer.from(JSON.stringify(names)), [recipient]))
  }

  /** Takes away what an `init` that failed has left. */
  async clear(): Promise<void> {
    for (const name of ['root.age', 'member.json', 'names.age', 'rosters'])
      await this.disk.remove(join(this.folder, name))
  }

  async #write(name: string, content: string | Uint8Array): Promise<void> {
    await this.disk.makeFolder(this.folder)
    await replaceFile(this.disk, join(this.folder, name), content)
  }

  async #checked<T>(name: string, read: () => T | Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (cause) {
      throw new OwnlensError('home.damaged', join(this.folder, name), { cause })
    }
  }
}

/** How a claim's file is called. */
export function claimName({ deviceId, epoch }: { deviceId: string; epoch: number }): string {
  return `${deviceId}-${String(epoch).padStart(10, '0')}`
}

/** How a roster's file is called: a new root owes the old one's numbers nothing. */
export function rosterName({ generation, number }: { generation: number; number: number }): string {
  return `${String(generation).padStart(2, '0')}-${String(number).padStart(16, '0')}`
}
