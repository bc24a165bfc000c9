import { join } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { hubUrl, id, suite } from '../protocol/fields.ts'
import { decrypterOf, sealBytes } from '../protocol/sealed.ts'
import { type Disk, listFiles, readText, replaceFile } from '../storage/disk.ts'

const householdSchema = z.strictObject({
  householdId: id,
  firstRootId: id,
  firstSuccessorId: id,
  /** First to current. */
  roots: z.array(id).min(1),
  minimumSuite: suite,
  hub: z.strictObject({ url: hubUrl, caId: id }),
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

/**
 * The files of one household's app: `household.json`, `member.json` (readable by its owner alone), `root.age` (under a
 * passphrase, only where the root is kept), `rosters/`, `claims/`, `ledger.json`, and `names.age`: names are sealed to the
 * member even here.
 */
export class HomeData {
  readonly disk: Disk
  readonly folder: string

  constructor(disk: Disk, folder: string) {
    this.disk = disk
    this.folder = folder
  }

  async household(): Promise<HouseholdFile | undefined> {
    return this.#json('household.json', householdSchema)
  }

  async member(): Promise<MemberFile | undefined> {
    return this.#json('member.json', memberSchema)
  }

  async put(
    name: 'household.json' | 'member.json' | 'root.age',
    content: string | Uint8Array,
  ): Promise<void> {
    await this.disk.makeFolder(this.folder)
    await replaceFile(this.disk, join(this.folder, name), content)
  }

  async rootFile(): Promise<Uint8Array | undefined> {
    return this.disk.read(join(this.folder, 'root.age'))
  }

  /** All rosters, oldest first. */
  async rosters(): Promise<readonly string[]> {
    return this.#all('rosters')
  }

  async putRoster(number: number, jws: string): Promise<void> {
    await this.#putIn('rosters', `${String(number).padStart(9, '0')}.jws`, jws)
  }

  async claims(): Promise<readonly string[]> {
    return this.#all('claims')
  }

  async putClaim(deviceId: string, epoch: number, jws: string): Promise<void> {
    await this.#putIn('claims', `${deviceId}-${String(epoch).padStart(10, '0')}.jws`, jws)
  }

  async names(identities: readonly string[]): Promise<Names> {
    const sealed = await this.disk.read(join(this.folder, 'names.age'))
    if (sealed === undefined) return { home: 'Home', members: {}, cameras: {} }
    return namesSchema.parse(JSON.parse(await decrypterOf(identities).decrypt(sealed, 'text')))
  }

  async putNames(names: Names, recipient: string): Promise<void> {
    const sealed = await sealBytes(Buffer.from(JSON.stringify(names)), [recipient])
    await replaceFile(this.disk, join(this.folder, 'names.age'), sealed)
  }

  /** Takes away what an `init` that failed has left. */
  async clear(): Promise<void> {
    for (const name of ['root.age', 'member.json', 'names.age', 'rosters'])
      await this.disk.remove(join(this.folder, name))
  }

  async #putIn(folder: string, name: string, content: string): Promise<void> {
    await this.disk.makeFolder(join(this.folder, folder))
    await replaceFile(this.disk, join(this.folder, folder, name), content)
  }

  async #all(folder: string): Promise<readonly string[]> {
    const files = (await listFiles(this.disk, join(this.folder, folder))).filter(name =>
      name.endsWith('.jws'),
    )
    const texts = await Promise.all(files.map(name => readText(this.disk, this.folder, folder, name)))
    return texts.filter(text => text !== undefined)
  }

  async #json<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const text = await readText(this.disk, this.folder, name)
    if (text === undefined) return undefined
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      throw new OwnlensError('home.damaged', join(this.folder, name), { cause })
    }
  }
}
