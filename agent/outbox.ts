import { join } from 'node:path'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import type { Gap } from '../protocol/messages.ts'
import { writePart } from '../protocol/part.ts'
import { type Disk, replaceFile } from '../storage/disk.ts'
import { Bell } from './bell.ts'
import {
  type ClipKey,
  type MessageItem,
  numberOfMessage,
  OutboxFiles,
  type OutboxItem,
  type PartItem,
} from './outbox-files.ts'
import type { SealedPart } from './seal.ts'
import { Turn } from './turn.ts'

/** Sequence numbers that were lost, for the gap notice. */
export type LostClips = Pick<Gap, 'from' | 'to' | 'cause'> & { readonly epoch: number }

interface HeldClip {
  readonly key: ClipKey
  folder: string
  items: PartItem[]
  bytes: number
  /** No more parts will come: it ended, or was cut short. */
  finished: boolean
  /** It gave way to newer ones: its folder is gone. */
  gaveWay: boolean
  /** The household is told that it will not arrive whole. */
  told: boolean
}

const MESSAGES_MAX = 256

/**
 * What was sealed and is not yet safe at the store. Ciphertext only, one file a part, each whole or absent after a power
 * cut. Bounded by `maxBytes`: the oldest clip gives way whole, and `lost` is told, so that the household hears of it.
 */
export class Outbox {
  readonly #disk: Disk
  readonly #files: OutboxFiles
  readonly #maxBytes: number
  readonly #lost: (lost: LostClips) => Promise<void>
  #clips: HeldClip[] = []
  #messages: MessageItem[] = []
  #nextMessage = 1
  /** Making room and writing are one step: clips are written at the same time, and one may give way to another. */
  readonly #turn = new Turn()
  readonly #listeners = new Set<() => void>()

  private constructor(disk: Disk, data: string, maxBytes: number, lost: (lost: LostClips) => Promise<void>) {
    this.#disk = disk
    this.#files = new OutboxFiles(disk, join(data, 'outbox'))
    this.#maxBytes = maxBytes
    this.#lost = lost
  }

  /**
   * Takes up what an earlier run left.
   *
   * @param options.lost tells the household; resolves when a power cut cannot undo that.
   */
  static async open(
    disk: Disk,
    data: string,
    options: { maxBytes: number; lost: (lost: LostClips) => Promise<void> },
  ): Promise<Outbox> {
    const outbox = new Outbox(disk, data, options.maxBytes, options.lost)
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
   * as its running hashes reach. What the outbox itself could not keep, it tells as lost.
   *
   * @throws what `parts` throws; `outbox.disk` when a part cannot be written; `outbox.full` when this clip itself had to
   *   give way.
   */
  async put(key: ClipKey, parts: AsyncIterable<SealedPart>): Promise<void> {
    const clip = newClip(key)
    try {
      clip.folder = await written(() => this.#files.makeClip(key))
      this.#clips.push(clip)
      let number = 0
      for await (const part of parts) {
        const path = this.#files.pathOfPart(clip.folder, number++, part.name)
        await this.#turn.take(() => this.#keep(clip, part, path))
      }
    } catch (error) {
      if (codeOf(error) === 'outbox.full') await this.#tellLost(clip, 'outbox_full')
      if (codeOf(error) === 'outbox.disk') await this.#tellLost(clip, 'disk')
      throw error
    } finally {
      clip.finished = true
      await this.#removeIfDone(clip)
    }
  }

  async #keep(clip: HeldClip, { name, kind, payload, parts }: SealedPart, path: string): Promise<void> {
    const bytes = writePart(kind, payload, parts)
    await this.#makeRoom(bytes.length, clip)
    await written(() => replaceFile(this.#disk, path, bytes))
    clip.items.push({ kind: 'part', clip: clip.key, part: name, path, bytes: bytes.length })
    clip.bytes += bytes.length
    this.#wake()
  }

  /** Keeps a small sealed message until the broker has it. Over 256 of them the oldest gives way. */
  async putMessage(kind: 'alert' | 'gap', sealed: Uint8Array): Promise<void> {
    const path = this.#files.pathOfMessage(this.#nextMessage++, kind)
    await written(() => replaceFile(this.#disk, path, sealed))
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

  /** The disk has spoilt it: it will never be sent, and the household is told that its clip is not whole. */
  async removeSpoilt(item: OutboxItem): Promise<void> {
    const clip = this.#clips.find(held => item.kind === 'part' && held.items.includes(item))
    if (clip !== undefined) await this.#tellLost(clip, 'disk')
    await this.remove(item)
  }

  /** Tells a clip once. Returns whether that worked; never rejects. */
  async #tellLost(clip: HeldClip, cause: LostClips['cause']): Promise<boolean> {
    if (clip.told) return true
    clip.told = true
    const { epoch, counter } = clip.key
    try {
      await this.#lost({ epoch, from: counter, to: counter, cause })
    } catch {
      clip.told = false
    }
    return clip.told
  }

  async #removeIfDone(clip: HeldClip): Promise<void> {
    if (!clip.finished || clip.items.length > 0 || !this.#clips.includes(clip)) return
    this.#clips = this.#clips.filter(other => other !== clip)
    await this.#disk.remove(clip.folder)
    this.#wake()
  }

  async #makeRoom(bytes: number, current: HeldClip): Promise<void> {
    while (!current.gaveWay && this.bytes + bytes > this.#maxBytes) {
      const oldest = this.#clips[0]
      if (oldest === undefined || oldest === current) break
      await this.#giveWay(oldest)
    }
    if (current.gaveWay || this.bytes + bytes > this.#maxBytes) throw new OwnlensError('outbox.full')
  }

  async #giveWay(clip: HeldClip): Promise<void> {
    this.#clips = this.#clips.filter(other => other !== clip)
    clip.gaveWay = true
    // First: a power cut in between must not leave a clip that is gone, and nobody who was told.
    const told = await this.#tellLost(clip, 'outbox_full')
    await written(() => this.#files.removeClip(clip.folder))
    // On a full disk there is room for the notice only now.
    if (!told) await this.#tellLost(clip, 'outbox_full')
    this.#wake()
  }

  async #load(): Promise<void> {
    const files = this.#files
    await files.make()
    for (const { key, folder, items } of await files.clips()) {
      const bytes = items.reduce((sum, item) => sum + item.bytes, 0)
      const clip: HeldClip = { ...newClip(key), folder, items: [...items], bytes, finished: true }
      this.#clips.push(clip)
      await this.#removeIfDone(clip)
    }
    this.#messages = [...(await files.messages())]
    this.#nextMessage = numberOfMessage(this.#messages.at(-1)) + 1
  }

  #wake(): void {
    for (const listener of this.#listeners) listener()
  }
}

function newClip(key: ClipKey): HeldClip {
  return { key, folder: '', items: [], bytes: 0, finished: false, gaveWay: false, told: false }
}

/** A failure of the disk by its own name. */
async function written<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (cause) {
    throw new OwnlensError('outbox.disk', (cause as NodeJS.ErrnoException).code, { cause })
  }
}
