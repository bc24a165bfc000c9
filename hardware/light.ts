import type { LampState } from './hardware.ts'

/** A lamp that is on or off for so long. */
export interface Light {
  readonly on: boolean
  readonly ms: number
}

/** What a lamp tells: a state, or a short code. */
export type Shown = LampState | { readonly code: string }

const on = (ms: number): Light => ({ on: true, ms })
const off = (ms: number): Light => ({ on: false, ms })

const READING = [on(100), off(900)]
/** Rare and short: it tells that nobody is watched, in a bedroom too. */
const PRIVATE = [on(100), off(200), on(100), off(3600)]
const REFUSED = [on(100), off(100), on(100), off(100), on(100), off(700)]

/** Slow enough to be counted without effort. */
const BLINK = [on(300), off(400)]
/** So dark for so long after the last blink of a digit. */
const AFTER_DIGIT_MS = 1200
/** A long light says that the code begins anew. */
const BEGIN = [on(2000), off(1600)]

/**
 * A pattern of light that is repeated for as long as it is shown:
 *
 * | shown | light |
 * | --- | --- |
 * | `reading` | one flash a second |
 * | `refused` | three flashes, a pause |
 * | `private` | two flashes every four seconds |
 * | a short code | a long light; then each digit as so many blinks, with a pause after it |
 *
 * Other states have no pattern of their own.
 */
export function patternOf(shown: Shown): readonly Light[] {
  if (shown === 'reading') return READING
  if (shown === 'refused') return REFUSED
  if (shown === 'private') return PRIVATE
  if (typeof shown !== 'object') return []
  const digits = [...shown.code].flatMap(digit => [
    ...Array.from({ length: Number(digit) }, () => BLINK).flat(),
    off(AFTER_DIGIT_MS),
  ])
  return [...BEGIN, ...digits]
}
