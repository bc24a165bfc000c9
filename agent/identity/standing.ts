import { type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readOrder, releaseKind } from '../../protocol/ownership.ts'
import type { Household } from '../household.ts'
import type { Registrar } from './answer.ts'

/** With these the registrar says how it stands with the device; recording goes on meanwhile. */
const REFUSALS: readonly (ErrorCode | undefined)[] = [
  'enrol.claim',
  'enrol.held',
  'enrol.cloned',
  'enrol.blocked',
  'serial.disputed',
]

/** Whether a refusal is about the device itself, so that only its owner or maker can change it. */
export function isStanding(code: ErrorCode | undefined): code is ErrorCode {
  return REFUSALS.includes(code)
}

/**
 * Whether the camera's own root has let it go (PROTOCOL 4.5). A registrar alone never unpairs a camera: what counts is the
 * root's statement, for this epoch.
 *
 * @throws OwnlensError `hub.*`; `statement.*`, `claim.*` for a release that does not hold.
 */
export async function isReleased(hub: Registrar, signer: Signer, household: Household): Promise<boolean> {
  const { release } = await hub.request(null, { action: 'device' }, signer)
  if (release === null) return false
  const { householdId, rootId } = household.roster
  const { payload } = await readOrder(releaseKind, release, { householdId, roots: [rootId] })
  const { deviceId, epoch } = household.claim
  if (payload.deviceId !== deviceId) throw new OwnlensError('claim.half', 'a release of another camera')
  // One of an earlier epoch was answered by a newer claim.
  return payload.epoch === epoch
}
