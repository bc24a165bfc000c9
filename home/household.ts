import { randomBytes } from 'node:crypto'
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption'
import { z } from 'zod'
import { type Claim, readClaim } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import type { Recipients, Suite } from '../protocol/fields.ts'
import { base32, householdIdOf } from '../protocol/ids.ts'
import {
  makePrivateKey,
  privateKeyFromPem,
  privateKeyToPem,
  publicKeyOf,
  type Signer,
  signerOf,
} from '../protocol/keys.ts'
import { acceptRoster, type Roster, recipientKind, rosterKind } from '../protocol/roster.ts'
import { makeStatement, readStatement } from '../protocol/statement.ts'
import type { Disk } from '../storage/disk.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { HomeData, type HouseholdFile, type MemberFile, type Names } from './home-data.ts'
import { makeRecoveryWords, successorKey } from './successor.ts'

export interface NewHousehold {
  readonly disk: Disk
  readonly folder: string
  readonly hub: HubAddress
  /** What the hub printed. */
  readonly code: string
  readonly passphrase: string
  readonly suite: Suite
  readonly name: string
  readonly memberName: string
  /** scrypt's base-2 logarithm; tests and the demo take a small one. */
  readonly workFactor?: number
}

/** One member's app of a household. */
export class Household {
  readonly data: HomeData
  readonly file: HouseholdFile
  readonly member: Signer
  /** age identities that open what is sealed to this member. */
  readonly identities: readonly string[]
  #roster: Roster

  private constructor(parts: {
    data: HomeData
    file: HouseholdFile
    member: Signer
    identities: readonly string[]
    roster: Roster
  }) {
    this.data = parts.data
    this.file = parts.file
    this.member = parts.member
    this.identities = parts.identities
    this.#roster = parts.roster
  }

  /**
   * Makes a household: root under a passphrase, successor behind recovery words, the founding member; registers it.
   *
   * @returns the words: shown once, kept nowhere.
   * @throws OwnlensError `home.exists`, `hub.code`, `hub.unreachable` …; nothing stays then.
   */
  static async create(options: NewHousehold): Promise<{ household: Household; words: string }> {
    const { disk, folder, hub, code, passphrase, suite } = options
    const data = new HomeData(disk, folder)
    if ((await data.household()) !== undefined) throw new OwnlensError('home.exists', folder)
    const root = makePrivateKey()
    const words = makeRecoveryWords()
    const firstRootId = publicKeyOf(root).id
    const firstSuccessorId = publicKeyOf(successorKey(words)).id
    const householdId = householdIdOf(firstRootId, firstSuccessorId)
    const member = await makeMember(suite)
    const memberSigner = signerOf(privateKeyFromPem(member.key))
    const recipient = await memberRecipient(member, householdId, memberSigner)
    const roster = await makeStatement(
      rosterKind,
      {
        householdId,
        number: 1,
        prev: null,
        firstRootId,
        firstSuccessorId,
        generation: 0,
        minimumSuite: suite,
        members: [{ memberId: memberSigner.id, recipient }],
        issuedAt: new Date().toISOString(),
      },
      signerOf(root),
    )
    const file = {
      householdId,
      firstRootId,
      firstSuccessorId,
      roots: [firstRootId],
      minimumSuite: suite,
      hub,
    }
    try {
      await data.put('root.age', await sealRoot(privateKeyToPem(root), passphrase, options.workFactor))
      await data.put('member.json', JSON.stringify(member))
      await data.putRoster(1, roster)
      const names = { home: options.name, members: { [memberSigner.id]: options.memberName }, cameras: {} }
      await data.putNames(names, await ownRecipient(member))
      await new HubClient(hub).request(householdId, { action: 'household', code, roster }, signerOf(root))
      // Last: a folder without it is no household, and the next `init` begins anew.
      await data.put('household.json', JSON.stringify(file))
    } catch (error) {
      await data.clear()
      throw error
    }
    return { household: await Household.open(disk, folder), words }
  }

  /** Throws `home.absent` or `home.damaged`. */
  static async open(disk: Disk, folder: string): Promise<Household> {
    const data = new HomeData(disk, folder)
    const [file, member] = [await data.household(), await data.member()]
    if (file === undefined || member === undefined) throw new OwnlensError('home.absent', folder)
    const newest = (await data.rosters()).at(-1)
    if (newest === undefined) throw new OwnlensError('home.damaged', `${folder}/rosters`)
    const pin = { householdId: file.householdId, rootId: file.roots[0] ?? '' }
    const roster = await acceptRoster(pin, undefined, newest)
    const identities = [member.x25519, ...(member.hybrid === null ? [] : [member.hybrid])]
    return new Household({ data, file, member: signerOf(privateKeyFromPem(member.key)), identities, roster })
  }

  get id(): string {
    return this.file.householdId
  }

  get roster(): Roster {
    return this.#roster
  }

  get hub(): HubClient {
    return new HubClient(this.file.hub)
  }

  get rootId(): string {
    return this.file.roots.at(-1) ?? ''
  }

  /** The root key, for this one use. Throws `home.no_root` on a member's machine, `home.passphrase`. */
  async unlockRoot(passphrase: string): Promise<Signer> {
    const sealed = await this.data.rootFile()
    if (sealed === undefined) throw new OwnlensError('home.no_root')
    const decrypter = new Decrypter()
    decrypter.addPassphrase(passphrase)
    try {
      return signerOf(privateKeyFromPem(await decrypter.decrypt(sealed, 'text')))
    } catch (cause) {
      throw new OwnlensError('home.passphrase', undefined, { cause })
    }
  }

