import { join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import type { Gap } from '../protocol/messages.ts'
import { writePart } from '../protocol/part.ts'
import { PART_PATTERN } from '../protocol/topics.ts'
import { type Disk, listFiles, replaceFile } from '../storage/disk.ts'
import { Bell } from './bell.ts'
import type { SealedPart } from './seal.ts'

/** Which clip of which epoch. */
export interface ClipKey {
  readonly epoch: number
  readonly counter: number
  readonly clipId: string
}

/** Something that waits to be published: a part of a clip, or a small sealed message. */
export type OutboxItem =
  | {
      readonly kind: 'part'
      readonly clip: ClipKey
      readonly part: string
      readonly path: string
      readonly bytes: number
    }
  | { readonly kind: 'alert' | 'gap'; readonly path: string; readonly bytes: number }

/** Sequence numbers that were lost, for the gap notice. */
export type LostClips = Pick<Gap, 'from' | 'to' | 'cause'> & { readonly epoch: number }

interface HeldClip {
  readonly key: ClipKey
  readonly folder: string
  items: Extract<OutboxItem, { kind: 'part' }>[]
  bytes: number
  /** No more parts will come: it ended, or was cut short. */
  finished: boolean
}

const MESSAGES_MAX = 256

/**
 * What was sealed and is not yet safe at the store. Ciphertext only, one file a part, each whole or absent after a power
 * cut. Bounded by `maxBytes`: the oldest clip gives way whole, and `lost` is told, so that the household hears of it.
 *
 * Files: `outbox/clips/<epoch>-<counter>-<clipId>/<n>.<part>`, each a framed part as it will travel;
 * `outbox/messages/<n>.<kind>`.
 */
export class Outbox {
  readonly #disk: Disk
  readonly #folder: string
  readonly #maxBytes: number
  readonly #lost: (lost: LostClips) => void
  #clips: HeldClip[] = []
  #messages: Extract<OutboxItem, { kind: 'alert' | 'gap' }>[] = []
  #nextMessage = 1
  readonly #listeners = new Set<() => void>()

  private constructor(disk: Disk, folder: string, maxBytes: number, lost: (lost: LostClips) => void) {
    this.#disk = disk
    this.#folder = folder
    this.#maxBytes = maxBytes
    this.#lost = lost
  }

  /** Takes up what an earlier run left. */
  static async open(
    disk: Disk,
    data: string,
    options: { maxBytes: number; lost: (lost: LostClips) => void },
  ): Promise<Outbox> {
    const outbox = new Outbox(disk, join(data, 'outbox'), options.maxBytes, options.lost)
    await outbox.#load()
    return outbox
  }

  get bytes(): number {
    return this.#clips.reduce((sum, clip) => sum + clip.bytes, 0)
  }

  get clips(): number {
    return this.#clips.length
  }

  /** The oldest item that is not in `except`; messages go before clips. */
  next(except: ReadonlySet<OutboxItem>): OutboxItem | undefined {
    for (const message of this.#messages) if (!except.has(message)) return message
    for (const clip of this.#clips) for (const item of clip.items) if (!except.has(item)) return item
    return undefined
  }

  /** Resolves when nothing waits any more, or at the signal. */
  async drained({ signal }: { signal: AbortSignal }): Promise<void> {
    const bell = new Bell()
    const stop = this.onChange(bell.ring)
    signal.addEventListener('abort', bell.ring, { once: true })
    while (!signal.aborted && this.#clips.length + this.#messages.length > 0) await bell.wait()
    signal.removeEventListener('abort', bell.ring)
    stop()
  }

  /** Calls back at every change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Keeps a clip's parts as they are sealed. When sealing or the disk fails, what was kept so far stays: it opens as far
   * as its running hashes reach.
   *
   * @throws what `parts` throws; `outbox.disk` when a part cannot be written; `outbox.full` when this clip itself had to
   *   give way.
   */
  async put(key: ClipKey, parts: AsyncIterable<SealedPart>): Promise<void> {
    const folder = join(this.#folder, 'clips', folderName(key))
    const clip: HeldClip = { key, folder, items: [], bytes: 0, finished: false }
    await this.#disk.makeFolder(folder)
    await this.#disk.syncFolder(join(this.#folder, 'clips'))
    this.#clips.push(clip)
    try {
      let number = 0
      for await (const { name, kind, payload, parts: counts } of parts) {
        const bytes = writePart(kind, payload, counts)
        await this.#makeRoom(bytes.length, clip)
        const path = join(folder, `${String(number++).padStart(6, '0')}.${name}`)
        await this.#write(path, bytes)
        clip.items.push({ kind: 'part', clip: key, part: name, path, bytes: bytes.length })
        clip.bytes += bytes.length
        this.#wake()
      }
    } finally {
      clip.finished = true
      await this.#removeIfDone(clip)
    }
  }

  /** Keeps a small sealed message until the broker has it. Over 256 of them the oldest gives way. */
  async putMessage(kind: 'alert' | 'gap', sealed: Uint8Array): Promise<void> {
    const path = join(this.#folder, 'messages', `${String(this.#nextMessage++).padStart(9, '0')}.${kind}`)
    await this.#write(path, sealed)
    this.#messages.push({ kind, path, bytes: sealed.length })
    this.#wake()
    const oldest = this.#messages[0]
    if (this.#messages.length > MESSAGES_MAX && oldest !== undefined) await this.remove(oldest)
  }

  /** The bytes to publish; undefined when the item gave way meanwhile. */
  async read(item: OutboxItem): Promise<Uint8Array | undefined> {
    return this.#disk.read(item.path)
  }

  /** It is safe where it belongs (or will never be): forget it. */
  async remove(item: OutboxItem): Promise<void> {
    await this.#disk.remove(item.path)
    if (item.kind !== 'part') {
      this.#messages = this.#messages.filter(other => other !== item)
      return this.#wake()
    }
    const clip = this.#clips.find(held => held.items.includes(item))
    if (clip === undefined) return
    clip.items = clip.items.filter(other => other !== item)
    clip.bytes -= item.bytes
    await this.#removeIfDone(clip)
  }

  async #removeIfDone(clip: HeldClip): Promise<void> {
    if (!clip.finished || clip.items.length > 0) return
    this.#clips = this.#clips.filter(other => other !== clip)
    await this.#disk.remove(clip.folder)
    this.#wake()
  }

  async #makeRoom(bytes: number, current: HeldClip): Promise<void> {
    while (this.bytes + bytes > this.#maxBytes) {
      const oldest = this.#clips[0]
      if (oldest === undefined || oldest === current) throw new OwnlensError('outbox.full')
      this.#clips.shift()
      await this.#disk.remove(oldest.folder)
      const { epoch, counter } = oldest.key
      this.#lost({ epoch, from: counter, to: counter, cause: 'outbox_full' })
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    try {
      await replaceFile(this.#disk, path, bytes)
    } catch (cause) {
      throw new OwnlensError('outbox.disk', (cause as NodeJS.ErrnoException).code, { cause })
    }
  }

  async #load(): Promise<void> {
    const clipsFolder = join(this.#folder, 'clips')
    const messagesFolder = join(this.#folder, 'messages')
    await this.#disk.makeFolder(clipsFolder)
    await this.#disk.makeFolder(messagesFolder)
    for (const name of await this.#disk.list(clipsFolder)) {
      const key = readFolderName(name)
      if (key === undefined) continue
      const clip: HeldClip = { key, folder: join(clipsFolder, name), items: [], bytes: 0, finished: true }
      for (const file of await listFiles(this.#disk, clip.folder)) {
        const part = file.slice(file.indexOf('.') + 1)
        const path = join(clip.folder, file)
        if (!PART_PATTERN.test(part)) continue
        const bytes = (await this.#disk.info(path))?.bytes ?? 0
        clip.items.push({ kind: 'part', clip: key, part, path, bytes })
        clip.bytes += bytes
      }
      this.#clips.push(clip)
      await this.#removeIfDone(clip)
    }
    for (const name of await listFiles(this.#disk, messagesFolder)) {
      const match = /^(\d{9})\.(alert|gap)$/.exec(name)
      if (match === null) continue
      const path = join(messagesFolder, name)
      this.#messages.push({
        kind: match[2] as 'alert',
        path,
        bytes: (await this.#disk.info(path))?.bytes ?? 0,
      })
      this.#nextMessage = Number(match[1]) + 1
    }
  }

  #wake(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** Padded, so that names sort as the clips were made. */
function folderName({ epoch, counter, clipId }: ClipKey): string {
  return `${String(epoch).padStart(10, '0')}-${String(counter).padStart(16, '0')}-${clipId}`
}

function readFolderName(name: string): ClipKey | undefined {
  const match = /^(\d{10})-(\d{16})-([a-z2-7]{26})$/.exec(name)
  return match?.[3] ? { epoch: Number(match[1]), counter: Number(match[2]), clipId: match[3] } : undefined
}
