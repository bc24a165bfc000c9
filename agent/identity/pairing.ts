import { codeOf, type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { Bell } from '../bell.ts'
import type { Household } from '../household.ts'
import { waitAfter } from '../pause.ts'
import { answerCode, type Bound } from './answer.ts'
import { Attempt } from './attempt.ts'
import type { Sight } from './lens.ts'
import { type Finding, Looks } from './looks.ts'
import { readPending, savePending } from './pending.ts'
import type { ResetParts } from './reset.ts'
import type { Signs } from './signs.ts'
import type { PairingWindow } from './window.ts'

export interface PairingParts extends ResetParts {
  readonly signs: Signs
  /** What the lens sees, until the signal. */
  readonly sights: (options: { signal: AbortSignal }) => AsyncIterable<Sight>
  readonly window: PairingWindow
  /** Whether looking ends as soon as a code was answered: a camera that has work to do. */
  readonly untilRead?: boolean
  /** Milliseconds between knocks. Default 1000. */
  readonly knockMs?: number
}

/** How long a code is left alone whose hub did not answer. */
const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000]
/** So many refused texts are remembered. */
const REFUSED_MAX = 64

const DOUBTS = {
  several: ['pair.several', undefined],
  small: ['pair.unreadable', 'it is too small: closer'],
  blurred: ['pair.unreadable', 'it is blurred: still, or farther away'],
  torn: ['pair.unreadable', 'a part is covered or dazzled: flat and whole'],
} as const satisfies Record<string, readonly [ErrorCode, string | undefined]>

/**
 * Pairs a camera through its lens, or repairs it (PROTOCOL 4.4). States, each on the disk before the next:
 *
 * | state | on the disk | event | next |
 * | --- | --- | --- | --- |
 * | closed | | a press, or a start without a household | reading |
 * | reading | | a text in two looks that holds together: roster of its root, half made | answered |
 * | reading | | anything else in view: lamp and log say why; a refused text is not tried again | reading |
 * | reading | | ten minutes over | closed |
 * | answered | `pairing.json` | start: the half is sent (again), and knocked for | answered |
 * | answered | `pairing.json` | reveal: the lamp blinks the short code | answered |
 * | answered | `pairing.json` | another good text | answered anew |
 * | answered | `pairing.json` | refused, expired, closed: the registrar is asked for a claim once more | reading |
 * | answered | `pairing.json` | claim with this very half | owned |
 * | owned | `epoch`, `sequence.json`, `household.json`, `owner.json`; `pairing.json` is gone | | |
 */
export class Pairing {
  readonly #parts: PairingParts
  readonly #bound: Bound | undefined
  readonly #bell = new Bell()
  readonly #refused = new Set<string>()
  readonly #later = new Map<string, { at: number; failures: number }>()
  #said = ''
  #attempt: Attempt | undefined
  #joined: Household | undefined
  /** Ends the looking when there is nothing to look for any more. */
  #look = new AbortController()

  constructor(parts: PairingParts, bound: Bound | undefined) {
    this.#parts = parts
    this.#bound = bound
  }

  /** The button was pressed: codes are read for ten minutes from now, those that were refused as well. */
  press(): void {
    this.#parts.window.open()
    this.#refused.clear()
    this.#later.clear()
    this.#said = ''
    this.#bell.ring()
  }

  /** Nothing more is read; what was answered goes on. */
  stopLooking(): void {
    this.#parts.window.close()
    this.#look.abort()
    this.#bell.ring()
  }

