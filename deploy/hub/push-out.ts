import type { Logger } from 'pino'
import type { Row } from './mosquitto-files.ts'

/** Sessions that are pushed out at the same time. */
const PUSHING_MAX = 16

/**
 * Ends the sessions of certificates that count no more, where the broker does not: by a connection under the same name. Each
 * certificate is pushed out once; one that could not be is tried again at the next call.
 */
export class PushOut {
  /** Of each certificate the name that it had: an erased home's rows have none any more. */
  #names: ReadonlyMap<string, string> = new Map()
  /** Certificates whose sessions were pushed out, or that never had any. */
  #done: ReadonlySet<string> = new Set()
  readonly #push: (name: string) => Promise<void>
  readonly #log: Logger

  /** @param push comes in under a name, and goes. */
  constructor(push: (name: string) => Promise<void>, log: Logger) {
    this.#push = push
    this.#log = log
  }

  /** @param rows all certificates that are remembered, whether they count or not. */
  meet(rows: readonly Row[]): void {
    const name = (row: Row) => row.common_name || this.#names.get(row.serial) || ''
    this.#names = new Map(rows.map(row => [row.serial, name(row)]))
  }

  /** The broker has just started, with these: nobody has a session. */
  begin(over: readonly Row[]): void {
    this.#done = new Set(over.map(row => row.serial))
  }

  /**
   * @param over the certificates that count no more.
   * @returns whether all their sessions have ended.
   */
  async end(over: readonly Row[]): Promise<boolean> {
    const left = over.filter(row => !this.#done.has(row.serial))
    const nameOf = ({ serial }: Row) => this.#names.get(serial) ?? ''
    const names = [...new Set(left.map(nameOf))].filter(name => name !== '')
    const failed = new Set<string>()
    // Each costs a key and a handshake: so many side by side, one after the other in each row.
    const pushing = Array.from({ length: PUSHING_MAX }, async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop())
        if (!(await this.#ends(name))) failed.add(name)
    })
    await Promise.all(pushing)
    this.begin(over.filter(row => !failed.has(nameOf(row))))
    return failed.size === 0
  }

  async #ends(name: string): Promise<boolean> {
    try {
      await this.#push(name)
      return true
    } catch (error) {
      const { message } = error as Error
      this.#log.error({ code: 'broker.failed', cause: message }, 'a session could not be ended')
      return false
    }
  }
}
