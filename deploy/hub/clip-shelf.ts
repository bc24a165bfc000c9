import type { PartCounts } from '../../protocol/part.ts'
import type { DeviceAddress } from '../../protocol/topics.ts'

/** A clip that the store holds, or begins to hold. */
export interface Held {
  readonly address: DeviceAddress
  readonly clipId: string
  readonly receivedAt: string
  /** Bytes of each part as it lies on the disk. */
  readonly parts: Map<string, number>
  /** What its `end` says; undefined when it has none or nobody asked. */
  counts: PartCounts | undefined
  /** No power cut takes any of these parts back. A process that was killed may have left one that was not synced. */
  settled: boolean
}

/** What a file costs beside its bytes: a block's rest, an inode, a place in memory. */
const FILE_COST = 8 * 1024

/** The clips of one household, in the order in which they came. */
export class Shelf {
  readonly #clips: Held[] = []
  #bytes = 0

  /** What is taken from the household's share: bytes, and something for each file. */
  get bytes(): number {
    return this.#bytes
  }

  add(clip: Held): void {
    this.#clips.splice(this.#after(cursorOf(clip)), 0, clip)
    for (const bytes of clip.parts.values()) this.count(bytes)
  }

  /** Takes a clip off, with its share. */
  remove(clip: Held): void {
    const at = this.#after(cursorOf(clip)) - 1
    if (this.#clips[at] !== clip) return
    this.#clips.splice(at, 1)
    for (const bytes of clip.parts.values()) this.giveBack(bytes)
  }

  /** The clip that came first, of all but this one. */
  oldest(but?: Held): Held | undefined {
    return this.#clips.find(clip => clip !== but)
  }

  /** Takes a part's bytes from the share. */
  count(bytes: number): void {
    this.#bytes += bytes + FILE_COST
  }

  /** Gives them back: the part was not kept. */
  giveBack(bytes: number): void {
    this.#bytes -= bytes + FILE_COST
  }

  /**
   * Clips behind a cursor, at most `limit` of them, and of parts not many more than `partsMax`.
   *
   * @param after `cursorOf` the last one seen; empty for the beginning.
   */
  page(after: string, limit: number, partsMax: number): { clips: readonly Held[]; more: boolean } {
    const from = this.#after(after)
    let to = from
    for (let parts = 0; to < this.#clips.length && to - from < limit && parts < partsMax; to++)
      parts += this.#clips[to]?.parts.size ?? 0
    return { clips: this.#clips.slice(from, to), more: to < this.#clips.length }
  }

  /** The index of the first clip behind a cursor. */
  #after(cursor: string): number {
    let low = 0
    let high = this.#clips.length
    while (low < high) {
      const middle = (low + high) >> 1
      const clip = this.#clips[middle]
      if (clip !== undefined && cursorOf(clip) <= cursor) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Where a listing goes on after this clip. */
export function cursorOf(clip: { readonly receivedAt: string; readonly clipId: string }): string {
  return `${clip.receivedAt} ${clip.clipId}`
}
