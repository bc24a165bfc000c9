import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { ClipStore } from './clip-store.ts'

const HOUR_MS = 3_600_000
/** After each part that is read the disk is left to others. */
const REST_MS = 1

/** What a clip store needs beside its traffic: once at the start every part is read, and each hour what is old is removed. */
export class StoreCare {
  readonly #over = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #checking: Promise<void>
  #expiring: Promise<unknown>

  constructor(
    store: ClipStore,
    { data, log, now }: { readonly data: string; readonly log: Logger; readonly now: () => Date },
  ) {
    const failed = (error: unknown) =>
      log.error({ cause: (error as Error).message }, 'the store’s care failed')
    this.#expiring = store.expire(now()).catch(failed)
    this.#timer = setInterval(() => {
      this.#expiring = this.#expiring.then(() => store.expire(now())).catch(failed)
    }, HOUR_MS)
    this.#timer.unref()
    const began = performance.now()
    const pause = () => wait(REST_MS)
    this.#checking = store
      .check(join(data, 'clips-damaged'), { signal: this.#over.signal, pause })
      .then(({ parts, damaged }) => {
        const seconds = Math.round((performance.now() - began) / 1000)
        if (!this.#over.signal.aborted) log.info({ parts, damaged, seconds }, 'every stored part was read')
      }, failed)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#over.abort()
    await Promise.all([this.#checking, this.#expiring])
  }
}
