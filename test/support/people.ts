import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { claimKind, halfHmac, halfKind } from '../../protocol/claim.ts'
import { codeOf } from '../../protocol/errors.ts'
import type { Recipients, Suite } from '../../protocol/fields.ts'
import { householdIdOf } from '../../protocol/ids.ts'
import { makePrivateKey, type Signer, signerOf } from '../../protocol/keys.ts'
import { recipientKind, rosterKind, successionKind } from '../../protocol/roster.ts'
import { makeStatement } from '../../protocol/statement.ts'

export const newSigner = (): Signer => signerOf(makePrivateKey())
const ISSUED = '2026-11-24T12:00:00.000Z'

/** Somebody with keys: a member, or a device. */
export interface Person {
  readonly signer: Signer
  readonly identities: readonly string[]
  readonly recipients: Recipients
}

export async function newPerson(suite: Suite): Promise<Person> {
  const x25519 = await generateX25519Identity()
  const hybrid = suite === 'hybrid' ? await generateHybridIdentity() : null
  return {
    signer: newSigner(),
    identities: hybrid === null ? [x25519] : [x25519, hybrid],
    recipients: {
      x25519: await identityToRecipient(x25519),
      hybrid: hybrid === null ? null : await identityToRecipient(hybrid),
    },
  }
}

/** A household's keys, and every statement that they can sign, right or wrong. */
export class TestHousehold {
  readonly roots: Signer[] = [newSigner()]
  readonly successors: Signer[] = [newSigner()]
  readonly successions: string[] = []
  readonly id: string

  constructor() {
    this.id = householdIdOf(this.roots[0]?.id ?? '', this.successors[0]?.id ?? '')
  }

  get root(): Signer {
    return this.roots.at(-1) as Signer
  }

  get pin() {
    return { householdId: this.id, rootId: this.roots[0]?.id ?? '' }
  }

  recipientOf(person: Person, number = 1, changed: object = {}, signer = person.signer): Promise<string> {
    const { recipients } = person
    const payload = { householdId: this.id, memberId: person.signer.id, number, recipients, ...changed }
    return makeStatement(recipientKind, payload, signer)
  }

  async roster(
    number: number,
    prev: string | null,
    members: readonly Person[],
    changed: object = {},
    signer = this.root,
  ): Promise<string> {
    const entries = members.map(async member => ({
      memberId: member.signer.id,
      recipient: await this.recipientOf(member),
    }))
    const payload = {
      householdId: this.id,
      number,
      prev,
      firstRootId: this.roots[0]?.id ?? '',
      firstSuccessorId: this.successors[0]?.id ?? '',
      generation: this.successions.length,
      minimumSuite: 'x25519' as const,
      members: await Promise.all(entries),
      issuedAt: ISSUED,
      ...changed,
    }
    return makeStatement(rosterKind, payload, signer)
  }

  /** The successor takes over. */
  async succeed(): Promise<void> {
    const [root, successor] = [newSigner(), newSigner()]
    const payload = {
      householdId: this.id,
      generation: this.successions.length + 1,
      newRootId: root.id,
      newSuccessorId: successor.id,
      issuedAt: ISSUED,
    }
    this.successions.push(await makeStatement(successionKind, payload, this.successors.at(-1) as Signer))
    this.roots.push(root)
    this.successors.push(successor)
  }

  async half(device: Person, secret: Uint8Array, epoch = 1, changed: object = {}): Promise<string> {
    const half = { deviceId: device.signer.id, recipients: device.recipients, nonce: 'a'.repeat(26) }
    const invited = { householdId: this.id, rootId: this.root.id, epoch, registrarEpoch: epoch - 1 }
    const hmac = halfHmac(secret, half, invited)
    return makeStatement(halfKind, { ...half, invited: { ...invited, hmac, ...changed } }, device.signer)
  }

  claim(device: Person, half: string, epoch = 1, changed: object = {}, signer = this.root): Promise<string> {
    const hub = { url: 'https://127.0.0.1:8443', caId: device.signer.id }
    const payload = { householdId: this.id, deviceId: device.signer.id, epoch, half, hub, issuedAt: ISSUED }
    return makeStatement(claimKind, { ...payload, ...changed }, signer)
  }
}

/** The code of what was thrown; `ok` when nothing was. */
export async function codeOfCall(call: () => unknown): Promise<string> {
  return resultOfCall(async () => {
    await call()
    return 'ok'
  })
}

/** What came of it, or the code of what was thrown. */
export async function resultOfCall<T>(call: () => T | Promise<T>): Promise<T | string> {
  try {
    return await call()
  } catch (error) {
    return codeOf(error) ?? `unexpected: ${(error as Error).message}`
  }
}
