import { OwnlensError } from '../../protocol/errors.ts'
import type { MakerBlock } from '../../protocol/maker-block.ts'
import { statementHash } from '../../protocol/statement.ts'
import { supersedeAll } from './certificate-book.ts'
import type { Db } from './database.ts'
import { mustBeSigner } from './maker-keys.ts'
import { notifyAll } from './notices.ts'
import { record } from './records.ts'

const DAY_MS = 24 * 3600_000
/** So many devices the orders of single signers may name in a day, all signers together. */
const SINGLE_MAX = 10
/** A number is a time: one from further ahead could use up all that are higher, and no order would lift it. */
const AHEAD_MS = DAY_MS
/** So many rows a statement of SQL names. */
const CHUNK = 200

/** An order, with the second signer's word. */
interface Given {
  readonly jws: string
  readonly second: string | null
}

/**
 * Looks whether an order may be given (PROTOCOL 9.6). Nobody else enters one meanwhile.
 *
 * @returns false for the very order that stands already.
 * @throws OwnlensError `block.signer`, `block.second`, `block.ahead`; `block.old`, with the number that is to be exceeded.
 */
export async function mayGive(db: Db, order: MakerBlock, now: Date): Promise<boolean> {
  const { number, devices, signer, second } = order
  await mustBeSigner(db, signer.id)
  if (second !== null) await mustBeSigner(db, second.signer.id)
  const newest = await newestFor(db, devices)
  const same = await db
    .selectFrom('maker_orders')
    .select('jws')
    .where('number', '=', number)
    .executeTakeFirst()
  const isSame = same !== undefined && statementHash(same.jws) === statementHash(order.jws)
  if (isSame && (await standsStill(db, order))) return false
  if (number <= newest) throw new OwnlensError('block.old', String(newest))
  // Of other devices: a number means one order.
  if (same !== undefined) throw new OwnlensError('block.old', String(number))
  if (await isAhead(db, order, now)) throw new OwnlensError('block.ahead')
  if (second === null && (await singlyNamed(db, devices, now)) > SINGLE_MAX)
    throw new OwnlensError('block.second')
  return true
}

/** Whether no later order could exceed this number in time. */
export async function isAhead(db: Db, { number, devices }: MakerBlock, now: Date): Promise<boolean> {
  // One more than what stands is never too far: else a clock that was wrong once would keep a block for ever.
  return number > now.getTime() + AHEAD_MS && number > (await newestFor(db, devices)) + 1
}

/** The highest number of an order that stands for one of these devices; 0 where none does. */
async function newestFor(db: Db, devices: readonly string[]): Promise<number> {
  const rows = await chunked(devices, ids =>
    db.selectFrom('maker_blocks').select('number').where('device_id', 'in', ids).execute(),
  )
  return rows.reduce((most, { number }) => Math.max(most, number), 0)
}

/** How many devices single signers would have named within a day, once they have named these too. */
async function singlyNamed(db: Db, devices: readonly string[], now: Date): Promise<number> {
  if (devices.length > SINGLE_MAX) return devices.length
  const rows = await db
    .selectFrom('maker_blocks')
    .select('device_id')
    .where('single_at', '>', new Date(now.getTime() - DAY_MS).toISOString())
    .limit(SINGLE_MAX + 1)
    .execute()
  return new Set([...rows.map(row => row.device_id), ...devices]).size
}

/**
 * Enters an order, whether it may be given or was given before the database was restored. Devices for which a newer one stands
 * keep that one. Certificates of blocked devices count no more; their owners are told.
 *
 * @returns the devices for which it stands now, those of them that are blocked now and were not, or the reverse, and the orders that
 *   stand for no device any more: they are forgotten here.
 * @param givenAt when a single signer gave it: its devices count for a day from then.
 */
export async function enterMakerBlock(
  db: Db,
  order: MakerBlock,
  now: Date,
  givenAt = now,
): Promise<{
  readonly stands: readonly string[]
  readonly changed: readonly string[]
  readonly overtaken: readonly Given[]
}> {
  const { number, blocked, reason, jws, second } = order
  const at = givenAt.toISOString()
  return db.transaction().execute(async transaction => {
    const standing = await chunked(order.devices, devices =>
      transaction
        .selectFrom('maker_blocks')
        .select(['device_id', 'number', 'blocked', 'single_at'])
        .where('device_id', 'in', devices)
        .execute(),
    )
    const before = new Map(standing.map(row => [row.device_id, row]))
    const devices = order.devices.filter(id => (before.get(id)?.number ?? 0) < number)
    if (devices.length === 0) return { stands: [], changed: [], overtaken: [] }
    const content = { kind: 'makerBlock', block: jws, second: second?.jws ?? null } as const
    const record_id = await record(transaction, content, {}, now)
    await transaction
      .insertInto('maker_orders')
      .values({ number, jws, second: second?.jws ?? null, record_id })
      .onConflict(conflict => conflict.column('number').doNothing())
      .execute()
    await chunked(devices, async ids => {
      const rows = ids.map(device_id => ({
        ...{ device_id, number, blocked: blocked ? 1 : 0 },
        single_at: second === null ? at : (before.get(device_id)?.single_at ?? null),
      }))
      await transaction.deleteFrom('maker_blocks').where('device_id', 'in', ids).execute()
      await transaction.insertInto('maker_blocks').values(rows).execute()
      if (blocked) await supersedeAll(transaction, ids, now)
      return []
    })
    const changed = devices.filter(id => (before.get(id)?.blocked === 1) !== blocked)
    const owned = await chunked(changed, ids =>
      transaction
        .selectFrom('devices')
        .select(['device_id', 'household_id'])
        .where('device_id', 'in', ids)
        .where('household_id', '<>', '')
        .execute(),
    )
    const kind = blocked ? 'makerBlocked' : 'makerUnblocked'
    const notices = owned.map(({ device_id: deviceId, household_id: householdId }) => ({
      householdId,
      notice: { kind, deviceId, reason } as const,
    }))
    await notifyAll(transaction, notices, now)
    const numbers = new Set(devices.flatMap(id => before.get(id)?.number ?? []))
    return { stands: devices, changed, overtaken: await forgetOvertaken(transaction, numbers) }
  })
}

/** Forgets those of these orders that are the newest for no device any more. */
async function forgetOvertaken(transaction: Db, numbers: Iterable<number>): Promise<readonly Given[]> {
  const overtaken: Given[] = []
  for (const number of numbers) {
    if (await standsStill(transaction, { number })) continue
    const row = await transaction
      .selectFrom('maker_orders')
      .select(['jws', 'second'])
      .where('number', '=', number)
      .executeTakeFirst()
    if (row !== undefined) overtaken.push(row)
    await transaction.deleteFrom('maker_orders').where('number', '=', number).execute()
  }
  return overtaken
}

/** Whether it is the newest order for some device still. */
export async function standsStill(db: Db, { number }: Pick<MakerBlock, 'number'>): Promise<boolean> {
  const row = await db
    .selectFrom('maker_blocks')
    .select('device_id')
    .where('number', '=', number)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Every order that stands for some device. */
export async function standingMakerBlocks(db: Db): Promise<readonly Given[]> {
  return db
    .selectFrom('maker_orders')
    .select(['jws', 'second'])
    .where('number', 'in', db.selectFrom('maker_blocks').select('number'))
    .execute()
}

async function chunked<T>(
  ids: readonly string[],
  work: (ids: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found: T[] = []
  for (let from = 0; from < ids.length; from += CHUNK)
    found.push(...(await work(ids.slice(from, from + CHUNK))))
  return found
}
