import type { Logger } from 'pino'
import { entryOf } from '../../log/entry.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Db } from './database.ts'

/** What the sequencer asks of a log. */
export interface Growing {
  /** Entries that are in it for good. */
  readonly size: number
  /** All of them are on the disk once it returns, and under the head. */
  append(entries: readonly Uint8Array[]): Promise<void>
}

/** Entries that are appended at once. */
const BATCH = 256
/** How soon a log that could not be written is tried again. */
const AGAIN_MS = 1000

/**
 * Gives each record its place in the log, in the order in which the records were committed, and writes it there. The place is
 * in the database before the entry is in the log: whatever is cut off in between is written again, byte for byte, at the next
 * start, and a log that was lost is written anew from its first entry.
 *
 * A database that was restored knows fewer records than the log has entries: the log goes on behind its own end.
 */
export class Sequencer {
  readonly #db: Db
  readonly #log: Growing
  readonly #logger: Logger
  readonly #appended: () => void
  #asked = false
  #running: Promise<void> | undefined
  #again: NodeJS.Timeout | undefined
  #closed = false

  private constructor(db: Db, log: Growing, logger: Logger, appended: () => void) {
    this.#db = db
    this.#log = log
    this.#logger = logger
    this.#appended = appended
  }

  /**
   * @param appended told after each batch.
   * @throws OwnlensError `hub.damaged`: the log lacks entries that the database cannot give it.
   */
  static async open(
    db: Db,
    log: Growing,
    logger: Logger,
    appended: () => void = () => undefined,
  ): Promise<Sequencer> {
    const sequencer = new Sequencer(db, log, logger, appended)
    await sequencer.flush()
    return sequencer
  }

  /** Something may have been recorded. */
  wake(): void {
    if (this.#closed) return
    this.#asked = true
    this.#running ??= this.#run()
  }

  /**
   * Resolves when everything that was committed before the call is in the log.
   *
   * @throws what writing it failed with; it is tried again by itself.
   */
  async flush(): Promise<void> {
    await this.#running
    while (await this.#step());
  }

  /** Writes what is left; nothing is taken any more. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#again)
    await this.#running
    await this.flush()
  }

  async #run(): Promise<void> {
    try {
      while (this.#asked) {
        this.#asked = false
        while (await this.#step());
      }
    } catch (error) {
      this.#logger.error({ cause: (error as Error).message }, 'the log could not be written')
      clearTimeout(this.#again)
      if (!this.#closed) this.#again = setTimeout(() => this.wake(), AGAIN_MS).unref()
    } finally {
      this.#running = undefined
    }
  }

  #turn: Promise<unknown> = Promise.resolve()

  /** One batch. Returns whether there was anything to do. */
  #step(): Promise<boolean> {
    const step = this.#turn.then(() => this.#write())
    this.#turn = step.catch(() => undefined)
    return step
  }

  async #write(): Promise<boolean> {
    const rows = await this.#placed()
    if (rows.length === 0) return false
    await this.#log.append(rows.map(entryOf))
    this.#appended()
    return true
  }

  /** The next records behind the log's end, with their places: those that have one already, else new ones. */
  async #placed(): Promise<readonly { at: string; commitment: string }[]> {
    const { size } = this.#log
    const left = await this.#db
      .selectFrom('records')
      .select(['position', 'at', 'commitment'])
      .where('position', '>=', size)
      .orderBy('position')
      .limit(BATCH)
      .execute()
    if (left.length === 0) return this.#place(size)
    // Its beginning is lost, and the database was restored since: no log can be made of what is there.
    if (left.some(({ position }, index) => position !== size + index))
      throw new OwnlensError('hub.damaged', `the log ends at ${size}, and what comes next is nowhere`)
    return left
  }

  async #place(from: number): Promise<readonly { at: string; commitment: string }[]> {
    return this.#db.transaction().execute(async transaction => {
      const rows = await transaction
        .selectFrom('records')
        .select(['record_id', 'at', 'commitment'])
        .where('position', 'is', null)
        .orderBy('record_id')
        .limit(BATCH)
        .execute()
      for (const [index, { record_id }] of rows.entries())
        await transaction
          .updateTable('records')
          .set({ position: from + index })
          .where('record_id', '=', record_id)
          .execute()
      return rows
    })
  }
}
