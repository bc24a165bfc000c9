import { randomBytes } from 'node:crypto'
import { commit, SALT_BYTES } from '../../log/commitment.ts'
import type { RecordContent } from '../../protocol/record.ts'
import type { Db } from './database.ts'

/** Whose the record is: it is erased with them. */
export interface About {
  readonly householdId?: string
  readonly deviceId?: string
}

/**
 * Writes down a change beside the change itself, in its transaction: nothing happens unrecorded, and nothing is recorded that
 * did not happen. The log takes it from here.
 *
 * @returns the record's number.
 */
export async function record(
  transaction: Db,
  content: RecordContent,
  { householdId, deviceId }: About,
  now: Date,
): Promise<number> {
  const salt = randomBytes(SALT_BYTES)
  const text = JSON.stringify(content)
  const { record_id } = await transaction
    .insertInto('records')
    .values({
      ...{ position: null, at: now.toISOString(), commitment: commit(salt, text) },
      ...{ salt: salt.toString('base64url'), content: text },
      ...{ household_id: householdId ?? null, device_id: deviceId ?? null },
    })
    .returning('record_id')
    .executeTakeFirstOrThrow()
  return record_id
}
