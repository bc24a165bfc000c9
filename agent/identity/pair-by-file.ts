import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { KeyStore } from '../../hardware/hardware.ts'
import { type Half, halfHmac, halfKind, nextEpoch, readClaim } from '../../protocol/claim.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { id, jws, sha256Hex } from '../../protocol/fields.ts'
import { base32, hex, sha256 } from '../../protocol/ids.ts'
import { INVITATION_MAX, readInvitation } from '../../protocol/invitation.ts'
import { acceptRoster, type Pin, rosterKind } from '../../protocol/roster.ts'
import { makeStatement, readStatement } from '../../protocol/statement.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { Household } from '../household.ts'
import { lastEpoch, saveEpoch } from './epoch.ts'
import { recipientsOf } from './recipients.ts'

/** The largest file that is looked at. */
const FILE_MAX = 1024 * 1024

const invitationFile = z.strictObject({
  invitation: z.string().max(INVITATION_MAX),
  roster: jws,
  successions: z.array(jws).max(64),
})

/** A half that was given and waits for its claim; it outlives a restart as `DATA/pairing.json`. */
const pendingFile = z.strictObject({
  half: jws,
  pin: z.strictObject({ householdId: id, rootId: id }),
  caId: id,
  /** SHA-256 of the invitation file that it answers. */
  invitation: sha256Hex,
  roster: jws,
  successions: z.array(jws).max(64),
})
type Pending = z.infer<typeof pendingFile>

export interface PairingParts {
  readonly disk: Disk
  readonly data: string
  readonly keyStore: KeyStore
  readonly log: Logger
}

/**
 * Pairs an emulated camera by files in `DATA/pair/` (PROTOCOL 4.4). States, each on the disk before the next:
 *
 * | state | on the disk | goes on with |
 * | --- | --- | --- |
 * | free | `half.jws` that only introduces the camera | `invitation.json`: half with the HMAC |
 * | invited | `pairing.json`, then `half.jws` | `claim.jws`: joins; another `invitation.json`: invited anew |
 * | owned | `epoch`, then `household.json` | |
 *
 * Bad files are logged by code and change nothing. Returns undefined when the signal was aborted first.
 */
export async function pairByFile(
  parts: PairingParts,
  { signal }: { signal: AbortSignal },
): Promise<Household | undefined> {
  const { disk, data, log } = parts
  const folder = join(data, 'pair')
  await disk.makeFolder(folder)
  let pending = await readPending(disk, data)
  await replaceFile(disk, join(folder, 'half.jws'), pending?.half ?? (await introduce(parts.keyStore)))
  log.info({ folder }, 'waiting to be paired')
  let refused = ''
  for await (const _ of disk.changes(folder, { signal })) {
    const invited = await readSmall(disk, join(folder, 'invitation.json'))
    const claimed = await readSmall(disk, join(folder, 'claim.jws'))
    const now = JSON.stringify([invited, claimed, pending?.half])
    if (now === refused) continue
    try {
      const fresh = invited !== undefined && hex(sha256(invited)) !== pending?.invitation
      if (fresh) {
        pending = await answer(parts, invited, signal)
        await replaceFile(disk, join(data, 'pairing.json'), JSON.stringify(pending))
        await replaceFile(disk, join(folder, 'half.jws'), pending.half)
        log.info('invitation answered')
      } else if (pending !== undefined && claimed !== undefined) {
        const household = await take(parts, pending, claimed.trim())
        log.info({ epoch: household.claim.epoch }, 'paired')
        return household
      }
    } catch (error) {
      // The hub may be back in a moment; other files are looked at again when they change.
      if (!(error instanceof OwnlensError && error.retry)) refused = now
      log.warn({ code: codeOf(error), cause: (error as Error).message }, 'pairing file refused')
    }
  }
  return undefined
}

/** A half that answers nobody: it says which camera this is. */
async function introduce(keyStore: KeyStore): Promise<string> {
  const signer = await keyStore.signer()
  const recipients = await recipientsOf(keyStore)
  return makeStatement(
    halfKind,
    { deviceId: signer.id, recipients, nonce: newNonce(), invited: null },
    signer,
  )
}

/** Pins the root that the invitation names, checks its roster, and answers with a half for the next epoch. */
async function answer(
  { disk, data, keyStore }: PairingParts,
  text: string,
  signal: AbortSignal,
): Promise<Pending> {
  const file = parseInvitationFile(text)
  const { rootId, secret, hubUrl, caId } = readInvitation(file.invitation)
  const { householdId } = (await readStatement(rosterKind, file.roster, rootId)).payload
  const pin: Pin = { householdId, rootId }
  await acceptRoster(pin, undefined, file.roster, file.successions)
  const signer = await keyStore.signer()
  const { epoch: registrarEpoch } = await new HubClient({ url: hubUrl, caId }, { signal }).nonce(signer.id)
  const epoch = nextEpoch(await lastEpoch(disk, data), registrarEpoch)
  const recipients = await recipientsOf(keyStore)
  const half: Half = { deviceId: signer.id, recipients, nonce: newNonce(), invited: null }
  const invited = { householdId, rootId, epoch, registrarEpoch }
  const hmac = halfHmac(secret, half, invited)
  const signed = await makeStatement(halfKind, { ...half, invited: { ...invited, hmac } }, signer)
  const { roster, successions } = file
  return { half: signed, pin, caId, roster, successions, invitation: hex(sha256(text)) }
}

/** The claim must carry the very half that this camera gave. Epoch and household are on the disk before it returns. */
async function take(
  { disk, data }: PairingParts,
  { half, pin, caId, roster: rosterJws, successions }: Pending,
  claimJws: string,
): Promise<Household> {
  const claim = await readClaim(claimJws, pin)
  if (claim.half !== half) throw new OwnlensError('claim.half', 'it answers another half')
  if (claim.hub.caId !== caId) throw new OwnlensError('claim.half', 'its hub is another one')
  const roster = await acceptRoster(pin, undefined, rosterJws, successions)
  await saveEpoch(disk, data, claim.epoch)
  const household = await Household.join(disk, data, { pin, claim, roster, successions })
  await disk.remove(join(data, 'pairing.json'))
  await disk.remove(join(data, 'pair'))
  return household
}

async function readPending(disk: Disk, data: string): Promise<Pending | undefined> {
  const text = await readText(disk, data, 'pairing.json')
  if (text === undefined) return undefined
  const parsed = pendingFile.safeParse(asJson(text))
  // Nothing is lost with it: the household invites again.
  return parsed.success ? parsed.data : undefined
}

async function readSmall(disk: Disk, path: string): Promise<string | undefined> {
  const info = await disk.info(path)
  return info === undefined || info.bytes > FILE_MAX ? undefined : readText(disk, path)
}

function parseInvitationFile(text: string): z.infer<typeof invitationFile> {
  const parsed = invitationFile.safeParse(asJson(text))
  if (!parsed.success) throw new OwnlensError('invitation.form', parsed.error.issues[0]?.message)
  return parsed.data
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const newNonce = (): string => base32(randomBytes(16))
