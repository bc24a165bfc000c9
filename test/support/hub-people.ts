import { randomBytes } from 'node:crypto'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { claimKind, halfHmac, halfKind } from '../../protocol/claim.ts'
import type { Recipients } from '../../protocol/fields.ts'
import { base32, householdIdOf } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { blockKind, moveKind, releaseKind, resetKind } from '../../protocol/ownership.ts'
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
  /** The statement by which the successor makes `root` the new root, and names the next successor. */
  succession(root: Signer, next?: Signer): Promise<string>
  /** The half of a camera that has seen this household's code. */
  half(camera: Signer, epoch: number, options?: HalfOptions): Promise<string>
  /** A claim with a half of its own, or with this one. */
  claim(camera: Signer, epoch: number, options?: HalfOptions & { half?: string }): Promise<string>
  release(camera: Signer, epoch: number, root?: Signer): Promise<string>
  /** An order to block these cameras, each in its epoch, or to lift it. */
  block(number: number, cameras: readonly [Signer, epoch: number][], options?: BlockOptions): Promise<string>
  move(number: number, url: string, root?: Signer): Promise<string>
}

export interface BlockOptions {
  readonly blocked?: boolean
  readonly root?: Signer
}

/** What a camera signs when its button was held. */
export function resetOf(camera: Signer, epoch: number, householdId: string | null = null): Promise<string> {
  const nonce = base32(randomBytes(16))
  return makeStatement(resetKind, { deviceId: camera.id, householdId, epoch, newKey: false, nonce }, camera)
}

export interface HalfOptions {
  readonly registrarEpoch?: number
  readonly root?: Signer
  readonly secret?: Uint8Array
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
    succession: (next, { id: newSuccessorId } = newSigner()) =>
      makeStatement(
        successionKind,
        {
          ...{ householdId: id, generation: 1, newRootId: next.id, newSuccessorId },
          issuedAt: now(),
        },
        successor,
      ),
    async half(
      camera,
      epoch,
      { registrarEpoch = epoch - 1, root: { id: rootId } = root, secret = randomBytes(16) } = {},
    ) {
      const half = { deviceId: camera.id, recipients, nonce: base32(randomBytes(16)) }
      const invited = { householdId: id, rootId, epoch, registrarEpoch }
      const hmac = halfHmac(secret, half, invited)
      return makeStatement(halfKind, { ...half, invited: { ...invited, hmac } }, camera)
    },
    async claim(camera, epoch, options = {}) {
      const { root: signer = root, half = await home.half(camera, epoch, options) } = options
      const hub = { url: 'https://127.0.0.1:8443', caId: root.id }
      const payload = { householdId: id, deviceId: camera.id, epoch, half, hub, issuedAt: now() }
      return makeStatement(claimKind, payload, signer)
    },
    release: (camera, epoch, signer = root) =>
      makeStatement(releaseKind, { householdId: id, deviceId: camera.id, epoch, issuedAt: now() }, signer),
    block: (number, cameras, { blocked = true, root: signer = root } = {}) => {
      const devices = cameras.map(([camera, epoch]) => ({ deviceId: camera.id, epoch }))
      return makeStatement(blockKind, { householdId: id, number, devices, blocked, issuedAt: now() }, signer)
    },
    move: (number, url, signer = root) => {
      const hubs = [{ url, caId: root.id }]
      return makeStatement(moveKind, { householdId: id, number, hubs, issuedAt: now() }, signer)
    },
  }
  return { ...home, first: await home.roster() }
}

async function newRecipients(): Promise<Recipients> {
  return { x25519: await identityToRecipient(await generateX25519Identity()), hybrid: null }
}
