import type { Claim } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import type { Household } from './household.ts'
import { theOneMeant } from './meant.ts'

/** A camera that this home has, or had, under its newest claim. */
export interface HomeCamera {
  readonly deviceId: string
  readonly epoch: number
  readonly claim: Claim
  /** What this home calls it. */
  readonly name: string | undefined
}

/** Throws `clip.envelope` unless what was said is of this camera, in its home and epoch. */
export function mustBeOf(
  { claim }: HomeCamera,
  said: { readonly householdId: string; readonly deviceId: string; readonly epoch: number },
): void {
  const { householdId, deviceId, epoch } = claim
  if (said.householdId !== householdId || said.deviceId !== deviceId || said.epoch !== epoch)
    throw new OwnlensError('clip.envelope')
}

/** Every camera that this home ever claimed, each with its newest claim, in the order of their ids. */
export async function camerasOf(household: Household): Promise<readonly HomeCamera[]> {
  const newest = new Map<string, Claim>()
  for (const claim of await household.claims())
    if (claim.epoch > (newest.get(claim.deviceId)?.epoch ?? 0)) newest.set(claim.deviceId, claim)
  const { cameras } = await household.names()
  return [...newest.values()].map(claim => {
    const { deviceId, epoch } = claim
    return { deviceId, epoch, claim, name: cameras[deviceId] }
  })
}

/** The camera of this name, id, or beginning of an id. Throws `home.camera`. */
export async function findCamera(household: Household, nameOrId: string): Promise<HomeCamera> {
  const about = ({ deviceId: id, name }: HomeCamera) => ({ id, name })
  const one = theOneMeant(await camerasOf(household), nameOrId, about)
  if (one === undefined) throw new OwnlensError('home.camera', nameOrId)
  return one
}
