import { join } from 'node:path'
import type { Logger } from 'pino'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { kindOfPart, type Part, type PartCounts, partNames, readPart } from '../../protocol/part.ts'
import { type DeviceAddress, PART_PATTERN, readTopic } from '../../protocol/topics.ts'
import { type Disk, replaceFile } from '../../storage/disk.ts'
import { loadClips } from './clip-folders.ts'
import { type Held, Shelf } from './clip-shelf.ts'
import { Turns } from './turns.ts'

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

export interface ClipStoreOptions {
  readonly disk: Disk
  /** `DATA/clips`. */
  readonly folder: string
  /** Per household: over it the oldest clip gives way. */
  readonly maxBytes: number
  /** Clips are kept for so long after they came; undefined: until there is no more room. */
  readonly keepMs?: number
  /** Whether a member has had this clip deleted. */
  readonly deleted?: (householdId: string, clipId: string) => boolean
  readonly log: Logger
  /** Whether this device is this household's in this epoch, now. */
  readonly claimed: (address: DeviceAddress) => Promise<boolean>
}

/** A clip lasts at most a minute: so many parts are 512 MiB of it. */
export const PARTS_MAX = 4096
/** So many part names one page of a listing may hold. */
const PAGE_PARTS = 50_000

/**
 * Keeps sealed clips as they came, part by part: `clips/<household>/<epoch>/<device>/<clip>/<part>`. It reads frames, never
 * what is in them. A part is acknowledged when no power cut can take it from the disk; the same part again, once more.
 */
export class ClipStore {
  readonly #options: ClipStoreOptions
  readonly #clips = new Map<string, Held>()
  readonly #shelves = new Map<string, Shelf>()
  readonly #turns = new Turns()
  /** What was refused since start, by code. */
  readonly refused = new Map<string, number>()

  private constructor(options: ClipStoreOptions) {
    this.#options = options
  }

