import { randomBytes } from 'node:crypto'
import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { Household } from '../../agent/household.ts'
import { type Claim, claimKind, type Half, halfHmac, halfKind, readClaim } from '../../protocol/claim.ts'
import type { Recipients, Suite } from '../../protocol/fields.ts'
import { base32, householdIdOf } from '../../protocol/ids.ts'
import { makePrivateKey, publicKeyOf, type Signer, signerOf } from '../../protocol/keys.ts'
import { acceptRoster, type Pin, recipientKind, rosterKind } from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'

export interface Person {
  readonly signer: Signer
  readonly identities: readonly string[]
  /** As a roster carries it. */
  readonly entry: { readonly memberId: string; readonly recipient: string }
}

/** A household's keys and a camera's, and every statement that they can make. */
export interface Family {
  readonly root: Signer
  readonly device: Signer
  readonly deviceKey: ReturnType<typeof makePrivateKey>
  readonly pin: Pin
  readonly people: readonly Person[]
  newPerson(suite?: Suite): Promise<Person>
  roster(options: RosterOptions): Promise<string>
  claim(epoch: number, options?: { signer?: Signer; hub?: Claim['hub'] }): Promise<string>
  /** The camera's side, as it lies in its data folder after pairing. */
  joined(disk: Disk, data: string, options?: { epoch?: number; hub?: Claim['hub'] }): Promise<Household>
}

export interface RosterOptions {
  readonly number: number
  /** The roster before. */
  readonly after?: string
  readonly people?: readonly Person[]
  readonly signer?: Signer
}

export const time = (offsetMs = 0): string => new Date(Date.UTC(2026, 10, 24) + offsetMs).toISOString()
export const newNonce = (): string => base32(randomBytes(16))
const nowhere = { url: 'https://127.0.0.1:1', caId: publicKeyOf(makePrivateKey()).id }

/** A household with one member and one camera; `size` members with more. */
export async function makeFamily({ suite = 'x25519' as Suite, size = 1 } = {}): Promise<Family> {
  const root = signerOf(makePrivateKey())
  const deviceKey = makePrivateKey()
  const device = signerOf(deviceKey)
  const firstSuccessorId = publicKeyOf(makePrivateKey()).id
  const householdId = householdIdOf(root.id, firstSuccessorId)
  const pin = { householdId, rootId: root.id }
  const deviceRecipients = await recipientsOf(await identities('hybrid'))

  const newPerson = async (its: Suite = suite): Promise<Person> => {
    const signer = signerOf(makePrivateKey())
    const held = await identities(its)
    const payload = { householdId, memberId: signer.id, number: 1, recipients: await recipientsOf(held) }
    const recipient = await makeStatement(recipientKind, payload, signer)
    return { signer, identities: held, entry: { memberId: signer.id, recipient } }
  }
  const people = await Promise.all(Array.from({ length: size }, () => newPerson()))

  const roster: Family['roster'] = ({ number, after, people: who = people, signer = root }) => {
    const common = { householdId, number, firstRootId: root.id, firstSuccessorId, generation: 0 }
    const prev = after === undefined ? null : statementHash(after)
    const members = who.map(({ entry }) => entry)
    const payload = { ...common, prev, minimumSuite: 'x25519' as const, members, issuedAt: time() }
    return makeStatement(rosterKind, payload, signer)
  }
  const claim: Family['claim'] = async (epoch, { signer = root, hub = nowhere } = {}) => {
    const half: Half = { deviceId: device.id, recipients: deviceRecipients, nonce: newNonce(), invited: null }
    const invited = { householdId, rootId: signer.id, epoch, registrarEpoch: epoch - 1 }
    const hmac = halfHmac(randomBytes(16), half, invited)
    const signed = await makeStatement(halfKind, { ...half, invited: { ...invited, hmac } }, device)
    const payload = { householdId, deviceId: device.id, epoch, half: signed, hub, issuedAt: time() }
    return makeStatement(claimKind, payload, signer)
  }
  return {
    ...{ root, device, deviceKey, pin, people, newPerson, roster, claim },
    async joined(disk, data, { epoch = 1, hub = nowhere } = {}) {
      const held = await acceptRoster(pin, undefined, await roster({ number: 1 }))
      const claimed = await readClaim(await claim(epoch, { hub }), pin)
      await disk.makeFolder(data)
      return Household.join(disk, data, { pin, claim: claimed, roster: held, successions: [] })
    },
  }
}

async function identities(suite: Suite): Promise<readonly string[]> {
  const x25519 = await generateX25519Identity()
  return suite === 'hybrid' ? [x25519, await generateHybridIdentity()] : [x25519]
}

async function recipientsOf([x25519 = '', hybrid]: readonly string[]): Promise<Recipients> {
  return {
    x25519: await identityToRecipient(x25519),
    hybrid: hybrid === undefined ? null : await identityToRecipient(hybrid),
  }
}
