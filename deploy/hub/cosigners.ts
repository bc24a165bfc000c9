import type { Logger } from 'pino'
import { z } from 'zod'
import { askWitness, type WitnessPlace } from '../../log/ask-witness.ts'
import { headOf, openCheckpoint } from '../../log/checkpoint.ts'
import { openNote, readNoteKey, withSignatures } from '../../log/note.ts'
import { codeOf } from '../../protocol/errors.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import type { LastingLog } from './lasting-log.ts'

/** How soon a witness that did not cosign is asked again. */
const AGAIN_MS = 30_000

export interface CosignersParts {
  readonly disk: Disk
  /** Where the newest cosigned heads are kept: a JSON array of notes. */
  readonly path: string
  readonly places: readonly WitnessPlace[]
  readonly log: LastingLog
  readonly logger: Logger
}

/**
 * Asks all witnesses to cosign one head after the other, the newest each time. Nothing waits for them: the log grows on, and a
 * cosigned head may be a little older than the newest.
 */
export class Cosigners {
  readonly #parts: CosignersParts
  /** At `k`: the newest head that `k + 1` witnesses have cosigned, as a note with their lines. */
  #notes: readonly string[]
  /** What each witness has cosigned, as far as it is known here. */
  readonly #known = new Map<WitnessPlace, number>()
  readonly #over = new AbortController()
  #asked = false
  #running: Promise<void> | undefined
  #again: NodeJS.Timeout | undefined

  private constructor(parts: CosignersParts, notes: readonly string[]) {
    this.#parts = parts
    this.#notes = notes
  }

  static async open(parts: CosignersParts): Promise<Cosigners> {
    const text = await readText(parts.disk, parts.path)
    const cosigners = new Cosigners(parts, text === undefined ? [] : notesIn(text, parts.log))
    cosigners.wake()
    return cosigners
  }

  /** The newest head that so many witnesses have cosigned. */
  newest(witnesses: number): { readonly note: string; readonly size: number } | undefined {
    const note = this.#notes[witnesses - 1]
    return note === undefined ? undefined : { note, size: headOf(openNote(note, []).text).size }
  }

  /** The log has grown. */
  wake(): void {
    if (this.#parts.places.length === 0 || this.#over.signal.aborted) return
    this.#asked = true
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#over.abort()
    clearTimeout(this.#again)
    await this.#running
  }

  async #run(): Promise<void> {
    clearTimeout(this.#again)
    try {
      let all = true
      while (this.#asked && !this.#over.signal.aborted) {
        this.#asked = false
        all = await this.#round()
      }
      if (!all && !this.#over.signal.aborted) this.#again = setTimeout(() => this.wake(), AGAIN_MS).unref()
    } catch (error) {
      this.#parts.logger.error({ cause: (error as Error).message }, 'cosigned heads could not be kept')
    } finally {
      this.#running = undefined
    }
  }

  /** Everybody is asked for the same head. Returns whether all have cosigned it. */
  async #round(): Promise<boolean> {
    const { places, log, disk, path } = this.#parts
    const { checkpoint: note } = log.now
    const { text } = openNote(note, [])
    const answers = await Promise.all(places.map(place => this.#ask(place, note)))
    const lines = answers.filter(answer => answer !== '')
    if (lines.length === 0) return false
    // The checkpoint carries them as long as the log has not grown.
    await log.now.cosigned(text, lines.join(''))
    const cosigned = withSignatures(note, lines.join(''))
    if (cosigned === undefined) return false
    this.#notes = places.flatMap((_, index) => {
      const kept = index < lines.length ? cosigned : this.#notes[index]
      return kept === undefined ? [] : [kept]
    })
    await replaceFile(disk, path, JSON.stringify(this.#notes))
    return lines.length === places.length
  }

  /** Its lines; none when it cannot be asked or refuses. */
  async #ask(place: WitnessPlace, note: string): Promise<string> {
    const { log, logger } = this.#parts
    const { size } = headOf(openNote(note, []).text)
    const consistency = (old: number) => log.now.consistency(old, size)
    const options = { known: this.#known.get(place) ?? 0, signal: this.#over.signal }
    try {
      const lines = await askWitness(place, { note, consistency }, options)
      this.#known.set(place, size)
      return lines
    } catch (error) {
      if (this.#over.signal.aborted) return ''
      const code = codeOf(error)
      const says = { code, witness: place.key.name, cause: (error as Error).message }
      // It has seen another story of this log: somebody lies, or the log was restored from a backup.
      if (code === 'log.back' || code === 'log.split') logger.error(says, 'a witness contradicts this log')
      else logger.warn(says, 'a witness does not cosign')
      return ''
    }
  }
}

/** Heads of this very log; none when the file is damaged: new ones come soon. */
function notesIn(text: string, log: LastingLog): readonly string[] {
  try {
    const notes = z.array(z.string()).parse(JSON.parse(text))
    for (const note of notes) openCheckpoint(note, readNoteKey(log.now.verifierKey))
    return notes
  } catch {
    return []
  }
}
