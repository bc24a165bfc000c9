import { claimKind } from '../../protocol/claim.ts'
import { rootLine, rosterKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Db } from './database.ts'

/** Every root of a household that is known here, first to current; none for an unknown household. */
export async function rootsOf(db: Db, householdId: string): Promise<readonly string[]> {
  const row = await db
    .selectFrom('households')
    .select(['roster', 'successions'])
    .where('household_id', '=', householdId)
    .executeTakeFirst()
  if (row === undefined) return []
  const { payload } = await readStatement(rosterKind, row.roster, 'itself')
  return (await rootLine(payload, JSON.parse(row.successions) as string[])).roots
}

/** Who may end a claim: the root that signed it, and every root of its household that is known here. */
export async function rootsOver(db: Db, householdId: string, claim: string): Promise<readonly string[]> {
  const { signer } = await readStatement(claimKind, claim, 'itself')
  return [signer.id, ...(await rootsOf(db, householdId))]
}
