import { sql } from 'kysely'
import { statementHash } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import type { Concerned } from './evidence.ts'

/** Records of one home that are frozen: the newest ones, and no more than so many bytes of what they say. */
const RECORDS_MAX = 5000
const RECORD_BYTES_MAX = 8 * 1024 * 1024
/** Cameras and homes that one report can lead to. */
const DEVICES_MAX = 200

/**
 * Whom these homes and cameras lead to: cameras that bear or bore one serial with one of them, and every home that ever had
 * one of those.
 *
 * @returns `isCut` when there are more than are followed.
 */
export async function related(
  db: Db,
  { households, devices }: Concerned,
): Promise<Concerned & { readonly isCut: boolean }> {
  const own =
    devices.length > 0 || households.length === 0
      ? devices
      : await db
          .selectFrom('devices')
          .select('device_id')
          .where('household_id', 'in', [...households])
          .execute()
          .then(rows => rows.map(row => row.device_id))
  const all = new Set(own)
  const serials = await serialsOf(db, [...all])
  if (serials.length > 0) {
    const bearing = await db
      .selectFrom('serials')
      .select('device_id')
      .where('serial', 'in', serials)
      .execute()
    const told = await db.selectFrom('notices').select('device_id').where('serial', 'in', serials).execute()
    for (const { device_id } of [...bearing, ...told]) all.add(device_id)
  }
  const some = [...all].slice(0, DEVICES_MAX)
  const claimed =
    some.length === 0
      ? []
      : await db
          .selectFrom('claims')
          .select('household_id')
          .where('device_id', 'in', some)
          .distinct()
          .execute()
  const homes = new Set([...households, ...claimed.map(row => row.household_id)])
  const isCut = all.size > DEVICES_MAX || homes.size > DEVICES_MAX
  return { devices: some, households: [...homes].slice(0, DEVICES_MAX), isCut }
}

/** Serials that these cameras bear, or bore when somebody was told of a dispute. */
async function serialsOf(db: Db, devices: readonly string[]): Promise<string[]> {
  if (devices.length === 0) return []
  const now = await db
    .selectFrom('serials')
    .select('serial')
    .where('device_id', 'in', [...devices])
    .execute()
  const once = await db
    .selectFrom('notices')
    .select('serial')
    .where('device_id', 'in', [...devices])
    .where('serial', 'is not', null)
    .execute()
  return [...new Set([...now, ...once].flatMap(({ serial }) => (serial === null ? [] : [serial])))]
}

/** What the database holds of one home, as far as these cameras are concerned. */
export async function rowsOfHousehold(db: Db, householdId: string, devices: readonly string[]) {
  const ids = [...devices]
  const home = await db
    .selectFrom('households')
    .select(['root_id', 'roster', 'roster_number', 'successions'])
    .where('household_id', '=', householdId)
    .executeTakeFirst()
  const of = <T>(rows: Promise<T>, none: T): Promise<T> => (ids.length === 0 ? Promise.resolve(none) : rows)
  const claims = await of(
    db
      .selectFrom('claims')
      .select(['device_id', 'epoch', 'claim', 'registered_at', 'released', 'reset_at', 'objected_until'])
      .where('household_id', '=', householdId)
      .where('device_id', 'in', ids)
      .orderBy('registered_at')
      .execute(),
    [],
  )
  const blocks = await of(
    db
      .selectFrom('blocks')
      .select(['device_id', 'epoch', 'generation', 'number', 'blocked', 'jws'])
      .where('household_id', '=', householdId)
      .where('device_id', 'in', ids)
      .execute(),
    [],
  )
  const notices = await of(
    db
      .selectFrom('notices')
      .select(['at', 'kind', 'device_id', 'free_at', 'serial'])
      .where('household_id', '=', householdId)
      .where('device_id', 'in', ids)
      .orderBy('at')
      .execute(),
    [],
  )
  const has = await of(
    db
      .selectFrom('devices')
      .select(['device_id', 'epoch', 'held', 'cloned'])
      .where('household_id', '=', householdId)
      .where('device_id', 'in', ids)
      .execute(),
    [],
  )
  const statuses = await db
    .selectFrom('statuses')
    .select(['device_id', 'epoch', 'at'])
    .where('household_id', '=', householdId)
    .execute()
  const records = await newestRecords(db, householdId, ids)
  const roster = home && { ...home, hash: statementHash(home.roster) }
  const own = { householdId, roster: roster ?? null, claims, blocks, notices, has, statuses }
  return { ...own, ...records }
}

/**
 * Records of a home, or of nobody's (null), that are about no camera or one of these, oldest first; `earlier`: how many more there are.
 */
async function newestRecords(db: Db, householdId: string | null, devices: readonly string[]) {
  const about = db
    .selectFrom('records')
    .where('household_id', householdId === null ? 'is' : '=', householdId)
    .where(row =>
      row.or([
        row('device_id', 'is', null),
        ...(devices.length > 0 ? [row('device_id', 'in', [...devices])] : []),
      ]),
    )
  const { all } = await about.select(row => row.fn.countAll<number>().as('all')).executeTakeFirstOrThrow()
  const sizes = await about
    .select(['record_id', sql<number>`coalesce(length(content), 0)`.as('bytes')])
    .orderBy('record_id', 'desc')
    .limit(RECORDS_MAX)
    .execute()
  let bytes = 0
  const some = sizes.filter(size => {
    bytes += size.bytes
    return bytes <= RECORD_BYTES_MAX
  })
  const records = await about
    .select(['record_id', 'position', 'at', 'commitment', 'salt', 'content', 'device_id'])
    .where('record_id', '>=', some.at(-1)?.record_id ?? Number.MAX_SAFE_INTEGER)
    .orderBy('record_id')
    .execute()
  return { records, earlier: all - records.length }
}

/** What the database holds of cameras whoever has them, of their maker's keys, and of what is nobody's alone. */
export async function rowsOfDevices(db: Db, devices: readonly string[]) {
  const ids = [...devices]
  const of = <T>(rows: Promise<T>, none: T): Promise<T> => (ids.length === 0 ? Promise.resolve(none) : rows)
  const serials = await of(
    db
      .selectFrom('serials')
      .select(['device_id', 'serial', 'disputed', 'registered_at'])
      .where('device_id', 'in', ids)
      .execute(),
    [],
  )
  const makerBlocks = await of(
    db.selectFrom('maker_blocks').selectAll().where('device_id', 'in', ids).execute(),
    [],
  )
  const makerKeys = await db.selectFrom('maker_keys').select(['key_id', 'kind', 'name', 'active']).execute()
  return { devices: ids, serials, makerBlocks, makerKeys, ...(await newestRecords(db, null, ids)) }
}
