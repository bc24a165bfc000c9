import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../deploy/hub/database.ts'
import { base32, sha256 } from '../protocol/ids.ts'
import type { Signer } from '../protocol/keys.ts'

/** How often every device has enrolled. */
export const COUNTER = 7
/** How often each device renews its certificate. */
export const RENEWAL_MS = 12 * 3600_000
const EPOCH = 1
/** Cameras of one home, and its members. */
const CAMERAS = 4
const MEMBERS = 2
/** Bytes of what is stored as text: as large as the real ones of a home with two members. */
const ROSTER = 9000
const CLAIM = 4500
const CERTIFICATE = 1000
const BATCH = 500

/** Where a device with a key of ours belongs. */
export interface Placed {
  readonly householdId: string
  readonly epoch: number
}

/**
 * Fills an empty registrar with homes of four cameras, each with a claim, a certificate that counts and the one before it that
 * is not forgotten yet, their ends spread as in a hub that has run for long. Ids are random as hashes are. The first devices are those of
 * `keys`; the others have no key anywhere.
 */
export async function fillRegistrar(db: Db, devices: number, keys: readonly Signer[]): Promise<Placed[]> {
  const placed = keys.map((_key, index) => ({
    householdId: householdId(Math.floor(index / CAMERAS)),
    epoch: EPOCH,
  }))
  await db.transaction().execute(async transaction => {
    await sql`create temp table d (id text not null, home text not null)`.execute(transaction)
    for (let at = 0; at < devices; at += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, devices - at) }, (_one, index) => {
        const number = at + index
        return sql`(${keys[number]?.id ?? randomId()}, ${householdId(Math.floor(number / CAMERAS))})`
      })
      await sql`insert into d values ${sql.join(batch)}`.execute(transaction)
    }
    await fillTables(transaction)
    await sql`drop table d`.execute(transaction)
  })
  return placed
}

/** Every table by one statement, out of the devices. */
async function fillTables(db: Db): Promise<void> {
  const ends = (fromHour: number) =>
    sql.raw(
      `strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '${fromHour} hours', (abs(random()) % ${RENEWAL_MS / 1000}) || ' seconds')`,
    )
  const serial = sql.raw('lower(hex(randomblob(16)))')
  const text = (bytes: number) => 'x'.repeat(bytes)
  await sql`insert into households (household_id, root_id, roster, roster_number, successions)
    select distinct home, home, ${text(ROSTER)}, 1, '[]' from d`.execute(db)
  for (let member = 0; member < MEMBERS; member++)
    await sql`insert into members (household_id, member_id)
      select household_id, ${member} || substr(household_id, 2) from households`.execute(db)
  await sql`insert into claims (device_id, epoch, household_id, claim, registered_at)
    select id, ${EPOCH}, home, ${text(CLAIM)}, '2026-01-01T00:00:00.000Z' from d`.execute(db)
  await sql`insert into devices (device_id, household_id, epoch, counter, request, certificate, held, boots)
    select id, home, ${EPOCH}, ${COUNTER}, ${serial} || ${serial}, ${text(CERTIFICATE)}, 0, '["aaaaaaaaaaaaaaaaaaaaaaaaaa"]'
    from d`.execute(db)
  // A certificate is good for 24 hours and forgotten an hour after its end.
  for (const [from, superseded] of [
    [-1, '2026-01-01T00:00:00.000Z'],
    [11, null],
  ] as const)
    await sql`insert into certificates (serial, common_name, owner, uri, not_after, superseded_at)
      select ${serial}, id, id, 'ownlens:device:' || home || ':' || ${EPOCH} || ':' || id, ${ends(from)}, ${superseded}
      from d`.execute(db)
}

const randomId = (): string => base32(randomBytes(32))
const householdId = (number: number): string => base32(sha256(`home ${number}`))
