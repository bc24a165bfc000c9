import { codeOf } from '../protocol/errors.ts'
import { readOrder } from '../protocol/ownership.ts'
import type { Statement, StatementKind } from '../protocol/statement.ts'
import type { Household } from './household.ts'

/** Every order of one kind on this machine, signed by one of this home's roots. */
export async function readOrders<T extends { householdId: string }>(
  household: Household,
  kind: StatementKind<T>,
): Promise<readonly Statement<T>[]> {
  const { id: householdId, roots } = household
  const orders: Statement<T>[] = []
  for (const text of await household.data.archived('orders')) {
    try {
      orders.push(await readOrder(kind, text, { householdId, roots }))
    } catch (error) {
      // Of the other kind.
      if (codeOf(error) === undefined) throw error
    }
  }
  return orders
}
