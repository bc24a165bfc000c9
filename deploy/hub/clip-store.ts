import { join } from 'node:path'
import type { Logger } from 'pino'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { kindOfPart, type PartCounts, partNames, readPart } from '../../protocol/part.ts'
import { type DeviceAddress, PART_PATTERN, readTopic } from '../../protocol/topics.ts'
import { type Disk, listFiles, replaceFile } from '../../storage/disk.ts'

/** A clip as its household lists it. */
export interface StoredClip {
  readonly epoch: number
  readonly deviceId: string
  readonly clipId: string
  readonly complete: boolean
  readonly parts: readonly string[]
  readonly bytes: number
  readonly receivedAt: string
}

interface Held {
  readonly address: DeviceAddress
  readonly clipId: string
  /** SHA-256 of each part's payload. */
  readonly parts: Map<string, string>
  bytes: number
  counts: PartCounts | undefined
  receivedAt: Date
}

export interface ClipStoreOptions {
  readonly disk: Disk
  /** `DATA/clips`. */
  readonly folder: string
  /** Per household. */
  readonly maxBytes: number
  readonly log: Logger
  /** Whether this household has claimed this device in this epoch, now or before. */
  readonly claimed: (address: DeviceAddress) => Promise<boolean>
}

/**
 * Keeps sealed clips as they came, part by part: `clips/<household>/<epoch>/<device>/<clip>/<part>`. It reads frames, never
 * what is in them. A part is acknowledged when it is on the disk; the same part again is acknowledged again.
 */
export class ClipStore {
  readonly #options: ClipStoreOptions
  readonly #clips = new Map<string, Held>()
  readonly #bytes = new Map<string, number>()
  /** What was refused since start, by code. */
  readonly refused = new Map<string, number>()
  readonly #turns = new Map<string, Promise<void>>()

  private constructor(options: ClipStoreOptions) {
    this.#options = options
  }

  static async open(options: ClipStoreOptions): Promise<ClipStore> {
    const store = new ClipStore(options)
    await options.disk.makeFolder(options.folder)
    await store.#load()
    return store
  }

