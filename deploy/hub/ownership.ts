import { OwnlensError } from '../../protocol/errors.ts'
import {
  blockKind,
  moveKind,
  type Reset,
  readOrder,
  readReset,
  releaseKind,
} from '../../protocol/ownership.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { type BlockOrder, compareBlock, enterBlock, isNeeded, ordersFor, readKeptBlock } from './blocks.ts'
import type { Db, Tables } from './database.ts'
import { notify } from './notices.ts'
import type { OrderJournal } from './order-journal.ts'
import { enterOrder } from './orders.ts'
import { freeAt, objection } from './owners.ts'
import { record } from './records.ts'
import { enterRelease, isReleased, type Release } from './releases.ts'
import { type DeviceStanding, standingOf } from './standing.ts'

/** The root that a household has now, and how many successions came before it. */
export interface CurrentRoot {
  readonly rootId: string
  readonly generation: number
}

/** Reads a release that this root has signed. */
export const readRelease = (jws: string, householdId: string, rootId: string): Promise<Release> =>
  readOrder(releaseKind, jws, { householdId, roots: [rootId] })

/** Reads an order that this root has signed, whoever carries it. */
export async function readBlock(
  jws: string,
  householdId: string,
  { rootId, generation }: CurrentRoot,
): Promise<BlockOrder> {
  const { payload } = await readOrder(blockKind, jws, { householdId, roots: [rootId] })
  const { number, devices, blocked } = payload
  return { jws, householdId, generation, number, devices, blocked }
}

/** What owners say about cameras that are theirs, and what cameras say of themselves (PROTOCOL 4.5 to 4.8). */
export class Ownership {
  readonly #db: Db
  readonly #journal: OrderJournal
  readonly #now: () => Date

  constructor(db: Db, journal: OrderJournal, now: () => Date) {
    this.#db = db
    this.#journal = journal
    this.#now = now
  }