  /** A fresh TLS identity for this process. */
  async enrol(): Promise<{ tls: TlsIdentity; broker: string }> {
    const commonName = `${this.member.id}.${base32(randomBytes(5))}`
    const { id: householdId, member: signer } = this
    const { tls, hub } = await this.hub.enrol({ commonName, householdId, role: { kind: 'member' }, signer })
    return { tls, broker: hub.broker }
  }

  /** Publishes a roster with these members, signed by the root; kept when the hub has it. */
  async publishRoster(
    root: Signer,
    members: readonly { memberId: string; recipient: string }[],
  ): Promise<void> {
    const { householdId, firstRootId, firstSuccessorId, minimumSuite } = this.file
    const number = this.#roster.number + 1
    const roster = await makeStatement(
      rosterKind,
      {
        householdId,
        number,
        prev: this.#roster.sha256,
        firstRootId,
        firstSuccessorId,
        generation: this.#roster.generation,
        minimumSuite,
        members: [...members],
        issuedAt: new Date().toISOString(),
      },
      root,
    )
    const accepted = await acceptRoster({ householdId, rootId: this.rootId }, this.#roster, roster)
    await this.hub.request(householdId, { action: 'roster', roster, successions: [] }, root)
    await this.data.putRoster(number, roster)
    this.#roster = accepted
  }

  /** Member ids and their own signed recipients, as the newest roster carries them. */
  async memberStatements(): Promise<readonly { memberId: string; recipient: string }[]> {
    return (await readStatement(rosterKind, this.#roster.jws, this.rootId)).payload.members
  }

  /**
   * Takes a newer roster from the hub, if there is one that chains.
   *
   * @returns why it was refused, if it was: the one held stays.
   */
  async refreshRoster(tls: TlsIdentity): Promise<OwnlensError | undefined> {
    const schema = z.strictObject({ roster: z.string(), successions: z.array(z.string()).max(64) })
    const answer = await this.hub.getJson(`/households/${this.id}/roster`, tls, schema)
    const pin = { householdId: this.id, rootId: this.file.roots[0] ?? '' }
    let accepted: Roster
    try {
      accepted = await acceptRoster(pin, this.#roster, answer.roster, answer.successions)
    } catch (error) {
      if (error instanceof OwnlensError) return error
      throw error
    }
    if (accepted === this.#roster) return undefined
    await this.data.putRoster(accepted.number, accepted.jws)
    this.#roster = accepted
    return undefined
  }

  /**
   * Takes the household's claims from the hub: those that this app did not make.
   *
   * @returns why the bad ones among them were refused.
   */
  async refreshClaims(tls: TlsIdentity): Promise<readonly OwnlensError[]> {
    const schema = z.strictObject({ claims: z.array(z.string()).max(1000) })
    const { claims } = await this.hub.getJson(`/households/${this.id}/claims`, tls, schema)
    const known = new Set(await this.data.claims())
    const refused: OwnlensError[] = []
    for (const text of claims.filter(other => !known.has(other))) {
      const claim = await this.#readClaim(text)
      if (claim instanceof OwnlensError) refused.push(claim)
      else await this.data.putClaim(claim.deviceId, claim.epoch, text)
    }
    return refused
  }

  /** Every claim that one of this household's roots has signed. */
  async claims(): Promise<readonly Claim[]> {
    const claims = await Promise.all((await this.data.claims()).map(text => this.#readClaim(text)))
    return claims.flatMap(claim => (claim instanceof OwnlensError ? [] : [claim]))
  }

  async #readClaim(text: string): Promise<Claim | OwnlensError> {
    let refused: unknown
    // The newest root first: what it says of a claim is the answer.
    for (const rootId of this.file.roots.toReversed()) {
      try {
        return await readClaim(text, { householdId: this.id, rootId })
      } catch (error) {
        refused ??= error
      }
    }
    if (refused instanceof OwnlensError) return refused
    throw refused
  }

  async names(): Promise<Names> {
    return this.data.names(this.identities)
  }

  /** Gives a member or a camera a name; names stay on this machine, sealed. */
  async rename(kind: 'members' | 'cameras', id: string, name: string): Promise<void> {
    const names = await this.names()
    const member = await this.data.member()
    if (member === undefined) throw new OwnlensError('home.absent', this.data.folder)
    const changed = { ...names, [kind]: { ...names[kind], [id]: name } }
    await this.data.putNames(changed, await ownRecipient(member))
  }
}

/** A member's keys: one to sign with, age identities to open with. */
export async function makeMember(suite: Suite): Promise<MemberFile> {
  return {
    key: privateKeyToPem(makePrivateKey()),
    x25519: await generateX25519Identity(),
    hybrid: suite === 'hybrid' ? await generateHybridIdentity() : null,
  }
}

/** A member's statement of where it is to be sealed to. */
export async function memberRecipient(
  member: MemberFile,
  householdId: string,
  signer: Signer,
): Promise<string> {
  const recipients: Recipients = {
    x25519: await identityToRecipient(member.x25519),
    hybrid: member.hybrid === null ? null : await identityToRecipient(member.hybrid),
  }
  return makeStatement(recipientKind, { householdId, memberId: signer.id, number: 1, recipients }, signer)
}

/** Where a member seals what only it shall read. */
export async function ownRecipient(member: MemberFile): Promise<string> {
  return identityToRecipient(member.hybrid ?? member.x25519)
}

async function sealRoot(
  pem: string,
  passphrase: string,
  workFactor: number | undefined,
): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  if (workFactor !== undefined) encrypter.setScryptWorkFactor(workFactor)
  return encrypter.encrypt(pem)
}
