import { type CameraCommand, COMMAND_LASTS_MS, commandKind } from '../protocol/command.ts'
import { sealStatement } from '../protocol/sealed.ts'
import type { HomeCamera } from './cameras.ts'
import type { Household } from './household.ts'

let last = 0

/**
 * A command to one camera, signed by this member and sealed to that camera (PROTOCOL 7.4).
 *
 * @param boot the camera's present boot nonce, as its newest status names it.
 * @param now milliseconds since 1970; the counter is made of it (microseconds), so that all processes of this app share one.
 */
export async function sealCommand(
  household: Pick<Household, 'id' | 'member' | 'roster'>,
  { claim }: Pick<HomeCamera, 'claim'>,
  boot: string,
  command: CameraCommand,
  now: number,
): Promise<Uint8Array> {
  last = Math.max(last + 1, Math.floor(now) * 1000)
  const payload = {
    audience: 'device' as const,
    householdId: household.id,
    deviceId: claim.deviceId,
    epoch: claim.epoch,
    roster: household.roster.number,
    counter: last,
    boot,
    at: new Date(now).toISOString(),
    expires: new Date(now + COMMAND_LASTS_MS).toISOString(),
    command,
  }
  const { x25519, hybrid } = claim.deviceRecipients
  return sealStatement(commandKind, payload, household.member, [hybrid ?? x25519])
}