  /**
   * Reads while the window is open, and knocks while a half waits for its claim.
   *
   * @returns the household; undefined when the window is closed and nothing waits, or at the signal.
   * @throws OwnlensError `camera.*` that no retry mends.
   */
  async run({ signal }: { signal: AbortSignal }): Promise<Household | undefined> {
    const { disk, data, log, window } = this.#parts
    const stop = () => {
      this.#look.abort()
      this.#bell.ring()
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      const left = await readPending(disk, data)
      if (left !== undefined) {
        log.info('pairing goes on')
        this.#follow(new Attempt(this.#parts, this.#bound, left), signal)
      }
      while (!signal.aborted && this.#joined === undefined) {
        if (window.leftMs > 0) await this.#read(signal)
        else if (this.#attempt === undefined) break
        else await this.#bell.wait()
      }
      return this.#joined
    } finally {
      signal.removeEventListener('abort', stop)
      this.#attempt?.stop()
      await this.#attempt?.ended
      this.#parts.signs.blink(undefined)
      this.#parts.signs.calm()
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { log, window } = this.#parts
    this.#look = new AbortController()
    const over = setTimeout(() => this.#look.abort(), window.leftMs)
    const until = AbortSignal.any([signal, this.#look.signal])
    log.info({ minutes: Math.ceil(window.leftMs / 60_000) }, 'reading codes')
    this.#parts.signs.reading(true)
    const looks = new Looks()
    try {
      for await (const sight of this.#parts.sights({ signal: until })) {
        if (until.aborted) break
        const finding = looks.take(sight)
        if (finding !== undefined) await this.#take(finding, signal)
        if (window.leftMs === 0 || this.#joined !== undefined) break
      }
    } finally {
      clearTimeout(over)
      this.#parts.signs.reading(false)
    }
    // A press may have made the window longer.
    if (window.leftMs === 0) log.info('no codes are read any more: press the button to read them')
  }

  async #take(finding: Finding, signal: AbortSignal): Promise<void> {
    if (finding.kind === 'nothing') {
      this.#said = ''
      return
    }
    if (finding.kind !== 'text') {
      const [code, detail] = DOUBTS[finding.kind]
      return this.#refuse(new OwnlensError(code, detail), finding.kind)
    }
    const text = hex(sha256(finding.text))
    if (this.#attempt?.text === text) return
    if (this.#refused.has(text)) return this.#parts.signs.refuse()
    const later = this.#later.get(text)
    if (later !== undefined && performance.now() < later.at) return
    try {
      const pending = await answerCode(this.#parts, this.#bound, finding.text)
      if (signal.aborted) return
      // It may have got its claim just now.
      await this.#attempt?.give()
      if (this.#joined !== undefined) return
      await savePending(this.#parts.disk, this.#parts.data, pending)
      this.#parts.log.info('code answered')
      this.#later.clear()
      this.#follow(new Attempt(this.#parts, this.#bound, pending), signal)
      this.#parts.signs.calm()
      if (this.#parts.untilRead) this.stopLooking()
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof OwnlensError && !error.retry) this.#remember(text)
      else {
        const failures = later?.failures ?? 0
        const wait = waitAfter(failures, AGAIN_MS)
        this.#later.set(text, { at: performance.now() + wait, failures: failures + 1 })
      }
      this.#refuse(error, text)
    }
  }

  #follow(attempt: Attempt, signal: AbortSignal): void {
    this.#attempt = attempt
    attempt
      .run({ signal, onCode: code => this.#parts.signs.blink(code) })
      .then(
        household => {
          this.#joined = household
        },
        error => {
          this.#remember(attempt.text)
          this.#refuse(error, attempt.text)
        },
      )
      .finally(() => {
        if (this.#attempt === attempt) {
          this.#attempt = undefined
          this.#parts.signs.blink(undefined)
        }
        if (this.#joined !== undefined) this.#look.abort()
        this.#bell.ring()
      })
  }

  #remember(text: string): void {
    const [oldest] = this.#refused
    if (this.#refused.size >= REFUSED_MAX && oldest !== undefined) this.#refused.delete(oldest)
    this.#refused.add(text)
  }

  /** Says it by lamp and log; the same thing of the same sight once. */
  #refuse(error: unknown, what: string): void {
    this.#parts.signs.refuse()
    const code = codeOf(error)
    const now = `${code} ${what}`
    if (now === this.#said) return
    this.#said = now
    const todo = error instanceof OwnlensError ? error.todo : undefined
    this.#parts.log.warn({ code, cause: (error as Error).message, todo }, 'code refused')
  }
}
