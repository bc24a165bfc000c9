import type { Claim } from '../protocol/claim.ts'
import { codeOf } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import type { HubClient } from '../wire/hub-client.ts'
import { camerasOf } from './cameras.ts'
import type { Household } from './household.ts'
import { ordersFor } from './orders.ts'

/**
 * Registers claims of this household's cameras at a hub that has lost them or is new, oldest first: a camera whose claim the hub
 * knows keeps its epoch. Cameras that were released are left out. What the hub refuses (another's epochs lie between, an earlier
 * root signed it) is not there afterwards; such a camera is repaired for a new epoch.
 *
 * @param there the claims that the hub has.
 * @returns how many it took.
 */
export async function restoreClaims(
  household: Household,
  root: Signer,
  hub: HubClient,
  there: readonly string[] = [],
): Promise<number> {
  let taken = 0
  for (const { jws: claim } of await standingClaims(household)) {
    if (there.includes(claim)) continue
    try {
      await hub.request(household.id, { action: 'claim', claim }, root)
      taken++
    } catch (error) {
      if (!/^(claim|statement)\./.test(codeOf(error) ?? '')) throw error
    }
  }
  return taken
}

/** Every claim on the cameras that are this household's still, oldest epochs first. */
async function standingClaims(household: Household): Promise<readonly Claim[]> {
  const released = new Set<string>()
  for (const camera of await camerasOf(household))
    if ((await ordersFor(household, camera)).released) released.add(camera.deviceId)
  const claims = (await household.claims()).filter(({ deviceId }) => !released.has(deviceId))
  return claims.toSorted((a, b) => a.epoch - b.epoch)
}
