import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../hardware/hardware.ts'
import { time } from '../../protocol/fields.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import type { SignedTime } from '../../wire/signed-time.ts'
import { BUILT } from '../version.ts'

const FILE = 'time'
const fileSchema = z.strictObject({ signed: time })
/** A card does not like to be written: after a power cut the time may lie so far back. */
const SAVE_EVERY_MS = 5 * 60_000

/**
 * What time it is, for everything that is recorded. A board may wake up in 1970, and whoever answers for NTP may say 2099. So:
 *
 * | known | `now()` | `sure()` |
 * | --- | --- | --- |
 * | nothing signed in this run | the machine’s clock, but never below the build’s time, the last signed time, and what has passed since the start | no |
 * | a time that the hub signed | that time and what has passed since; the machine’s clock has no part in it | yes |
 * | a signed time that lies before an earlier one | goes on from the earlier one | no, until the hub’s time has caught up |
 *
 * Never below any time that was ever signed: `DATA/time` remembers it.
 */
export class HubTime implements Clock {
  readonly #disk: Disk
  readonly #path: string
  readonly #machine: Clock
  /** The highest time that was ever signed, or the build's. */
  #floor: number
  /** Where the clock stood at a monotonic moment: the start, or the newest signed answer. */
  #anchor: SignedTime
  #signed = false
  #sure = false
  #savedAt: number | undefined
  #saving: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, path: string, machine: Clock, floor: number) {
    this.#disk = disk
    this.#path = path
    this.#machine = machine
    this.#floor = floor
    this.#anchor = { time: floor, heardAt: machine.monotonic() }
  }

  /** A file that is missing or damaged is as good as none: the hub will say what time it is. */
  static async open(disk: Disk, data: string, machine: Clock): Promise<HubTime> {
    const saved = parse(await readText(disk, data, FILE).catch(() => undefined))
    return new HubTime(disk, join(data, FILE), machine, Math.max(BUILT, saved))
  }

  now(): number {
    const passed = this.#machine.monotonic() - this.#anchor.heardAt
    const known = Math.max(this.#floor, this.#anchor.time + passed)
    return this.#signed ? known : Math.max(known, this.#machine.now())
  }

  monotonic(): number {
    return this.#machine.monotonic()
  }

  sure(): boolean {
    return this.#sure
  }

  /** Takes an answer of the hub: one whose signature holds, to a question that was asked just now. */
  hear(signed: SignedTime): void {
    this.#sure = signed.time >= this.#floor
    if (this.#sure) {
      this.#anchor = signed
      this.#floor = signed.time
      this.#save()
    } else if (!this.#signed) this.#anchor = { time: this.#floor, heardAt: signed.heardAt }
    this.#signed = true
  }

  /** Resolves when what is to be written is on the disk, or could not be. */
  async saved(): Promise<void> {
    await this.#saving
  }

  #save(): void {
    const now = this.monotonic()
    if (this.#savedAt !== undefined && now - this.#savedAt < SAVE_EVERY_MS) return
    this.#savedAt = now
    const text = JSON.stringify({ signed: new Date(this.#floor).toISOString() })
    // A full disk must not stop a camera that knows what time it is.
    this.#saving = this.#saving.then(() => replaceFile(this.#disk, this.#path, text)).catch(() => undefined)
  }
}

function parse(text: string | undefined): number {
  try {
    return Date.parse(fileSchema.parse(JSON.parse(text ?? '')).signed)
  } catch {
    return 0
  }
}
