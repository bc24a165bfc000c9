import type { Sight } from './lens.ts'

/** What several looks together say. */
export type Finding =
  /** A text that was read in two looks. */
  | { readonly kind: 'text'; readonly text: string }
  /** Something is held there that cannot be taken. */
  | { readonly kind: 'several' | 'small' | 'blurred' | 'torn' }
  | { readonly kind: 'nothing' }

/** One look may err in a text: it is believed when a second one read the same. */
const LOOKS_FOR_TEXT = 2
/** A hand that comes near shows a blurred code for a moment: two seconds of it are worth a word. */
const LOOKS_FOR_DOUBT = 10
/** Looks without anything, before what was there is taken to be gone. */
const LOOKS_FOR_NOTHING = 10

/** Puts looks together, five a second. Pure. */
export class Looks {
  #last = ''
  #count = 0
  #empty = 0

  /** Takes a look; returns what can be said now, undefined while nothing can. */
  take(sight: Sight): Finding | undefined {
    if (sight.kind === 'nothing') {
      if (++this.#empty < LOOKS_FOR_NOTHING) return undefined
      this.#last = ''
      this.#count = 0
      return { kind: 'nothing' }
    }
    this.#empty = 0
    const now =
      sight.kind === 'text' ? `text ${sight.text}` : sight.kind === 'unreadable' ? sight.why : sight.kind
    this.#count = now === this.#last ? this.#count + 1 : 1
    this.#last = now
    if (sight.kind === 'text') return this.#count < LOOKS_FOR_TEXT ? undefined : sight
    if (this.#count < LOOKS_FOR_DOUBT) return undefined
    return { kind: sight.kind === 'unreadable' ? sight.why : 'several' }
  }
}
