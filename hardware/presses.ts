import type { Press } from './hardware.ts'

/** A contact that closed or opened. */
export interface Edge {
  readonly down: boolean
  /** Milliseconds by the clock of whoever saw it first, which may jump. */
  readonly at: number
  /** Monotonic milliseconds at which this process heard of it, which may be late. */
  readonly heardAt: number
}

/** A contact bounces: one that opens and closes again within this time has not opened. */
export const BOUNCE_MS = 40
const SHORT_MS = 2000
const HOLD_MS = 10_000
const LONG_HOLD_MS = 20_000

/**
 * What a press of so many milliseconds means; undefined for one that was given up half-way.
 *
 * | ms | |
 * | --- | --- |
 * | under 2,000 | `short` |
 * | 2,000 to 9,999 | nothing |
 * | 10,000 to 19,999 | `hold` |
 * | from 20,000 | `long hold` |
 */
export function meaningOf(ms: number): Press['kind'] | undefined {
  if (ms < SHORT_MS) return 'short'
  if (ms < HOLD_MS) return undefined
  return ms < LONG_HOLD_MS ? 'hold' : 'long hold'
}

/** Puts the edges of one contact together to presses, bounces left out. Edges come in order; `due` comes in between. */
export class PressReader {
  #down: Edge | undefined
  #up: Edge | undefined

  /** Takes an edge; returns the press before it, if that was still waiting for a bounce. */
  take(edge: Edge): Press | undefined {
    const before =
      this.#up !== undefined && edge.at - this.#up.at > BOUNCE_MS ? this.#end(this.#up) : undefined
    if (edge.down) {
      this.#down ??= edge
      this.#up = undefined
    } else if (this.#down !== undefined) this.#up ??= edge
    return before
  }

  /** The press that is over for certain now: nothing was heard for the time in which a contact bounces. */
  due(now: number): Press | undefined {
    return this.#up !== undefined && now - this.#up.heardAt > BOUNCE_MS ? this.#end(this.#up) : undefined
  }

  #end(up: Edge): Press | undefined {
    const down = this.#down
    this.#down = undefined
    this.#up = undefined
    if (down === undefined) return undefined
    // The shorter of the two: a wall clock that is set meanwhile, or a process that slept, must not make a reset of a touch.
    const kind = meaningOf(Math.min(Math.abs(up.at - down.at), up.heardAt - down.heardAt))
    return kind === undefined ? undefined : { kind }
  }
}
