import { randomBytes } from 'node:crypto'
import type { KeyStore } from '../../hardware/hardware.ts'
import { type Half, halfHmac, halfKind, nextEpoch } from '../../protocol/claim.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { base32, hex, sha256 } from '../../protocol/ids.ts'
import { readInvitation } from '../../protocol/invitation.ts'
import type { Signer } from '../../protocol/keys.ts'
import { mailboxOf } from '../../protocol/pairing.ts'
import { acceptRoster, type Pin, type Roster } from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'
import type { HubAddress, HubClient } from '../../wire/hub-client.ts'
import type { Household } from '../household.ts'
import { lastEpoch } from './epoch.ts'
import type { Pending } from './pending.ts'
import { recipientsOf } from './recipients.ts'

/** The registrar, as a camera asks it: `HubClient` does so over the network. */
export type Registrar = Pick<HubClient, 'address' | 'nonce' | 'request'>

export interface AnswerParts {
  readonly disk: Disk
  readonly data: string
  readonly keyStore: KeyStore
  readonly connect: (address: HubAddress) => Registrar
}

/** Whose codes alone a camera answers: its household's, of which only the name may be left. */
export interface Bound {
  readonly pin: Pin
  /** Undefined when it is damaged. */
  readonly household: Household | undefined
  /** Its claim cannot go on: which numbers of its epoch were used, nobody knows any more. */
  readonly needsEpoch?: boolean
}

interface Asked {
  readonly hub: Registrar
  readonly signer: Signer
  readonly rootId: string
  readonly registrarEpoch: number
}

/**
 * Answers the text of a code (PROTOCOL 4.4, steps 2 and 3; Repair): finds its mailbox, pins the root that the text names,
 * makes the half. Nothing is sent and nothing is on the disk yet.
 *
 * @param bound undefined for a camera that belongs to nobody.
 * @throws OwnlensError `invitation.*`, `hub.*`, `pair.unknown`, `pair.expired`, `pair.closed`, `pair.owned` (another home's
 *   code), `statement.*`, `roster.*`, `claim.leap`, `epoch.damaged`, `keystore.*`.
 */
export async function answerCode(
  parts: AnswerParts,
  bound: Bound | undefined,
  text: string,
): Promise<Pending> {
  const { rootId, secret, hubUrl, caId } = readInvitation(text)
  const hub = parts.connect({ url: hubUrl, caId })
  const signer = await parts.keyStore.signer()
  const { epoch: registrarEpoch } = await hub.nonce(signer.id)
  const mailbox = mailboxOf(secret)
  const { householdId, roster, successions } = await hub.request(null, { action: 'knock', mailbox }, signer)
  const accepted = await accept(bound, { householdId, rootId }, roster, successions)
  if (accepted.rootId !== rootId) throw new OwnlensError('statement.signer', 'the roster is another root’s')
  const asked = { hub, signer, rootId, registrarEpoch }
  const standing = bound?.household?.claim
  const half =
    (bound?.needsEpoch ? undefined : await standingHalf(asked, bound?.household)) ??
    (await newHalf(parts, asked, { householdId, secret, atLeast: standing?.epoch ?? 0 }))
  const pinned = half === standing?.half ? standing.rootId : rootId
  const pin = { householdId, rootId: pinned }
  return { half, mailbox, pin, hub: hub.address, roster, successions, text: hex(sha256(text)) }
}

async function accept(
  bound: Bound | undefined,
  pin: Pin,
  roster: string,
  successions: readonly string[],
): Promise<Roster> {
  if (bound === undefined) return acceptRoster(pin, undefined, roster, successions)
  if (pin.householdId !== bound.pin.householdId) throw new OwnlensError('pair.owned')
  try {
    return await acceptRoster(bound.pin, bound.household?.roster, roster, successions)
  } catch (error) {
    // A hub that was restored may have an older one: it proves the root all the same, and the newer one stays.
    if (codeOf(error) !== 'roster.old') throw error
    return acceptRoster(bound.pin, undefined, roster, successions)
  }
}

/**
 * The half of the claim that a camera has, when it can go on with that: at a hub that its root has named, which has this claim
 * as its newest or can take it again.
 */
async function standingHalf(
  { hub, signer, rootId, registrarEpoch }: Asked,
  household: Household | undefined,
): Promise<string | undefined> {
  if (household === undefined) return undefined
  const { claim, hubs } = household
  if (!hubs.some(({ caId }) => caId === hub.address.caId)) return undefined
  if (registrarEpoch === claim.epoch) {
    const { claim: known, release } = await hub.request(null, { action: 'device' }, signer)
    if (release !== null || known === null) return undefined
    return statementHash(known) === claim.sha256 ? claim.half : undefined
  }
  return registrarEpoch === claim.registrarEpoch && claim.rootId === rootId ? claim.half : undefined
}

async function newHalf(
  { disk, data, keyStore }: AnswerParts,
  { signer, rootId, registrarEpoch }: Asked,
  { householdId, secret, atLeast }: { householdId: string; secret: Uint8Array; atLeast: number },
): Promise<string> {
  const epoch = nextEpoch(Math.max(await lastEpoch(disk, data), atLeast), registrarEpoch)
  const recipients = await recipientsOf(keyStore)
  const half = { deviceId: signer.id, recipients, nonce: base32(randomBytes(16)) }
  const invited = { householdId, rootId, epoch, registrarEpoch }
  const hmac = halfHmac(secret, half, invited)
  const signed: Half = { ...half, invited: { ...invited, hmac } }
  return makeStatement(halfKind, signed, signer)
}
