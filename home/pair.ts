import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { checkHalf, claimKind, type Half, readClaim, readHalf } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { writeInvitation } from '../protocol/invitation.ts'
import type { Signer } from '../protocol/keys.ts'
import { makeStatement } from '../protocol/statement.ts'
import { type Disk, readText, replaceFile } from '../storage/disk.ts'
import type { Household } from './household.ts'

/**
 * Pairs a camera whose `pair/` folder can be reached (emulated hardware): writes the invitation there, waits for the camera's
 * half to answer it, registers the claim and writes `claim.jws` (PROTOCOL 4.4).
 *
 * @param path the folder, or the `half.jws` in it.
 * @throws OwnlensError `pair.no_half`, `pair.silent`, `claim.half`, `claim.epoch`, and what the hub answers.
 */
export async function pairByFile(
  household: Household,
  root: Signer,
  path: string,
  options: { timeoutMs: number; onDevice?: (deviceId: string) => void },
): Promise<{ deviceId: string; epoch: number }> {
  const { disk } = household.data
  const folder = basename(path) === 'half.jws' ? dirname(path) : path
  const halfPath = join(folder, 'half.jws')
  const before = await readText(disk, halfPath)
  if (before === undefined) throw new OwnlensError('pair.no_half', halfPath)
  const { deviceId } = await readHalf(before)
  options.onDevice?.(deviceId)

  const secret = randomBytes(16)
  const invitation = writeInvitation({
    rootId: root.id,
    secret,
    hubUrl: household.file.hub.url,
    caId: household.file.hub.caId,
  })
  const invitationPath = join(folder, 'invitation.json')
  const content = JSON.stringify({ invitation, roster: household.roster.jws, successions: [] })
  await replaceFile(disk, invitationPath, content)
  try {
    const answered = (half: Half, jws: string) => jws !== before && half.invited !== null
    const halfJws = await waitForHalf(disk, halfPath, answered, options.timeoutMs)
    const half = await readHalf(halfJws)
    if (half.deviceId !== deviceId) throw new OwnlensError('claim.half', 'another camera has answered')
    checkHalf(half, { secret, householdId: household.id, rootId: root.id })
    const epoch = half.invited?.epoch ?? 0
    const claim = await makeStatement(
      claimKind,
      {
        householdId: household.id,
        deviceId: half.deviceId,
        epoch,
        half: halfJws,
        hub: household.file.hub,
        issuedAt: new Date().toISOString(),
      },
      root,
    )
    await readClaim(claim, { householdId: household.id, rootId: root.id })
    await household.hub.request(household.id, { action: 'claim', claim }, root)
    await household.data.putClaim(half.deviceId, epoch, claim)
    await replaceFile(disk, join(folder, 'claim.jws'), claim)
    return { deviceId: half.deviceId, epoch }
  } finally {
    await disk.remove(invitationPath)
  }
}

/** Waits until the camera has written a half that is wanted; a torn or foreign file is looked at again at the next change. */
async function waitForHalf(
  disk: Disk,
  path: string,
  wanted: (half: Half, jws: string) => boolean,
  timeoutMs: number,
): Promise<string> {
  const folder = dirname(path)
  for await (const _ of disk.changes(folder, { signal: AbortSignal.timeout(timeoutMs) })) {
    const jws = await readText(disk, path)
    const half = jws === undefined ? undefined : await readHalf(jws).catch(() => undefined)
    if (jws !== undefined && half !== undefined && wanted(half, jws)) return jws
  }
  throw new OwnlensError('pair.silent', folder)
}
