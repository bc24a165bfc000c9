import { type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import type { Db, OrderKind } from './database.ts'

/**
 * Keeps an order whose signature holds.
 *
 * @returns false for the very order that stands already: the answer may have been lost.
 * @throws OwnlensError `block.old`, `move.old`.
 */
export async function enterOrder(
  transaction: Db,
  order: { householdId: string; kind: OrderKind; number: number; jws: string },
): Promise<boolean> {
  const { householdId: household_id, kind, number, jws } = order
  const held = await transaction
    .selectFrom('orders')
    .select(['number', 'jws'])
    .where('household_id', '=', household_id)
    .where('kind', '=', kind)
    .executeTakeFirst()
  if (held?.jws === jws) return false
  if (held !== undefined && number <= held.number) {
    const code: ErrorCode = `${kind}.old`
    throw new OwnlensError(code, `${number} ≤ ${held.number}`)
  }
  await transaction
    .insertInto('orders')
    .values({ household_id, kind, number, jws })
    .onConflict(conflict => conflict.columns(['household_id', 'kind']).doUpdateSet({ number, jws }))
    .execute()
  return true
}

/** The newest one. */
export async function orderOf(db: Db, householdId: string, kind: OrderKind): Promise<string | null> {
  const row = await db
    .selectFrom('orders')
    .select('jws')
    .where('household_id', '=', householdId)
    .where('kind', '=', kind)
    .executeTakeFirst()
  return row?.jws ?? null
}

/** A new root owes the numbers of the one before nothing: a thief may have used up the highest. */
export async function forgetOrders(transaction: Db, householdId: string): Promise<void> {
  await transaction.deleteFrom('orders').where('household_id', '=', householdId).execute()
}
