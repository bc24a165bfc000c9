import { Log, type LogOptions } from '../../log/writer.ts'
import type { Growing } from './sequencer.ts'

/** A log that goes on after its disk has failed: what is on the disk then is read again. */
export class LastingLog implements Growing {
  readonly #options: LogOptions
  #log: Log

  private constructor(options: LogOptions, log: Log) {
    this.#options = options
    this.#log = log
  }

  /** Throws `log.tile`, `log.root` and the like: entries under the signed head are not whole. */
  static async open(options: LogOptions): Promise<LastingLog> {
    return new LastingLog(options, await Log.open(options))
  }

  /** As it is now. */
  get now(): Log {
    return this.#log
  }

  get size(): number {
    return this.#log.size
  }

  async append(entries: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#log.append(entries)
    } catch (error) {
      // After a head that may or may not be on the disk the log takes nothing more.
      this.#log = await Log.open(this.#options).catch(() => this.#log)
      throw error
    }
  }
}
