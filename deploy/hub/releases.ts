import { supersede } from './certificate-book.ts'
import type { Db } from './database.ts'
import { record } from './records.ts'
import { forgetStatus } from './statuses.ts'

/** The owner's word that a device is nobody's any more (PROTOCOL 4.5), whose signature holds. */
export interface Release {
  readonly payload: { readonly householdId: string; readonly deviceId: string; readonly epoch: number }
  readonly jws: string
}

/** Whether the household's claim of that epoch was released before. */
export async function isReleased(
  db: Db,
  { householdId, deviceId, epoch }: Release['payload'],
): Promise<boolean> {
  const row = await db
    .selectFrom('claims')
    .select(['household_id', 'released'])
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .executeTakeFirst()
  return row?.household_id === householdId && row.released !== null
}

/**
 * Writes down a release beside the claim that it is about; where that claim stands, the device is nobody's then and its
 * certificates count no more.
 *
 * @returns false when that claim is not there, or was released before.
 */
export async function enterRelease(transaction: Db, { payload, jws }: Release, now: Date): Promise<boolean> {
  const { householdId, deviceId, epoch } = payload
  const { numUpdatedRows } = await transaction
    .updateTable('claims')
    .set({ released: jws })
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .where('household_id', '=', householdId)
    .where('released', 'is', null)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) return false
  await record(transaction, { kind: 'release', release: jws }, { householdId, deviceId }, now)
  const { numUpdatedRows: freed } = await transaction
    .updateTable('devices')
    .set({ household_id: '' })
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .where('household_id', '=', householdId)
    .executeTakeFirstOrThrow()
  if (freed === 0n) return true
  await supersede(transaction, { owner: deviceId }, now)
  await forgetStatus(transaction, householdId, deviceId)
  return true
}
