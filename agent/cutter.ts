import type { Fragment } from '../hardware/hardware.ts'
import type { Sighting } from './watch.ts'

export interface CutRules {
  readonly beforeMs: number
  readonly afterMs: number
  readonly maxMs: number
}

/** What becomes of the clips when something was seen or a fragment came. */
export type CutStep =
  | {
      readonly do: 'open'
      readonly sighting: Sighting
      readonly fragments: readonly Fragment[]
      /** The event began in the clip before. */
      readonly continues: boolean
    }
  | { readonly do: 'append'; readonly fragment: Fragment }
  | { readonly do: 'note'; readonly sighting: Sighting; readonly fragments: readonly Fragment[] }
  | { readonly do: 'close'; readonly end: 'event' | 'split' }

/** The ring never holds more than this, whatever the camera's bit rate. */
export const RING_BYTES = 32 * 1024 * 1024
/** How late a sighting may be, so that its `beforeMs` are still in the ring. */
const LATE_MS = 4000

/**
 * Decides which fragments belong to which clip (ARCHITECTURE, "Cutting"). Pure: fragments and sightings go in, steps come
 * out; no clock, no IO.
 *
 * A clip opens with the first sighting and the ring's fragments from the last key picture that is `beforeMs` before it;
 * goes on while sightings come; ends with the first fragment that is `afterMs` after the last one; and is split at the last
 * key picture that keeps it within `maxMs`, the next one beginning with that very fragment. Where key pictures come less
 * regularly than before, or the ring alone is longer than `maxMs`, it is split at the next one.
 */
export class Cutter {
  readonly #rules: CutRules
  #ring: Fragment[] = []
  #ringBytes = 0
  #lastKeyAt: number | undefined
  /** Milliseconds from key picture to key picture, as last seen. */
  #keyGap = 0
  #open: { startedAt: number } | undefined
  #lastSighting: Sighting | undefined

  constructor(rules: CutRules) {
    this.#rules = rules
  }

  seen(sighting: Sighting): readonly CutStep[] {
    this.#lastSighting = sighting
    if (this.#open !== undefined) return [{ do: 'note', sighting, fragments: this.#around(sighting.at) }]
    const fragments = this.#since(sighting.since - this.#rules.beforeMs)
    const first = fragments[0]
    // Nothing came from the camera yet: the next sighting is a tenth of a second away.
    if (first === undefined) return []
    this.#open = { startedAt: first.at }
    return [
      { do: 'open', sighting, fragments, continues: false },
      { do: 'note', sighting, fragments: this.#around(sighting.at) },
    ]
  }

  arrived(fragment: Fragment): readonly CutStep[] {
    this.#remember(fragment)
    if (this.#open === undefined) return []
    const over = (this.#lastSighting?.at ?? 0) + this.#rules.afterMs
    if (fragment.at >= over) {
      this.#open = undefined
      return [{ do: 'close', end: 'event' }]
    }
    const until = fragment.at + Math.max(fragment.durationMs, this.#keyGap)
    const full = until - this.#open.startedAt > this.#rules.maxMs
    if (!full || !fragment.key || this.#lastSighting === undefined) return [{ do: 'append', fragment }]
    this.#open = { startedAt: fragment.at }
    // Nobody may be seen any more until it ends: its first picture is better than none.
    const sighting: Sighting = { ...this.#lastSighting, at: fragment.at, faces: [] }
    return [
      { do: 'close', end: 'split' },
      { do: 'open', sighting, fragments: [fragment], continues: true },
      { do: 'note', sighting, fragments: [fragment] },
    ]
  }

  #remember(fragment: Fragment): void {
    if (fragment.key) {
      this.#keyGap = this.#lastKeyAt === undefined ? 0 : fragment.at - this.#lastKeyAt
      this.#lastKeyAt = fragment.at
    }
    this.#ring.push(fragment)
    this.#ringBytes += fragment.data.length
    const oldest = fragment.at - this.#rules.beforeMs - LATE_MS
    // Drop from the front only while a key picture behind it still covers what is promised.
    for (;;) {
      const nextKey = this.#ring.findIndex((other, index) => index > 0 && other.key)
      const next = this.#ring[nextKey]
      if (
        next === undefined ? this.#ringBytes <= RING_BYTES : next.at > oldest && this.#ringBytes <= RING_BYTES
      )
        return
      // Without another key picture nothing of it can be begun with: all of it goes.
      const count = next === undefined ? this.#ring.length : nextKey
      for (const dropped of this.#ring.splice(0, count)) this.#ringBytes -= dropped.data.length
    }
  }

  /** From the last key picture at or before `at`, else from the first one there is. */
  #since(at: number): readonly Fragment[] {
    const keys = this.#ring.flatMap((fragment, index) => (fragment.key ? [{ index, at: fragment.at }] : []))
    const start = keys.findLast(key => key.at <= at) ?? keys[0]
    return start === undefined ? [] : this.#ring.slice(start.index)
  }

  /** The fragments that end with the picture taken at `at`, from a key picture on. */
  #around(at: number): readonly Fragment[] {
    const last = this.#ring.findLastIndex(fragment => fragment.at <= at)
    const key = this.#ring.findLastIndex((fragment, index) => index <= last && fragment.key)
    return key < 0 ? [] : this.#ring.slice(key, last + 1)
  }
}