  /**
   * The device is nobody's, and its certificates count no more.
   *
   * @returns false when it was released before.
   * @throws OwnlensError `block.device`.
   */
  async release(release: Release): Promise<boolean> {
    const { householdId, deviceId, epoch } = release.payload
    if (await isReleased(this.#db, release.payload)) return false
    mustBe(await standingOf(this.#db, deviceId), householdId, epoch)
    await this.#journal.keep({ kind: 'release', release: release.jws })
    const entered = await this.#db
      .transaction()
      .execute(transaction => enterRelease(transaction, release, this.#now()))
    await this.#forget(await ordersFor(this.#db, householdId, [{ deviceId, epoch }]))
    return entered
  }

  /** Those that no restored database would need any more. It never fails: what stays here is forgotten at the next start. */
  async #forget(orders: readonly Pick<BlockOrder, 'jws' | 'generation'>[]): Promise<void> {
    const forget = async ({ jws: block, generation }: Pick<BlockOrder, 'jws' | 'generation'>) => {
      if (!(await isNeeded(this.#db, await readKeptBlock(block, generation))))
        await this.#journal.forget({ kind: 'block', generation, block })
    }
    for (const order of orders) await forget(order).catch(() => undefined)
  }

  /**
   * A camera says that its button was held. Noted once in an epoch; one of an epoch before says nothing of the owner now.
   *
   * @throws OwnlensError `statement.signer`.
   */
  async reset(signerId: string, jws: string): Promise<RequestAnswer<'reset'>> {
    const reset = await readReset(jws)
    if (reset.deviceId !== signerId) throw new OwnlensError('statement.signer')
    return this.#db.transaction().execute(async transaction => {
      const standing = await this.#note(transaction, reset, jws)
      const at = standing.householdId === null ? null : freeAt(standing)
      return { freeAt: at === null ? null : new Date(at).toISOString() }
    })
  }

  async #note(transaction: Db, { deviceId, epoch }: Reset, jws: string): Promise<DeviceStanding> {
    const before = await standingOf(transaction, deviceId)
    const { householdId, resetAt } = before
    if (householdId === null || resetAt !== null || epoch < before.epoch) return before
    const now = this.#now()
    const after = { ...before, resetAt: now.getTime() }
    await change(transaction, deviceId, before.epoch, { reset_at: now.toISOString() })
    const free = new Date(freeAt(after) ?? 0).toISOString()
    await notify(transaction, householdId, { kind: 'reset', deviceId, freeAt: free }, now)
    await record(transaction, { kind: 'reset', reset: jws }, { householdId, deviceId }, now)
    return after
  }

  /** The owner objects to the reset. Throws `block.device`, `claim.no_reset`. */
  async object(householdId: string, deviceId: string): Promise<RequestAnswer<'object'>> {
    return this.#db.transaction().execute(async transaction => {
      const standing = await standingOf(transaction, deviceId)
      mustBe(standing, householdId, standing.epoch)
      const end = objection(standing, this.#now().getTime())
      if (end === null) throw new OwnlensError('claim.no_reset')
      const until = new Date(end).toISOString()
      await change(transaction, deviceId, standing.epoch, { objected_until: until })
      return { until }
    })
  }

  /**
   * Blocks or unblocks all of an order's devices, or none. The certificates of blocked ones count no more. The caller has the
   * turns of all of them: what is checked here still holds when it is written.
   *
   * @returns false for an order that stands already.
   * @throws OwnlensError `block.old` when newer ones stand for all of its devices, `block.device`.
   */
  async block(order: BlockOrder): Promise<boolean> {
    const { householdId, generation, devices, blocked, jws } = order
    const { newer, stands } = await compareBlock(this.#db, order)
    if (newer.length === 0 && stands) return false
    if (newer.length === 0) throw new OwnlensError('block.old', String(order.number))
    for (const { deviceId, epoch } of devices)
      if (blocked || !(await wasTheirs(this.#db, householdId, deviceId, epoch)))
        mustBe(await standingOf(this.#db, deviceId), householdId, epoch)
    const before = await ordersFor(this.#db, householdId, newer)
    // First where no backup of the database takes it back.
    await this.#journal.keep({ kind: 'block', generation, block: jws })
    await this.#db.transaction().execute(transaction => enterBlock(transaction, order, newer, this.#now()))
    await this.#forget(before)
    return true
  }

  /** Where the household's hub is from now on. Throws `move.old`. */
  async move(householdId: string, rootId: string, jws: string): Promise<void> {
    const { payload } = await readOrder(moveKind, jws, { householdId, roots: [rootId] })
    const { number } = payload
    await this.#db.transaction().execute(async transaction => {
      if (await enterOrder(transaction, { householdId, kind: 'move', number, jws }))
        await record(transaction, { kind: 'move', move: jws }, { householdId }, this.#now())
    })
  }

  /** Throws `block.device` unless the device is this household's now. */
  async mustOwn(householdId: string, deviceId: string): Promise<void> {
    const standing = await standingOf(this.#db, deviceId)
    mustBe(standing, householdId, standing.epoch)
  }

  /** What a device is told of itself. */
  async device(deviceId: string): Promise<RequestAnswer<'device'>> {
    const { epoch, claim, release, held, blocked } = await standingOf(this.#db, deviceId)
    return { epoch, claim, release, held, blocked }
  }
}

function mustBe(standing: DeviceStanding, householdId: string, epoch: number): void {
  if (standing.householdId !== householdId || standing.epoch !== epoch) throw new OwnlensError('block.device')
}

/**
 * A lift harms nobody: what a household recorded in an epoch of its own that is over may be opened again. An order that stands
 * shows as well as a claim that it was theirs: the claim may be lost with a database that was restored.
 */
async function wasTheirs(db: Db, householdId: string, deviceId: string, epoch: number): Promise<boolean> {
  for (const table of ['claims', 'blocks'] as const) {
    const row = await db
      .selectFrom(table)
      .select('household_id')
      .where('household_id', '=', householdId)
      .where('device_id', '=', deviceId)
      .where('epoch', '=', epoch)
      .executeTakeFirst()
    if (row !== undefined) return true
  }
  return false
}

async function change(
  transaction: Db,
  deviceId: string,
  epoch: number,
  columns: Partial<Tables['claims']>,
): Promise<void> {
  await transaction
    .updateTable('claims')
    .set(columns)
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .execute()
}
