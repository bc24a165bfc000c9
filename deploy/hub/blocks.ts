import { blockKind } from '../../protocol/ownership.ts'
import { readStatement } from '../../protocol/statement.ts'
import { supersede } from './certificate-book.ts'
import type { Db } from './database.ts'
import { notify } from './notices.ts'
import { record } from './records.ts'
import { isReleased } from './releases.ts'
import { ownerOf } from './standing.ts'

/** An order whose signature holds (PROTOCOL 4.7). */
export interface BlockOrder {
  readonly jws: string
  readonly householdId: string
  /** How many successions came before the root that signed it. With `number`: its rank. */
  readonly generation: number
  readonly number: number
  readonly devices: readonly Place[]
  readonly blocked: boolean
}

/** One that was kept, and the root that has signed it. */
export interface KeptBlock extends BlockOrder {
  readonly signerId: string
}

/** A device in one epoch of a household. */
export interface Place {
  readonly deviceId: string
  readonly epoch: number
}

/** Reads one that was checked when it came. Throws what `readStatement` throws. */
export async function readKeptBlock(jws: string, generation: number): Promise<KeptBlock> {
  const { signer, payload } = await readStatement(blockKind, jws, 'itself')
  const { householdId, number, devices, blocked } = payload
  return { jws, householdId, generation, number, devices, blocked, signerId: signer.id }
}

/**
 * For which devices this order is newer than what stands. What stands for a device is the order of the highest rank that
 * names it, whichever came first: one that comes again, or late, takes nothing back.
 *
 * @returns `stands`: it is the very order that stands for one of them at least.
 */
export async function compareBlock(
  db: Db,
  { jws, householdId, generation, number, devices }: BlockOrder,
): Promise<{ readonly newer: readonly Place[]; readonly stands: boolean }> {
  const newer: Place[] = []
  let stands = false
  for (const place of devices) {
    const held = await db
      .selectFrom('blocks')
      .select(['generation', 'number', 'jws'])
      .where('household_id', '=', householdId)
      .where('device_id', '=', place.deviceId)
      .where('epoch', '=', place.epoch)
      .executeTakeFirst()
    if (held?.jws === jws) stands = true
    else if (
      held === undefined ||
      generation > held.generation ||
      (generation === held.generation && number > held.number)
    )
      newer.push(place)
  }
  return { newer, stands }
}

/** Which orders stand for these devices. */
export async function ordersFor(
  db: Db,
  householdId: string,
  places: readonly Place[],
): Promise<readonly Pick<BlockOrder, 'jws' | 'generation'>[]> {
  const found = new Map<string, Pick<BlockOrder, 'jws' | 'generation'>>()
  for (const { deviceId, epoch } of places) {
    const row = await db
      .selectFrom('blocks')
      .select(['jws', 'generation'])
      .where('household_id', '=', householdId)
      .where('device_id', '=', deviceId)
      .where('epoch', '=', epoch)
      .executeTakeFirst()
    // Of an earlier version, which did not keep the order.
    if (row !== undefined && row.jws !== '') found.set(row.jws, row)
  }
  return [...found.values()]
}

/**
 * Whether a database that is restored would need this order: it is the newest for a device that its household has not released in
 * that epoch. A release is the household's last word on an epoch, and is kept itself.
 */
export async function isNeeded(db: Db, { jws, householdId, devices }: BlockOrder): Promise<boolean> {
  for (const { deviceId, epoch } of devices) {
    if (await isReleased(db, { householdId, deviceId, epoch })) continue
    const [standing] = await ordersFor(db, householdId, [{ deviceId, epoch }])
    if (standing?.jws === jws) return true
  }
  return false
}

/**
 * Lets an order stand for these devices. A blocked one that is the household's in that epoch, or was in one that is not known here
 * any more, loses its certificates; its owner is told.
 */
export async function enterBlock(
  transaction: Db,
  { jws, householdId, generation, number, blocked }: BlockOrder,
  places: readonly Place[],
  now: Date,
): Promise<void> {
  if (places.length === 0) return
  await record(transaction, { kind: 'block', block: jws }, { householdId }, now)
  for (const { deviceId, epoch } of places) {
    const order = { generation, number, blocked: blocked ? 1 : 0, jws }
    await transaction
      .insertInto('blocks')
      .values({ household_id: householdId, device_id: deviceId, epoch, ...order })
      .onConflict(conflict => conflict.columns(['household_id', 'device_id', 'epoch']).doUpdateSet(order))
      .execute()
    const owned = await ownerOf(transaction, deviceId)
    // For a later epoch than is known: its claim was lost with a database that was restored, and the order counts all the same.
    const isLater = epoch > (owned?.epoch ?? 0)
    if (!isLater && (owned?.household_id !== householdId || owned.epoch !== epoch)) continue
    if (blocked) await supersede(transaction, { owner: deviceId }, now)
    await notify(transaction, householdId, { kind: blocked ? 'blocked' : 'unblocked', deviceId }, now)
  }
}

/** Orders that stand for devices of a household, lifts among them: each that is the newest for one at least, newest first. */
export async function standingBlocks(db: Db, householdId: string, most: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('blocks')
    .select('jws')
    .distinct()
    .select(['generation', 'number'])
    .where('household_id', '=', householdId)
    // Of an earlier version, which did not keep the order.
    .where('jws', '<>', '')
    .orderBy('generation', 'desc')
    .orderBy('number', 'desc')
    .limit(most)
    .execute()
  return rows.map(({ jws }) => jws)
}
