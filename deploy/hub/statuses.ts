import type { Logger } from 'pino'
import type { CameraStatus } from '../../protocol/registrar.ts'
import { type DeviceAddress, deviceTopic } from '../../protocol/topics.ts'
import type { Db } from './database.ts'
import { ownerOf } from './standing.ts'

const KIB = 1024
const MIB = 1024 ** 2
/** Sealed to sixteen hybrid recipients a status has 34 KiB at most. */
const STATUS_MAX = 40 * KIB
/** Bytes that wait for the disk. */
const WAITING_MAX = 64 * MIB
/** The disk is asked once in this time, however many come. */
const GAP_MS = 1000
/** Characters of base64 in one answer: a client reads no more than 4 MiB. */
const ANSWER_MAX = 3 * MIB
const PAGE = 64

interface Waiting {
  readonly address: DeviceAddress
  readonly sealed: Uint8Array
  readonly at: Date
}

/**
 * Each camera's newest status, sealed as it came: whoever opens the app sees it at once, and after a restart of the hub too.
 * Of several that come while the disk is busy the newest is written.
 */
export class Statuses {
  readonly #db: Db
  readonly #now: () => Date
  readonly #log: Logger
  readonly #waiting = new Map<string, Waiting>()
  #bytes = 0
  #writing: Promise<void> | undefined
  #notBefore = 0
  /** Callers of `idle`: the writer does not pause for them. */
  #hurried = 0
  #wake: () => void = () => undefined

  constructor(db: Db, now: () => Date, log: Logger) {
    this.#db = db
    this.#now = now
    this.#log = log
  }

  /** Takes a status as its camera sent it. False for one that is too large, or when too many wait. */
  take(address: DeviceAddress, sealed: Uint8Array): boolean {
    const key = deviceTopic(address)
    const grown = sealed.length - (this.#waiting.get(key)?.sealed.length ?? 0)
    if (sealed.length > STATUS_MAX || this.#bytes + grown > WAITING_MAX) return false
    this.#bytes += grown
    this.#waiting.set(key, { address, sealed, at: this.#now() })
    this.#writing ??= this.#writeAll()
    return true
  }

  /** What a household's members are told, newest first; those that one answer does not hold are left out. */
  async ofHousehold(householdId: string): Promise<readonly CameraStatus[]> {
    await this.idle()
    const told: CameraStatus[] = []
    let characters = 0
    for (;;) {
      const page = await this.#db
        .selectFrom('statuses')
        .select(['epoch', 'device_id', 'at', 'sealed'])
        .where('household_id', '=', householdId)
        .orderBy('at', 'desc')
        .limit(PAGE)
        .offset(told.length)
        .execute()
      for (const { epoch, device_id: deviceId, at, sealed } of page) {
        characters += sealed.length
        if (characters > ANSWER_MAX) return told
        told.push({ epoch, deviceId, at, sealed })
      }
      if (page.length < PAGE) return told
    }
  }

  /** Resolves when everything that was taken is on the disk. */
  async idle(): Promise<void> {
    this.#hurried++
    this.#wake()
    await this.#writing
    this.#hurried--
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      await this.#pause()
      const batch = [...this.#waiting.values()]
      this.#waiting.clear()
      this.#bytes = 0
      await this.#db
        .transaction()
        .execute(transaction => write(transaction, batch))
        .catch(error => this.#log.error({ cause: (error as Error).message }, 'statuses not kept'))
      this.#notBefore = performance.now() + GAP_MS
    }
    this.#writing = undefined
  }

  async #pause(): Promise<void> {
    const wait = this.#notBefore - performance.now()
    if (wait <= 0 || this.#hurried > 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, wait)
      this.#wake = () => resolve(clearTimeout(timer))
    })
  }
}

/** The device is this household's no more. */
export async function forgetStatus(transaction: Db, householdId: string, deviceId: string): Promise<void> {
  await transaction
    .deleteFrom('statuses')
    .where('household_id', '=', householdId)
    .where('device_id', '=', deviceId)
    .execute()
}

async function write(transaction: Db, batch: readonly Waiting[]): Promise<void> {
  for (const { address, sealed, at } of batch) {
    const { householdId: household_id, deviceId: device_id, epoch } = address
    const owner = await ownerOf(transaction, device_id)
    // Its last words before another took it over.
    if (owner?.household_id !== household_id || owner.epoch !== epoch) continue
    const columns = { epoch, at: at.toISOString(), sealed: Buffer.from(sealed).toString('base64') }
    await transaction
      .insertInto('statuses')
      .values({ household_id, device_id, ...columns })
      .onConflict(conflict => conflict.columns(['household_id', 'device_id']).doUpdateSet(columns))
      .execute()
  }
}
