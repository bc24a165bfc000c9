import { randomBytes } from 'node:crypto'
import { base32 } from '../../protocol/ids.ts'
import type { Notice } from '../../protocol/registrar.ts'
import type { Db } from './database.ts'

const DAY = 24 * 3600_000
const KEPT_MS = 90 * DAY
/** So many the hub keeps for one household: as many as one answer holds. The oldest give way. */
const NOTICES_MAX = 1000

/** What happened to a camera: its kind, and what that kind says besides. */
type Happened = Pick<Notice, 'kind' | 'deviceId'> & Partial<Notice>

/** Writes down for its owner what happened to a camera; forgets what is too old or too much. */
export async function notify(
  db: Db,
  householdId: string,
  notice: Happened,
  now: Date,
  most = NOTICES_MAX,
): Promise<void> {
  await notifyAll(db, [{ householdId, notice }], now, most)
}

/** The same for many cameras at once, of several homes or of one. */
export async function notifyAll(
  db: Db,
  told: readonly { readonly householdId: string; readonly notice: Happened }[],
  now: Date,
  most = NOTICES_MAX,
): Promise<void> {
  if (told.length === 0) return
  await db
    .deleteFrom('notices')
    .where('at', '<', new Date(now.getTime() - KEPT_MS).toISOString())
    .execute()
  const fresh = new Map<string, number>()
  for (const { householdId } of told) fresh.set(householdId, (fresh.get(householdId) ?? 0) + 1)
  for (const [householdId, count] of fresh) await makeRoom(db, householdId, Math.max(most - count, 0))
  for (const { householdId, notice } of told) {
    const { kind, deviceId, freeAt = null, serial = null, reason = null } = notice
    await db
      .insertInto('notices')
      .values({
        ...{ notice_id: base32(randomBytes(16)), household_id: householdId, at: now.toISOString() },
        ...{ kind, device_id: deviceId, free_at: freeAt, serial, reason },
      })
      .execute()
  }
}

/** Leaves the newest `most` notices of a household, or fewer where several came at the same moment. */
async function makeRoom(db: Db, householdId: string, most: number): Promise<void> {
  const surplus = await db
    .selectFrom('notices')
    .select('at')
    .where('household_id', '=', householdId)
    .orderBy('at', 'desc')
    .limit(1)
    .offset(most)
    .executeTakeFirst()
  if (surplus === undefined) return
  await db
    .deleteFrom('notices')
    .where('household_id', '=', householdId)
    .where('at', '<=', surplus.at)
    .execute()
}

/** What its members are told, newest first. */
export async function noticesOf(db: Db, householdId: string): Promise<readonly Notice[]> {
  const rows = await db
    .selectFrom('notices')
    .select(['kind', 'device_id', 'at', 'free_at', 'serial', 'reason'])
    .where('household_id', '=', householdId)
    .orderBy('at', 'desc')
    .limit(NOTICES_MAX)
    .execute()
  return rows.map(({ kind, device_id: deviceId, at, free_at: freeAt, serial, reason }) => ({
    ...{ kind, deviceId, at, freeAt, serial, reason },
  }))
}
