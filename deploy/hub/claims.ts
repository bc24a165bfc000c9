import type { Claim } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { supersede } from './certificate-book.ts'
import type { Db } from './database.ts'

/** So many claims the hub keeps for one household: as many as one answer holds. */
export const CLAIMS_MAX = 1000

/** A device as the registrar knows it. */
export interface Owned {
  readonly household_id: string
  readonly epoch: number
}

/** Which device belongs to which household, in which epoch; every claim that ever stood. */
export class Claims {
  readonly #db: Db
  readonly #now: () => Date
  readonly #max: number

  constructor(db: Db, now: () => Date, max = CLAIMS_MAX) {
    this.#db = db
    this.#now = now
    this.#max = max
  }

  /**
   * Compare and swap: of two homes at once exactly one wins. The device's certificates count no more then.
   *
   * @param claim one whose signatures hold.
   * @returns false for the very claim that stands already.
   * @throws OwnlensError `claim.epoch`, `hub.limit`.
   */
  async take(claim: Claim): Promise<boolean> {
    return this.#db.transaction().execute(async transaction => {
      const { deviceId: device_id, householdId: household_id, epoch } = claim
      const current = (await find(transaction, device_id))?.epoch ?? 0
      if (epoch === current && (await claimOf(transaction, device_id, epoch)) === claim.jws) return false
      if (claim.registrarEpoch !== current || epoch <= current) throw new OwnlensError('claim.epoch')
      if ((await count(transaction, household_id, this.#max)) >= this.#max)
        throw new OwnlensError('hub.limit')
      const registered_at = this.#now().toISOString()
      await transaction
        .insertInto('claims')
        .values({ device_id, epoch, household_id, claim: claim.jws, registered_at })
        .execute()
      await transaction
        .insertInto('devices')
        .values({ device_id, household_id, epoch, counter: 0, request: '', certificate: '', held: 0 })
        .onConflict(conflict => conflict.column('device_id').doUpdateSet({ household_id, epoch }))
        .execute()
      await supersede(transaction, { owner: device_id }, this.#now())
      return true
    })
  }

  /** All claims of a household, oldest first. */
  async ofHousehold(householdId: string): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('claims')
      .select('claim')
      .where('household_id', '=', householdId)
      .orderBy('registered_at')
      .limit(this.#max)
      .execute()
    return rows.map(row => row.claim)
  }

  /** Undefined for a device that nobody has claimed. */
  async device(deviceId: string): Promise<Owned | undefined> {
    return find(this.#db, deviceId)
  }
}

async function find(db: Db, deviceId: string): Promise<Owned | undefined> {
  return db
    .selectFrom('devices')
    .select(['household_id', 'epoch'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst()
}

async function claimOf(db: Db, deviceId: string, epoch: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('claims')
    .select('claim')
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .executeTakeFirst()
  return row?.claim
}

/** Counts no further than `atMost`. */
async function count(db: Db, householdId: string, atMost: number): Promise<number> {
  const rows = await db
    .selectFrom('claims')
    .select('device_id')
    .where('household_id', '=', householdId)
    .limit(atMost)
    .execute()
  return rows.length
}
