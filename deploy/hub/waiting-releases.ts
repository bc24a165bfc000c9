import type { Claim } from '../../protocol/claim.ts'
import { releaseKind } from '../../protocol/ownership.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import { enterRelease, type Release } from './releases.ts'
import { rootsOver } from './root-lines.ts'

/**
 * Keeps a release whose claim was lost with a database that was restored. It frees nothing until that claim is there again:
 * without it nobody can tell whose word it is.
 */
export async function keepWaiting(db: Db, { payload, jws }: Release): Promise<void> {
  const { deviceId: device_id, householdId: household_id, epoch } = payload
  await db
    .insertInto('waiting_releases')
    .values({ device_id, epoch, household_id, release_hash: statementHash(jws), release: jws })
    .onConflict(conflict => conflict.columns(['device_id', 'epoch', 'release_hash']).doNothing())
    .execute()
}

/** A claim was registered: what its household had said of it before counts again. Inside its transaction. */
export async function meetReleases(transaction: Db, claim: Claim, now: Date): Promise<void> {
  const { deviceId, householdId, epoch, jws } = claim
  const rows = await transaction
    .selectFrom('waiting_releases')
    .select('release')
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .where('household_id', '=', householdId)
    .execute()
  if (rows.length === 0) return
  const roots = await rootsOver(transaction, householdId, jws)
  for (const { release } of rows) {
    const { signer, payload } = await readStatement(releaseKind, release, 'itself')
    if (roots.includes(signer.id)) await enterRelease(transaction, { payload, jws: release }, now)
  }
}
