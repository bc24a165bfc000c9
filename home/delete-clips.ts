import { DELETION_MAX, deletionKind } from '../protocol/deletion.ts'
import { makeStatement } from '../protocol/statement.ts'
import type { Household } from './household.ts'

/**
 * Has clips of this household deleted at the hub (PROTOCOL 6.10): for all of its members, and for good.
 *
 * @returns how many of them the hub had. Throws what the hub answers.
 */
export async function deleteClips(household: Household, clipIds: readonly string[]): Promise<number> {
  const { id: householdId, member, hub } = household
  let deleted = 0
  for (let at = 0; at < clipIds.length; at += DELETION_MAX) {
    const clips = clipIds.slice(at, at + DELETION_MAX)
    const payload = { householdId, memberId: member.id, clips, issuedAt: new Date().toISOString() }
    const deletion = await makeStatement(deletionKind, payload, member)
    deleted += (await hub.request(householdId, { action: 'delete', deletion }, member)).deleted
  }
  return deleted
}
