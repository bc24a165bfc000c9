import { join } from 'node:path'
import { z } from 'zod'
import type { Manifest } from '../protocol/clip.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { count, epoch, sha256Hex } from '../protocol/fields.ts'
import { type Disk, readText, replaceFile } from '../storage/disk.ts'
import { Turn } from './turn.ts'

const fileSchema = z.strictObject({
  epoch,
  next: count.min(1),
  previous: z.strictObject({ counter: count.min(1), sha256: sha256Hex }).nullable(),
})
type State = z.infer<typeof fileSchema>

/**
 * The clips' sequence numbers in this epoch. A number is used up on the disk before it is used in a clip, so that no power
 * cut can give it to two clips.
 */
export class Sequence {
  readonly #disk: Disk
  readonly #path: string
  /** Clips overlap: one is finished while the next takes its number. */
  readonly #turn = new Turn()
  #state: State

  private constructor(disk: Disk, path: string, state: State) {
    this.#disk = disk
    this.#path = path
    this.#state = state
  }

  /** Starts at 1 in a new epoch. Throws `sequence.damaged`. */
  static async open(disk: Disk, data: string, inEpoch: number): Promise<Sequence> {
    const path = join(data, 'sequence.json')
    const text = await readText(disk, path)
    let state: State = { epoch: inEpoch, next: 1, previous: null }
    if (text !== undefined) {
      try {
        const held = fileSchema.parse(JSON.parse(text))
        // Its numbers were used: which ones of this epoch, nobody knows any more.
        if (held.epoch > inEpoch) throw new Error(`it is of epoch ${held.epoch}`)
        if (held.epoch === inEpoch) state = held
      } catch (cause) {
        throw new OwnlensError('sequence.damaged', path, { cause })
      }
    }
    return new Sequence(disk, path, state)
  }

  /**
   * Makes room for a new epoch in place of an earlier one's numbers, or of a damaged file; on the disk before that epoch is
   * anybody's. Numbers of this very epoch stay.
   */
  static async begin(disk: Disk, data: string, inEpoch: number): Promise<void> {
    const path = join(data, 'sequence.json')
    const text = await readText(disk, path)
    if (text === undefined) return
    const held = fileSchema.safeParse(parsed(text))
    if (held.data?.epoch === inEpoch) return
    const state: State = { epoch: inEpoch, next: 1, previous: null }
    await replaceFile(disk, path, JSON.stringify(state))
  }

  /** The next number. One whose writing failed is skipped: it may be on the disk. */
  async take(): Promise<number> {
    return this.#turn.take(async () => {
      const counter = this.#state.next
      this.#state = { ...this.#state, next: counter + 1 }
      await this.#write(this.#state)
      return counter
    })
  }

  /** The newest finished manifest. */
  get previous(): Manifest['previous'] {
    return this.#state.previous
  }

  /** Remembers a manifest as the newest one; before it leaves. */
  async finished(counter: number, manifestHash: string): Promise<void> {
    await this.#turn.take(async () => {
      const state = { ...this.#state, previous: { counter, sha256: manifestHash } }
      await this.#write(state)
      this.#state = state
    })
  }

  async #write(state: State): Promise<void> {
    await replaceFile(this.#disk, this.#path, JSON.stringify(state))
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
