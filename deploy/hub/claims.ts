import { type Claim, claimKind } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { readStatement } from '../../protocol/statement.ts'
import { supersede } from './certificate-book.ts'
import type { Db } from './database.ts'
import { beginLine } from './histories.ts'
import { closeWith } from './mailboxes.ts'
import { judgeClaim, type Verdict } from './owners.ts'
import { record } from './records.ts'
import { claimOf, type Owned, ownerOf, standingOf } from './standing.ts'
import { forgetStatus } from './statuses.ts'
import { meetReleases } from './waiting-releases.ts'

/** So many claims the hub keeps for one household: as many as one answer of 4 MiB holds, each of 8 KiB. */
export const CLAIMS_MAX = 500

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
   * Compare and swap: of two homes at once exactly one wins. The device's certificates count no more then, and what was said
   * of it in older epochs is over.
   *
   * @param claim one whose signatures hold, and not the one that stands.
   * @throws OwnlensError `claim.epoch`, `claim.owned`, `claim.blocked`, `hub.limit`.
   */
  async take(claim: Claim): Promise<void> {
    await this.#db.transaction().execute(async transaction => {
      const { deviceId: device_id, householdId: household_id, epoch } = claim
      const standing = await standingOf(transaction, device_id)
      const { toPass } = standing
      if (claim.registrarEpoch !== toPass || epoch <= toPass) throw new OwnlensError('claim.epoch')
      mustBeFree(judgeClaim(standing, household_id, this.#now().getTime()))
      const { householdId: owner } = standing
      if (owner !== null && owner !== household_id) await forgetStatus(transaction, owner, device_id)
      await closeWith(transaction, claim)
      if ((await count(transaction, household_id, this.#max)) >= this.#max)
        throw new OwnlensError('hub.limit')
      const registered_at = this.#now().toISOString()
      await transaction
        .insertInto('claims')
        .values({
          ...{ device_id, epoch, household_id, claim: claim.jws, registered_at },
          ...{ released: null, reset_at: null, objected_until: null },
        })
        .execute()
      await transaction
        .insertInto('devices')
        .values({
          ...{ device_id, household_id, epoch },
          ...{ counter: 0, request: '', certificate: '', held: 0, cloned: 0, boots: '[]' },
        })
        .onConflict(conflict => conflict.column('device_id').doUpdateSet({ household_id, epoch }))
        .execute()
      await beginLine(transaction, device_id)
      await supersede(transaction, { owner: device_id }, this.#now())
      const about = { householdId: household_id, deviceId: device_id }
      await record(transaction, { kind: 'claim', claim: claim.jws }, about, this.#now())
      await meetReleases(transaction, claim, this.#now())
    })
  }

  /**
   * Whether this claim stands already: it was checked when it came, and its root may have been succeeded since. When a mailbox
   * holds its half (PROTOCOL 4.4, repair), it is closed, and the camera is held no more: the person has just looked at it.
   */
  async repeats(householdId: string, jws: string): Promise<boolean> {
    const { payload } = await readStatement(claimKind, jws, 'itself')
    const { deviceId, epoch, half } = payload
    return this.#db.transaction().execute(async transaction => {
      const standing = await ownerOf(transaction, deviceId)
      if (standing?.household_id !== householdId || standing.epoch !== epoch) return false
      if ((await claimOf(transaction, deviceId, epoch)) !== jws) return false
      if (await closeWith(transaction, { householdId, half })) await beginLine(transaction, deviceId)
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
    return ownerOf(this.#db, deviceId)
  }
}

/** The time is the only thing told of a device that is another's. */
function mustBeFree(verdict: Verdict): void {
  if (verdict.kind === 'free') return
  if (verdict.kind === 'blocked') throw new OwnlensError('claim.blocked')
  const { freeAt } = verdict
  throw new OwnlensError('claim.owned', freeAt === null ? undefined : new Date(freeAt).toISOString())
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
