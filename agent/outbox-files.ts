import { basename, join } from 'node:path'
import { PART_PATTERN } from '../protocol/topics.ts'
import { type Disk, TEMPORARY } from '../storage/disk.ts'

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

export type PartItem = Extract<OutboxItem, { kind: 'part' }>
export type MessageItem = Exclude<OutboxItem, PartItem>

/** How a clip's folder is called while it is removed. */
const GONE = '.gone'

/**
 * How the outbox lies on the disk: `clips/<epoch>-<counter>-<clipId>/<n>.<part>`, each a framed part as it will travel, and
 * `messages/<n>.<kind>`. Numbers are padded, so that names sort as things were made.
 */
export class OutboxFiles {
  readonly #disk: Disk
  readonly #folder: string

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  get #clips(): string {
    return join(this.#folder, 'clips')
  }

  get #messages(): string {
    return join(this.#folder, 'messages')
  }

  async make(): Promise<void> {
    for (const folder of [this.#clips, this.#messages]) await this.#disk.makeFolder(folder)
  }

  /** Makes a clip's own folder. */
  async makeClip(key: ClipKey): Promise<string> {
    const folder = join(this.#clips, folderName(key))
    await this.#disk.makeFolder(folder)
    return folder
  }

  /** Removes a clip whole: a power cut leaves all of it, or nothing that would be taken up. */
  async removeClip(folder: string): Promise<void> {
    await this.#disk.rename(folder, folder + GONE)
    await this.#disk.syncFolder(this.#clips)
    await this.#disk.remove(folder + GONE)
  }

  pathOfPart(folder: string, number: number, part: string): string {
    return join(folder, `${String(number).padStart(6, '0')}.${part}`)
  }

  pathOfMessage(number: number, kind: MessageItem['kind']): string {
    return join(this.#messages, `${String(number).padStart(9, '0')}.${kind}`)
  }

  /** What an earlier run left, oldest first. */
  async clips(): Promise<readonly { key: ClipKey; folder: string; items: readonly PartItem[] }[]> {
    const found: { key: ClipKey; folder: string; items: readonly PartItem[] }[] = []
    for (const name of await this.#disk.list(this.#clips)) {
      const folder = join(this.#clips, name)
      if (name.endsWith(GONE)) await this.#disk.remove(folder)
      const key = readFolderName(name)
      if (key !== undefined) found.push({ key, folder, items: await this.#parts(key, folder) })
    }
    return found
  }

  async #parts(clip: ClipKey, folder: string): Promise<readonly PartItem[]> {
    const items: PartItem[] = []
    for (const name of await this.#listWhole(folder)) {
      const part = name.slice(name.indexOf('.') + 1)
      if (!PART_PATTERN.test(part)) continue
      const path = join(folder, name)
      items.push({ kind: 'part', clip, part, path, bytes: await this.#size(path) })
    }
    return items
  }

  async messages(): Promise<readonly MessageItem[]> {
    const items: MessageItem[] = []
    for (const name of await this.#listWhole(this.#messages)) {
      const kind = /^\d{9}\.(alert|gap)$/.exec(name)?.[1]
      const path = join(this.#messages, name)
      if (kind !== undefined)
        items.push({ kind: kind as MessageItem['kind'], path, bytes: await this.#size(path) })
    }
    return items
  }

  async #size(path: string): Promise<number> {
    return (await this.#disk.info(path))?.bytes ?? 0
  }

  /** What lies in a folder; files that a power cut left half written are removed. */
  async #listWhole(folder: string): Promise<readonly string[]> {
    const names = await this.#disk.list(folder)
    const torn = names.filter(name => name.endsWith(TEMPORARY))
    for (const name of torn) await this.#disk.remove(join(folder, name))
    return names.filter(name => !torn.includes(name))
  }
}

/** 0 for none. */
export function numberOfMessage(item: MessageItem | undefined): number {
  return item === undefined ? 0 : Number(basename(item.path).slice(0, 9))
}

function folderName({ epoch, counter, clipId }: ClipKey): string {
  return `${String(epoch).padStart(10, '0')}-${String(counter).padStart(16, '0')}-${clipId}`
}

function readFolderName(name: string): ClipKey | undefined {
  const match = /^(\d{10})-(\d{16})-([a-z2-7]{26})$/.exec(name)
  return match?.[3] ? { epoch: Number(match[1]), counter: Number(match[2]), clipId: match[3] } : undefined
}
