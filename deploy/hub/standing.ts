import { claimKind } from '../../protocol/claim.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import type { Standing } from './owners.ts'

const EPOCH_MAX = 0xffffffff

/** A device as the registrar knows it. */
export interface Owned {
  /** Empty for one that was released. */
  readonly household_id: string
  readonly epoch: number
}

/**
 * The epoch that a claim must go beyond, and that devices are told. A release uses one up: a half that its owner had kept
 * unused was made for an epoch that is over.
 */
export function epochToPass(owned: Owned | undefined): number {
  if (owned === undefined) return 0
  return Math.min(owned.epoch + (owned.household_id === '' ? 1 : 0), EPOCH_MAX)
}

/** Whose a device is; undefined for one that nobody ever claimed. */
export async function ownerOf(db: Db, deviceId: string): Promise<Owned | undefined> {
  return db
    .selectFrom('devices')
    .select(['household_id', 'epoch'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst()
}

/** All that stands for a device in its newest epoch. */
export interface DeviceStanding extends Standing {
  readonly epoch: number
  /** What `epochToPass` says of it. */
  readonly toPass: number
  readonly claim: string | null
  readonly release: string | null
  readonly held: boolean
  /** For good. */
  readonly cloned: boolean
  /** By an order of the maker's; `blocked` says so of either. */
  readonly byMaker: boolean
  /** The owner's order that counts, a lift among them. */
  readonly order: OwnersOrder | null
}

/** Of a household in an epoch: the one that stands, or a later one whose claim a restored database has lost. */
export interface OwnersOrder {
  readonly household_id: string
  readonly epoch: number
  readonly blocked: number
}

const NOBODYS: DeviceStanding = {
  ...{ householdId: null, resetAt: null, objectedUntil: null, blocked: false },
  ...{ epoch: 0, toPass: 0, claim: null, release: null, held: false, cloned: false, byMaker: false },
  order: null,
}

/** Whether an order of the maker's stands against it (PROTOCOL 9.6): in every epoch, and before the first. */
async function makerBlocks(db: Db, deviceId: string): Promise<boolean> {
  const row = await db
    .selectFrom('maker_blocks')
    .select('blocked')
    .where('device_id', '=', deviceId)
    .executeTakeFirst()
  return row?.blocked === 1
}

/**
 * What owners ordered of a device (PROTOCOL 4.7). An order for an epoch after the one that is known shows that a claim was lost
 * with a database that was restored: nobody else could have given it. The latest epoch's is the owner's of now.
 */
async function ownersOrder(db: Db, deviceId: string, owned: Owned | undefined): Promise<OwnersOrder | null> {
  const { household_id, epoch } = owned ?? { household_id: '', epoch: 0 }
  const row = await db
    .selectFrom('blocks')
    .select(['household_id', 'epoch', 'blocked'])
    .where('device_id', '=', deviceId)
    .where(one =>
      one.or([
        one('epoch', '>', epoch),
        one.and([one('epoch', '=', epoch), one('household_id', '=', household_id)]),
      ]),
    )
    .orderBy('epoch', 'desc')
    .orderBy('blocked', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? null
}

/** Whether a household's camera in this epoch is refused as blocked. */
export function isBlockedIn(
  { blocked, order, ...standing }: DeviceStanding,
  householdId: string,
  epoch: number,
): boolean {
  if (!blocked) return false
  if (standing.householdId === householdId && standing.epoch === epoch) return true
  return order?.blocked === 1 && order.household_id === householdId && order.epoch === epoch
}

/** Epoch 0 for a device that nobody ever claimed. */
export async function standingOf(db: Db, deviceId: string): Promise<DeviceStanding> {
  const row = await db
    .selectFrom('devices')
    // Who was erased has left no claim, but its epoch is used up.
    .leftJoin('claims', join =>
      join.onRef('claims.device_id', '=', 'devices.device_id').onRef('claims.epoch', '=', 'devices.epoch'),
    )
    .select(['devices.household_id', 'devices.epoch', 'held', 'cloned', 'claim'])
    .select(['released', 'reset_at', 'objected_until'])
    .where('devices.device_id', '=', deviceId)
    .executeTakeFirst()
  const byMaker = await makerBlocks(db, deviceId)
  const order = await ownersOrder(db, deviceId, row)
  const blocked = byMaker || order?.blocked === 1
  if (row === undefined) return { ...NOBODYS, blocked, byMaker, order }
  const at = (time: string | null) => (time === null ? null : Date.parse(time))
  return {
    householdId: row.household_id === '' ? null : row.household_id,
    resetAt: at(row.reset_at),
    objectedUntil: at(row.objected_until),
    blocked,
    epoch: row.epoch,
    toPass: epochToPass(row),
    claim: row.claim,
    release: row.released,
    held: row.held === 1,
    cloned: row.cloned === 1,
    byMaker,
    order,
  }
}

/** The claim that was registered for this epoch. */
export async function claimOf(db: Db, deviceId: string, epoch: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('claims')
    .select('claim')
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .executeTakeFirst()
  return row?.claim
}

/** Statement hash of the half in that claim. */
export async function halfOf(db: Db, deviceId: string, epoch: number): Promise<string | undefined> {
  const claim = await claimOf(db, deviceId, epoch)
  if (claim === undefined) return undefined
  const { payload } = await readStatement(claimKind, claim, 'itself')
  return statementHash(payload.half)
}
