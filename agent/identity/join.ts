import { readClaim } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { acceptRoster } from '../../protocol/roster.ts'
import { statementHash } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'
import { Household } from '../household.ts'
import { Sequence } from '../sequence.ts'
import { Enrolment } from './enrol.ts'
import { lastEpoch, saveEpoch } from './epoch.ts'
import { LogHead } from './log-head.ts'
import { dropPending, type Pending, readPending } from './pending.ts'

interface At {
  readonly disk: Disk
  readonly data: string
}

/**
 * Takes the claim that carries this camera's very half. On the disk, in this order: the epoch, so that it is never used again;
 * room for its clips' numbers; the household; its owner's name. `pairing.json` goes last: until then it can be done again.
 *
 * @param before the household whose claim is repaired, if that is the case.
 * @throws OwnlensError `claim.*`, `statement.*`, `roster.*`.
 */
export async function join(
  { disk, data }: At,
  pending: Pending,
  claimJws: string,
  before: Household | undefined,
): Promise<Household> {
  const { pin, half, hub, successions } = pending
  const claim = await readClaim(claimJws, pin)
  if (claim.half !== half) throw new OwnlensError('claim.half', 'it answers another half')
  const goesOn = before?.claim.sha256 === claim.sha256
  if (!goesOn && claim.hub.caId !== hub.caId) throw new OwnlensError('claim.half', 'its hub is another one')
  const last = await lastEpoch(disk, data)
  if (claim.epoch < last) throw new OwnlensError('claim.epoch', `${claim.epoch} < ${last}`)
  const roster = await acceptRoster(pin, undefined, pending.roster, successions)
  if (claim.epoch > last) await saveEpoch(disk, data, claim.epoch)
  if (!goesOn) {
    await Sequence.begin(disk, data, claim.epoch)
    await Enrolment.begin(disk, data)
  }
  // What the hub says meanwhile must not bring the old claim back.
  await before?.retire()
  // A repair begins anew (PROTOCOL 10.3).
  await LogHead.forget(disk, data)
  const household = await Household.join(disk, data, { pin, claim, roster, successions, hub, before })
  await dropPending(disk, data)
  return household
}

/** Ends what a power cut left of joining, before anything is recorded: the household was on the disk already. */
export async function settleJoining({ disk, data }: At, household: Household): Promise<void> {
  const pending = await readPending(disk, data)
  await household.nameOwner()
  const done = pending !== undefined && statementHash(pending.half) === statementHash(household.claim.half)
  // One that repairs the same claim would only be knocked for again.
  if (done) await dropPending(disk, data)
}
