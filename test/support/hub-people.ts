import { randomBytes } from 'node:crypto'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { claimKind, halfHmac, halfKind } from '../../protocol/claim.ts'
import type { Recipients } from '../../protocol/fields.ts'
import { base32, householdIdOf } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { recipientKind, rosterKind, successionKind } from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { newSigner } from './people.ts'

/** A household's keys, and the statements that they make. Nothing of it is on any disk. */
export interface Home {
  readonly id: string
  readonly root: Signer
  readonly successor: Signer
  readonly founder: Signer
  /** Roster number 1. */
  readonly first: string
  /** The statement of a roster with these members. */
  roster(options?: RosterOptions): Promise<string>
  /** The statement by which the successor makes `root` the new root. */
  succession(root: Signer): Promise<string>
  /** A claim for a camera that answered this household. */
  claim(camera: Signer, epoch: number, options?: { registrarEpoch?: number; root?: Signer }): Promise<string>
}

export interface RosterOptions {
  readonly number?: number
  readonly members?: readonly Signer[]
  readonly prev?: string
  readonly root?: Signer
  readonly generation?: number
}

export async function newHome(): Promise<Home> {
  const [root, successor, founder] = [newSigner(), newSigner(), newSigner()]
  const id = householdIdOf(root.id, successor.id)
  const recipients = await newRecipients()
  const now = () => new Date().toISOString()
  const home: Omit<Home, 'first'> = {
    id,
    root,
    successor,
    founder,
    async roster({ number = 1, members = [founder], prev, root: signer = root, generation = 0 } = {}) {
      const named = await Promise.all(
        members.map(async member => ({
          memberId: member.id,
          recipient: await makeStatement(
            recipientKind,
            { householdId: id, memberId: member.id, number: 1, recipients },
            member,
          ),
        })),
      )
      const payload = {
        ...{ householdId: id, number, firstRootId: root.id, firstSuccessorId: successor.id, generation },
        prev: number === 1 ? null : statementHash(prev ?? ''),
        minimumSuite: 'x25519',
        members: named,
        issuedAt: now(),
      } as const
      return makeStatement(rosterKind, payload, signer)
    },
    succession: next =>
      makeStatement(
        successionKind,
        {
          ...{ householdId: id, generation: 1, newRootId: next.id, newSuccessorId: newSigner().id },
          issuedAt: now(),
        },
        successor,
      ),
    async claim(camera, epoch, { registrarEpoch = epoch - 1, root: signer = root } = {}) {
      const half = { deviceId: camera.id, recipients, nonce: base32(randomBytes(16)), invited: null }
      const invited = { householdId: id, rootId: signer.id, epoch, registrarEpoch }
      const hmac = halfHmac(randomBytes(16), half, invited)
      const answered = await makeStatement(halfKind, { ...half, invited: { ...invited, hmac } }, camera)
      const hub = { url: 'https://127.0.0.1:8443', caId: root.id }
      return makeStatement(
        claimKind,
        { householdId: id, deviceId: camera.id, epoch, half: answered, hub, issuedAt: now() },
        signer,
      )
    },
  }
  return { ...home, first: await home.roster() }
}

async function newRecipients(): Promise<Recipients> {
  return { x25519: await identityToRecipient(await generateX25519Identity()), hybrid: null }
}
