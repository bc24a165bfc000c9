import { join } from 'node:path'
import { z } from 'zod'
import type { Manifest } from '../protocol/clip.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { type Disk, readSettled, replaceFile } from '../storage/disk.ts'

const entrySchema = z.strictObject({
  clipId: z.string(),
  /** SHA-256 of the manifest's statement; null while only its opening is known. */
  manifest: z.string().nullable(),
  previous: z.strictObject({ counter: z.number(), sha256: z.string() }).nullable(),
})
const fileSchema = z.strictObject({
  clips: z.record(z.string(), entrySchema),
  /** `<deviceId>/<epoch>/<kind>/<boot>` → highest counter. */
  messages: z.record(z.string(), z.number()),
})

/** Starts that are remembered for each app, so that an alert of weeks ago does not come again. */
const BOOTS_MAX = 4096

/** Which camera, in which epoch. */
export interface Line {
  readonly deviceId: string
  readonly epoch: number
}

/**
 * What this app has seen: which clip bears which number, and what each manifest said of the one before. One number, two
 * clips is a forgery; the same clip again is normal.
 */
export class Ledger {
  readonly #disk: Disk
  readonly #path: string
  readonly #file: z.infer<typeof fileSchema>
  #saving: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, path: string, file: z.infer<typeof fileSchema>) {
    this.#disk = disk
    this.#path = path
    this.#file = file
  }

  static async open(disk: Disk, folder: string): Promise<Ledger> {
    const path = join(folder, 'ledger.json')
    const text = await readSettled(disk, path)
    try {
      const file = text === undefined ? { clips: {}, messages: {} } : fileSchema.parse(JSON.parse(text))
      return new Ledger(disk, path, file)
    } catch (cause) {
      throw new OwnlensError('home.damaged', path, { cause })
    }
  }

  /**
   * Whether a clip may bear this number. Changes nothing.
   *
   * @throws OwnlensError `clip.counter` (another clip bears it), `clip.chain` (the manifests' chain does not hold).
   */
  check(
    line: Line,
    counter: number,
    clipId: string,
    manifest?: { sha256: string; previous: Manifest['previous'] },
  ): void {
    const held = this.#file.clips[keyOf(line, counter)]
    if (held !== undefined && held.clipId !== clipId) throw new OwnlensError('clip.counter', String(counter))
    if (manifest === undefined) return
    if (held?.manifest && held.manifest !== manifest.sha256)
      throw new OwnlensError('clip.counter', String(counter))
    const { previous } = manifest
    if (previous !== null) {
      const before = this.#file.clips[keyOf(line, previous.counter)]
      if (previous.counter >= counter || (before?.manifest && before.manifest !== previous.sha256))
        throw new OwnlensError('clip.chain', String(counter))
    }
    for (const [key, entry] of Object.entries(this.#file.clips))
      if (key.startsWith(`${line.deviceId}/${line.epoch}/`) && entry.previous?.counter === counter)
        if (entry.previous.sha256 !== manifest.sha256) throw new OwnlensError('clip.chain', String(counter))
  }

  /** Remembers a clip that was checked; on the disk before it returns. */
  async record(
    line: Line,
    counter: number,
    clipId: string,
    manifest?: { sha256: string; previous: Manifest['previous'] },
  ): Promise<void> {
    this.note(line, counter, clipId, manifest)
    await this.#save()
  }

  /** As `record`, until this process ends. */
  note(
    line: Line,
    counter: number,
    clipId: string,
    manifest?: { sha256: string; previous: Manifest['previous'] },
  ): void {
    const key = keyOf(line, counter)
    // A store that keeps the end back now does not make this app forget what it said.
    if (manifest === undefined && this.#file.clips[key] !== undefined) return
    this.#file.clips[key] = {
      clipId,
      manifest: manifest?.sha256 ?? null,
      previous: manifest?.previous ?? null,
    }
  }

  /** One of the same knowledge, to try things on. */
  copy(): Ledger {
    return new Ledger(this.#disk, this.#path, structuredClone(this.#file))
  }

  /** Whether a clip of this number was opened here before, wherever it is now. */
  knows(line: Line, counter: number): boolean {
    return this.#file.clips[keyOf(line, counter)] !== undefined
  }

  opened(line: Line, counter: number, clipId: string): boolean {
    return this.#file.clips[keyOf(line, counter)]?.clipId === clipId
  }

  /** Takes a message's counter. Throws `message.replayed` when it is not higher than the last one. */
  async take(line: Line, kind: string, boot: string, counter: number): Promise<void> {
    const key = `${line.deviceId}/${line.epoch}/${kind}/${boot}`
    if (counter <= (this.#file.messages[key] ?? 0)) throw new OwnlensError('message.replayed')
    this.#file.messages[key] = counter
    const keys = Object.keys(this.#file.messages)
    for (const oldest of keys.slice(0, Math.max(0, keys.length - BOOTS_MAX)))
      delete this.#file.messages[oldest]
    await this.#save()
  }

  #save(): Promise<void> {
    const save = this.#saving.then(() => replaceFile(this.#disk, this.#path, JSON.stringify(this.#file)))
    this.#saving = save.catch(() => undefined)
    return save
  }
}

function keyOf({ deviceId, epoch }: Line, counter: number): string {
  return `${deviceId}/${epoch}/${counter}`
}