  static async open(options: ClipStoreOptions): Promise<ClipStore> {
    const store = new ClipStore(options)
    await options.disk.makeFolder(options.folder)
    for await (const clip of loadClips(options.disk, options.folder)) store.#put(clip)
    // Deleted, and then the power went; or it came back with a backup.
    for (const clip of [...store.#clips.values()])
      if (options.deleted?.(clip.address.householdId, clip.clipId)) await store.#remove(clip)
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
    const { clipId, part } = parsed
    try {
      // Parts of one clip one after the other, clips beside each other.
      return await this.#turns.take(keyOf(parsed, clipId), () => this.#keep(parsed, clipId, part, message))
    } catch (error) {
      this.refuse(error)
      return undefined
    }
  }

  /** Counts and logs what was not taken. */
  refuse(error: unknown): void {
    const code = codeOf(error) ?? 'unexpected'
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
    const { cause = error } = error as Error
    const detail = code === 'store.disk' || code === 'unexpected' ? (cause as Error).message : undefined
    this.#options.log.warn({ code, cause: detail }, 'part refused')
  }

  async #keep(address: DeviceAddress, clipId: string, name: string, message: Uint8Array): Promise<string> {
    const part = readPart(message)
    if (part.kind !== kindOfPart(name)) throw new OwnlensError('store.part', name)
    if (!(await this.#options.claimed(address))) throw new OwnlensError('store.claim')
    // Its camera is to let go of it, too.
    if (this.#options.deleted?.(address.householdId, clipId)) return part.sha256
    const key = keyOf(address, clipId)
    const clip = this.#clips.get(key) ?? newClip(address, clipId)
    if (clip.parts.has(name)) {
      const standing = await this.#standing(join(this.#options.folder, key, name))
      if (standing === part.sha256) {
        await onDisk(() => this.#settle(clip, key))
        return part.sha256
      }
      if (standing !== undefined) throw new OwnlensError('store.conflict', name)
      // The disk has spoilt the one that stood there: this one takes its place.
    } else if (clip.parts.size >= PARTS_MAX) throw new OwnlensError('store.limit')
    await this.#write(clip, key, name, part, message)
    return part.sha256
  }

  /** The hash of the part on the disk; undefined when it is gone or damaged. */
  async #standing(path: string): Promise<string | undefined> {
    const bytes = await this.#options.disk.read(path)
    try {
      return bytes && readPart(bytes).sha256
    } catch {
      return undefined
    }
  }

  async #write(clip: Held, key: string, name: string, part: Part, message: Uint8Array): Promise<void> {
    const { disk, folder, maxBytes } = this.#options
    const shelf = this.#shelf(clip.address.householdId)
    const before = clip.parts.get(name)
    // Taken beforehand: other clips of this household are written at the same time.
    shelf.count(message.length)
    try {
      await this.#makeRoom(shelf, clip, maxBytes)
      await onDisk(async () => {
        if (clip.parts.size === 0) await disk.makeFolder(join(folder, key))
        clip.settled = false
        await replaceFile(disk, join(folder, key, name), message)
        clip.settled = true
      })
    } catch (error) {
      shelf.giveBack(message.length)
      throw error
    }
    if (before !== undefined) shelf.giveBack(before)
    if (!this.#clips.has(key)) this.#put(clip)
    clip.parts.set(name, message.length)
    clip.counts = part.parts ?? clip.counts
  }

  /** The oldest clips of the household give way, the one that is being written last. Throws `store.full`. */
  async #makeRoom(shelf: Shelf, clip: Held, maxBytes: number): Promise<void> {
    while (shelf.bytes > maxBytes) {
      const oldest = shelf.oldest(clip)
      if (oldest === undefined) throw new OwnlensError('store.full')
      await this.#remove(oldest)
      this.#options.log.info({ clipId: oldest.clipId }, 'the oldest clip has given way')
    }
  }

  /** Removes what is older than the store keeps; returns how many clips. */
  async expire(now: Date): Promise<number> {
    const { keepMs, log } = this.#options
    if (keepMs === undefined) return 0
    const until = new Date(now.getTime() - keepMs).toISOString()
    let gone = 0
    for (const shelf of this.#shelves.values())
      for (let clip = shelf.oldest(); clip !== undefined && clip.receivedAt < until; clip = shelf.oldest()) {
        await this.#inTurn(clip)
        gone++
      }
    if (gone > 0) log.info({ clips: gone }, 'clips have been kept long enough')
    return gone
  }

  /** Removes these clips of a household; returns how many there were. */
  async delete(householdId: string, clipIds: readonly string[]): Promise<number> {
    const wanted = new Set(clipIds)
    const found = [...this.#clips.values()].filter(
      ({ address, clipId }) => address.householdId === householdId && wanted.has(clipId),
    )
    for (const clip of found) await this.#inTurn(clip)
    return found.length
  }

  /** Nothing is written to it meanwhile. */
  #inTurn(clip: Held): Promise<void> {
    return this.#turns.take(keyOf(clip.address, clip.clipId), () => this.#remove(clip))
  }

  async #remove(clip: Held): Promise<void> {
    const { disk, folder } = this.#options
    const key = keyOf(clip.address, clip.clipId)
    if (this.#clips.get(key) !== clip) return
    // First nobody is told of it any more; a power cut may leave the files, and they count again.
    this.#clips.delete(key)
    this.#shelf(clip.address.householdId).remove(clip)
    clip.parts.clear()
    await onDisk(async () => {
      await disk.remove(join(folder, key))
      await disk.syncFolder(join(folder, key, '..'))
    })
  }

  /**
   * Reads every part once. What the disk has spoilt is set aside, into `aside`, and never handed out.
   *
   * @param pause between clips, so that whoever records does not wait for the disk.
   * @returns how many parts were read, and how many were spoilt.
   */
  async check(
    aside: string,
    { signal, pause = async () => undefined }: { signal: AbortSignal; pause?: () => Promise<void> },
  ): Promise<{ parts: number; damaged: number }> {
    let [parts, damaged] = [0, 0]
    for (const [key, clip] of [...this.#clips])
      for (const name of [...clip.parts.keys()]) {
        if (signal.aborted) return { parts, damaged }
        parts++
        const path = join(this.#options.folder, key, name)
        if ((await this.#standing(path)) === undefined) {
          await this.#turns.take(key, () => this.#setAside(clip, name, aside))
          damaged++
        }
        await pause()
      }
    return { parts, damaged }
  }

  async #setAside(clip: Held, name: string, aside: string): Promise<void> {
    const { disk, folder, log } = this.#options
    const key = keyOf(clip.address, clip.clipId)
    const bytes = clip.parts.get(name)
    if (bytes === undefined || this.#clips.get(key) !== clip) return
    log.error({ code: 'store.damaged', clipId: clip.clipId, part: name }, 'a part is spoilt: it is set aside')
    clip.parts.delete(name)
    this.#shelf(clip.address.householdId).giveBack(bytes)
    if (name === 'end') clip.counts = undefined
    await disk.makeFolder(aside)
    await disk.rename(join(folder, key, name), join(aside, `${clip.clipId}-${name}`)).catch(() => undefined)
    await disk.syncFolder(join(folder, key))
  }

  /** Once for a clip that was found at the start: its first part that is acknowledged again settles them all. */
  async #settle(clip: Held, key: string): Promise<void> {
    if (clip.settled) return
    await this.#options.disk.syncFolder(join(this.#options.folder, key))
    clip.settled = true
  }

  /** The clips of one household in the order in which they came, behind a cursor (`cursorOf`). */
  async list(
    householdId: string,
    after: string,
    limit: number,
  ): Promise<{ clips: readonly StoredClip[]; more: boolean }> {
    const { clips, more } = this.#shelves.get(householdId)?.page(after, limit, PAGE_PARTS) ?? {
      clips: [],
      more: false,
    }
    const listed: StoredClip[] = []
    for (const clip of clips) listed.push(await this.#listed(clip))
    return { clips: listed, more }
  }

  /** A household's clips of these cameras, the newest first. */
  async ofDevices(householdId: string, devices: readonly string[]): Promise<readonly StoredClip[]> {
    const { clips } = this.#shelves
      .get(householdId)
      ?.page('', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY) ?? {
      clips: [],
    }
    const listed: StoredClip[] = []
    for (const clip of clips.toReversed())
      if (devices.includes(clip.address.deviceId)) listed.push(await this.#listed(clip))
    return listed
  }

  async #listed(clip: Held): Promise<StoredClip> {
    const { address, clipId, receivedAt, parts } = clip
    const counts = await this.#countsOf(clip)
    return {
      epoch: address.epoch,
      deviceId: address.deviceId,
      clipId,
      complete: counts !== undefined && partNames(counts).every(name => parts.has(name)),
      parts: [...parts.keys()],
      bytes: [...parts.values()].reduce((sum, bytes) => sum + bytes, 0),
      receivedAt,
    }
  }

  /** What the clip's end says; looked up once after a restart. */
  async #countsOf(clip: Held): Promise<PartCounts | undefined> {
    if (clip.counts !== undefined || !clip.parts.has('end')) return clip.counts
    try {
      clip.counts = readPart(await this.read(clip.address, clip.clipId, 'end')).parts
    } catch (error) {
      this.#options.log.error({ code: codeOf(error) }, 'a clip’s end cannot be read')
    }
    return clip.counts
  }

  /** A part as it came. Throws `store.absent`, `store.damaged`. */
  async read(address: DeviceAddress, clipId: string, part: string): Promise<Uint8Array> {
    const key = keyOf(address, clipId)
    const known = PART_PATTERN.test(part) && this.#clips.get(key)?.parts.has(part)
    const bytes = known ? await this.#options.disk.read(join(this.#options.folder, key, part)) : undefined
    if (bytes === undefined) throw new OwnlensError('store.absent')
    try {
      readPart(bytes)
    } catch (cause) {
      throw new OwnlensError('store.damaged', part, { cause })
    }
    return bytes
  }

  /** Removes all clips of a household; nothing of it may come meanwhile. */
  async forget(householdId: string): Promise<void> {
    const { disk, folder } = this.#options
    for (const [key, clip] of this.#clips)
      if (clip.address.householdId === householdId) this.#clips.delete(key)
    this.#shelves.delete(householdId)
    await disk.remove(join(folder, householdId))
    await disk.syncFolder(folder)
  }

  #put(clip: Held): void {
    this.#clips.set(keyOf(clip.address, clip.clipId), clip)
    this.#shelf(clip.address.householdId).add(clip)
  }

  #shelf(householdId: string): Shelf {
    const shelf = this.#shelves.get(householdId) ?? new Shelf()
    this.#shelves.set(householdId, shelf)
    return shelf
  }
}

function newClip(address: DeviceAddress, clipId: string): Held {
  const receivedAt = new Date().toISOString()
  return { address, clipId, receivedAt, parts: new Map(), counts: undefined, settled: false }
}

/** A failure of the disk by its own name. */
async function onDisk(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    throw new OwnlensError('store.disk', undefined, { cause })
  }
}

function keyOf({ householdId, epoch, deviceId }: DeviceAddress, clipId: string): string {
  return `${householdId}/${epoch}/${deviceId}/${clipId}`
}
