import { codeOf, OwnlensError } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import { moveKind } from '../protocol/ownership.ts'
import { makeStatement } from '../protocol/statement.ts'
import { sameHub } from '../wire/hub-address.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import { restoreBlocks } from './blocks.ts'
import type { Household } from './household.ts'
import { restoreClaims } from './restore-claims.ts'

/**
 * Tells cameras and apps where the hub is from now on (PROTOCOL 4.8). A hub that is new to the household takes it with the code
 * that it prints, and every claim. Both hubs publish the move; this app follows at once.
 *
 * @returns why the old hub could not be told, if it could not: cameras that only know that one must be repaired.
 * @throws OwnlensError `home.move_code`, and what the new hub answers.
 */
export async function moveHousehold(
  household: Household,
  root: Signer,
  to: HubAddress,
  code: string | undefined,
): Promise<OwnlensError | undefined> {
  const { id: householdId, hub: old } = household
  const fresh = new HubClient(to)
  const { roster, successions } = household.file
  if (code !== undefined)
    await fresh.request(householdId, { action: 'household', code, roster, successions }, root)
  await restoreClaims(household, root, fresh).catch(error => {
    if (codeOf(error) === 'hub.household') throw new OwnlensError('home.move_code', to.url, { cause: error })
    throw error
  })
  await restoreBlocks(household, root, fresh)
  const move = await makeMove(household, root, to)
  await fresh.request(householdId, { action: 'move', move }, root)
  const told = await old.request(householdId, { action: 'move', move }, root).then(
    () => undefined,
    error => {
      if (error instanceof OwnlensError) return error
      throw error
    },
  )
  await household.takeMove(move)
  return told
}

/**
 * Behind the move of this root that was taken last, and before the old hub, which counts until it is gone. A thief of an earlier
 * root may have used up the numbers.
 */
async function makeMove(household: Household, root: Signer, to: HubAddress): Promise<string> {
  const { move, hubs } = household.file
  const others = hubs.filter(hub => !sameHub(hub, to))
  const number = move?.generation === household.roster.generation ? move.number + 1 : 1
  const payload = {
    householdId: household.id,
    number,
    hubs: [{ ...to }, ...others].slice(0, 4),
    issuedAt: new Date().toISOString(),
  }
  return makeStatement(moveKind, payload, root)
}
