import { join } from 'node:path'
import { sql } from 'kysely'
import { blockKind, releaseKind } from '../../protocol/ownership.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'
import type { ClipStore } from './clip-store.ts'
import type { Db } from './database.ts'
import { eraseEvidence } from './evidence.ts'
import type { KeptOrder, OrderJournal } from './order-journal.ts'

export interface ErasureParts {
  readonly database: Db
  readonly disk: Disk
  /** The hub's own. */
  readonly data: string
  readonly journal: OrderJournal
  readonly store: () => ClipStore
  readonly forgetDeletions: (householdId: string) => Promise<void>
  /** Resolves when no part of a clip is on its way to the disk. */
  readonly settled: () => Promise<void>
  /** Their sessions end. */
  readonly changed: (owners: readonly string[]) => Promise<void>
  readonly now: () => Date
}

/** How much of a household was erased. */
export interface Erased {
  readonly records: number
  readonly reports: number
  /** Cameras that were its own: they are nobody's now. */
  readonly cameras: number
}

/**
 * Forgets a household (PROTOCOL 10.4): its rows, its sealed clips, its orders, its reports and what was frozen of it, and salts and
 * contents of its records. What the log has of it stays, and says nothing any more. Done again it finishes what was cut off.
 */
export class Erasure {
  readonly #parts: ErasureParts

  constructor(parts: ErasureParts) {
    this.#parts = parts
  }

  /** Cameras that a household has, or had: nothing about them may be under way. */
  async devicesOf(householdId: string): Promise<readonly string[]> {
    const rows = await this.#parts.database
      .selectFrom('claims')
      .select('device_id')
      .where('household_id', '=', householdId)
      .distinct()
      .execute()
    return rows.map(row => row.device_id)
  }

  async erase(householdId: string): Promise<Erased> {
    const { database, disk, data, journal, store, forgetDeletions, settled, changed, now } = this.#parts
    const { erased, owners } = await database
      .transaction()
      .execute(transaction => eraseRows(transaction, householdId, now()))
    await changed(owners)
    await eraseEvidence(disk, join(data, 'evidence'), householdId)
    for (const order of await journal.all())
      if ((await householdOf(order)) === householdId) await journal.forget(order)
    await journal.forgetDamaged()
    await disk.syncFolder(join(data, 'orders')).catch(absent)
    await settled()
    await store().forget(householdId)
    await forgetDeletions(householdId)
    // What was overwritten stands in the journal of the database until then.
    await sql`pragma wal_checkpoint(truncate)`.execute(database)
    return erased
  }
}

const absent = (error: NodeJS.ErrnoException) => {
  if (error.code !== 'ENOENT') throw error
}

/** Undefined for what the maker has said: it is nobody's of a home. */
async function householdOf(order: KeptOrder): Promise<string | undefined> {
  if (order.kind === 'block')
    return (await readStatement(blockKind, order.block, 'itself')).payload.householdId
  if (order.kind === 'release')
    return (await readStatement(releaseKind, order.release, 'itself')).payload.householdId
  return undefined
}

/** @returns whose sessions end. */
async function eraseRows(
  db: Db,
  householdId: string,
  now: Date,
): Promise<{ erased: Erased; owners: readonly string[] }> {
  const reports = await db
    .selectFrom('reports')
    .select('report_hash')
    .where('household_id', '=', householdId)
    .execute()
  for (const { report_hash } of reports)
    await db.deleteFrom('incident_reports').where('report_hash', '=', report_hash).execute()
  const certificates = await db
    .selectFrom('certificates')
    .select(['serial', 'owner'])
    .where('uri', 'like', `ownlens:%:${householdId}:%`)
    .execute()
  // Brokers that are told in files must know until they end that these count no more.
  for (const { serial } of certificates)
    await db
      .updateTable('certificates')
      .set({ superseded_at: now.toISOString(), uri: '', common_name: '', owner: '' })
      .where('serial', '=', serial)
      .execute()
  const cameras = await db
    .updateTable('devices')
    .set({ household_id: '', certificate: '' })
    .where('household_id', '=', householdId)
    .executeTakeFirst()
  const records = await db
    .updateTable('records')
    .set({ salt: null, content: null, household_id: null, device_id: null })
    .where('household_id', '=', householdId)
    .executeTakeFirst()
  for (const table of TABLES) await db.deleteFrom(table).where('household_id', '=', householdId).execute()
  return {
    erased: {
      records: Number(records.numUpdatedRows),
      reports: reports.length,
      cameras: Number(cameras.numUpdatedRows),
    },
    owners: [...new Set(certificates.map(({ owner }) => owner))],
  }
}

/** All that is a household's, row by row. */
const TABLES = [
  'reports',
  'statuses',
  'notices',
  'mailboxes',
  'orders',
  'blocks',
  'waiting_releases',
  'claims',
  'members',
  'households',
] as const