  /**
   * Takes a message from a clip topic. Never throws.
   *
   * @returns SHA-256 of the payload once it is safe; undefined when it was refused.
   */
  async take(topic: string, message: Uint8Array): Promise<string | undefined> {
    const parsed = readTopic(topic)
    if (parsed?.kind !== 'clip') return undefined
    const key = keyOf(parsed, parsed.clipId)
    // Parts of one clip one after the other, clips beside each other.
    const before = this.#turns.get(key) ?? Promise.resolve()
    const result = before.then(() => this.#keep(parsed, parsed.clipId, parsed.part, message))
    const settled = result.then(
      () => undefined,
      () => undefined,
    )
    this.#turns.set(key, settled)
    try {
      return await result
    } catch (error) {
      const code = codeOf(error) ?? 'unexpected'
      this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
      this.#options.log.warn(
        { code, cause: codeOf(error) ? undefined : (error as Error).message },
        'part refused',
      )
      return undefined
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key)
    }
  }

  async #keep(address: DeviceAddress, clipId: string, name: string, message: Uint8Array): Promise<string> {
    const part = readPart(message)
    if (part.kind !== kindOfPart(name)) throw new OwnlensError('store.part', name)
    const key = keyOf(address, clipId)
    let clip = this.#clips.get(key)
    const standing = clip?.parts.get(name)
    if (standing === part.sha256) return part.sha256
    if (standing !== undefined) throw new OwnlensError('store.conflict', name)
    if (clip === undefined && !(await this.#options.claimed(address))) throw new OwnlensError('store.claim')
    const total = (this.#bytes.get(address.householdId) ?? 0) + message.length
    if (total > this.#options.maxBytes) throw new OwnlensError('store.full')
    const folder = join(this.#options.folder, key)
    if (clip === undefined) {
      clip = { address, clipId, parts: new Map(), bytes: 0, counts: undefined, receivedAt: new Date() }
      await this.#options.disk.makeFolder(folder)
      for (let above = folder; above !== this.#options.folder; ) {
        above = join(above, '..')
        await this.#options.disk.syncFolder(above)
      }
      this.#clips.set(key, clip)
    }
    await replaceFile(this.#options.disk, join(folder, name), message)
    this.#count(clip, name, part.sha256, message.length, part.parts)
    return part.sha256
  }

  #count(clip: Held, name: string, hash: string, bytes: number, counts: PartCounts | undefined): void {
    clip.parts.set(name, hash)
    clip.bytes += bytes
    clip.counts ??= counts
    const { householdId } = clip.address
    this.#bytes.set(householdId, (this.#bytes.get(householdId) ?? 0) + bytes)
  }

  /**
   * The clips of one household, in the order in which they came.
   *
   * @param after `<receivedAt> <clipId>` of the last one seen.
   */
  list(householdId: string, after: string, limit: number): readonly StoredClip[] {
    const clips = [...this.#clips.values()].filter(clip => clip.address.householdId === householdId)
    const listed = clips.map(clip => ({
      epoch: clip.address.epoch,
      deviceId: clip.address.deviceId,
      clipId: clip.clipId,
      complete: isComplete(clip),
      parts: [...clip.parts.keys()],
      bytes: clip.bytes,
      receivedAt: clip.receivedAt.toISOString(),
    }))
    listed.sort((a, b) => (cursorOf(a) < cursorOf(b) ? -1 : 1))
    return listed.filter(clip => cursorOf(clip) > after).slice(0, limit)
  }

  /** A part as it came. Throws `store.absent`. */
  async read(address: DeviceAddress, clipId: string, part: string): Promise<Uint8Array> {
    const known = PART_PATTERN.test(part) && this.#clips.get(keyOf(address, clipId))?.parts.has(part)
    const bytes = known
      ? await this.#options.disk.read(join(this.#options.folder, keyOf(address, clipId), part))
      : undefined
    if (bytes === undefined) throw new OwnlensError('store.absent')
    return bytes
  }

  /** Reads what is on the disk; parts that the disk has spoilt are put aside by being forgotten. */
  async #load(): Promise<void> {
    const { disk, folder } = this.#options
    for (const householdId of await disk.list(folder))
      for (const epoch of await disk.list(join(folder, householdId)))
        for (const deviceId of await disk.list(join(folder, householdId, epoch)))
          for (const clipId of await disk.list(join(folder, householdId, epoch, deviceId))) {
            const address = { householdId, epoch: Number(epoch), deviceId }
            const topic = `ownlens/1/${householdId}/${epoch}/${deviceId}/clip/${clipId}/open`
            if (readTopic(topic) === undefined) continue
            await this.#loadClip(address, clipId, join(folder, householdId, epoch, deviceId, clipId))
          }
  }

  async #loadClip(address: DeviceAddress, clipId: string, folder: string): Promise<void> {
    const clip: Held = {
      address,
      clipId,
      parts: new Map(),
      bytes: 0,
      counts: undefined,
      receivedAt: new Date(0),
    }
    for (const name of await listFiles(this.#options.disk, folder)) {
      const bytes = await this.#options.disk.read(join(folder, name))
      if (bytes === undefined || !PART_PATTERN.test(name)) continue
      try {
        const part = readPart(bytes)
        const written = (await this.#options.disk.info(join(folder, name)))?.writtenAt ?? clip.receivedAt
        if (written < clip.receivedAt) clip.receivedAt = written
        this.#count(clip, name, part.sha256, bytes.length, part.parts)
      } catch (error) {
        this.#options.log.error(
          { code: codeOf(error), part: hex(sha256(name)).slice(0, 8) },
          'stored part is damaged',
        )
      }
    }
    this.#clips.set(keyOf(address, clipId), clip)
  }
}

/** Where a listing goes on after this clip. */
export function cursorOf(clip: { readonly receivedAt: string; readonly clipId: string }): string {
  return `${clip.receivedAt} ${clip.clipId}`
}

function keyOf({ householdId, epoch, deviceId }: DeviceAddress, clipId: string): string {
  return `${householdId}/${epoch}/${deviceId}/${clipId}`
}

function isComplete(clip: Held): boolean {
  return clip.counts !== undefined && partNames(clip.counts).every(name => clip.parts.has(name))
}
