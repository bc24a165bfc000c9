import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { type Claim, readClaim } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import { privateKeyFromPem, type Signer, signerOf } from '../protocol/keys.ts'
import { moveKind, readOrder } from '../protocol/ownership.ts'
import { rosterAnswer } from '../protocol/registrar.ts'
import { acceptRoster, type Roster, rootLine, rosterKind } from '../protocol/roster.ts'
import { makeStatement, readStatement } from '../protocol/statement.ts'
import type { Disk } from '../storage/disk.ts'
import { unlockKey } from '../storage/locked-key.ts'
import { sameHub } from '../wire/hub-address.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { claimName, HomeData, type HouseholdFile, type Names, rosterName } from './home-data.ts'
import { identitiesOf, ownRecipient } from './member-keys.ts'

/** Something that the hub gave out and that was refused; what this app held before stays. */
export interface RefusedStatement {
  readonly kind: 'roster' | 'claim' | 'move' | 'status' | 'block' | 'lost block' | 'log'
  readonly error: OwnlensError
}

const claimsAnswer = z.strictObject({ claims: z.array(z.string()).max(1000) })

/** One member's app of a household. */
export class Household {
  readonly data: HomeData
  readonly member: Signer
  /** age identities that open what is sealed to this member. */
  readonly identities: readonly string[]
  #file: HouseholdFile
  #roster: Roster
  /** Ids of all roots, first to current, and of the successor that the current one has committed to. */
  #line: { readonly roots: readonly string[]; readonly successorId: string }
  #hub: HubClient

  private constructor(parts: {
    data: HomeData
    file: HouseholdFile
    member: Signer
    identities: readonly string[]
    roster: Roster
    line: Awaited<ReturnType<typeof rootLine>>
  }) {
    this.data = parts.data
    this.member = parts.member
    this.identities = parts.identities
    this.#file = parts.file
    this.#roster = parts.roster
    this.#line = parts.line
    this.#hub = new HubClient(this.hubAddress)
  }

  /** Throws `home.absent` or `home.damaged`. Everything is checked again, signatures included. */
  static async open(disk: Disk, folder: string): Promise<Household> {
    const data = new HomeData(disk, folder)
    const [file, member] = [await data.get('household.json'), await data.get('member.json')]
    if (file === undefined || member === undefined) throw new OwnlensError('home.absent', folder)
    try {
      const pin = { householdId: file.householdId, rootId: file.firstRootId }
      const roster = await acceptRoster(pin, undefined, file.roster, file.successions)
      const line = await rootLine(file, file.successions)
      const signer = signerOf(privateKeyFromPem(member.key))
      return new Household({ data, file, member: signer, identities: identitiesOf(member), roster, line })
    } catch (cause) {
      throw new OwnlensError('home.damaged', folder, { cause })
    }
  }

  get id(): string {
    return this.#file.householdId
  }

  /** What was taken of the household so far. */
  get file(): HouseholdFile {
    return this.#file
  }

  get roster(): Roster {
    return this.#roster
  }

  get hub(): HubClient {
    return this.#hub
  }

  get hubAddress(): HubAddress {
    return this.#file.hubs[0] as HubAddress
  }

  get rootId(): string {
    return this.roots.at(-1) ?? ''
  }

  /** The ids of all roots, first to current. */
  get roots(): readonly string[] {
    return this.#line.roots
  }

  /** The id of the successor: the key behind the recovery words that count. */
  get successorId(): string {
    return this.#line.successorId
  }

  /** The root key, for this one use. Throws `home.no_root` on a member's machine, `home.passphrase`, `home.root_replaced`. */
  async unlockRoot(passphrase: string): Promise<Signer> {
    const sealed = await this.data.rootFile()
    if (sealed === undefined) throw new OwnlensError('home.no_root')
    const root = signerOf(await unlockKey(sealed, passphrase))
    if (root.id !== this.rootId) throw new OwnlensError('home.root_replaced')
    return root
  }

  /**
   * A fresh TLS identity for this process. Where the hub does not answer, the others that the household has named are tried;
   * the one that answers is asked from then on.
   */
  async enrol(): Promise<{ tls: TlsIdentity; broker: string }> {
    const commonName = `${this.member.id}.${base32(randomBytes(5))}`
    const { id: householdId, member: signer } = this
    let failure: unknown
    for (const address of this.#file.hubs) {
      const same = sameHub(address, this.hub.address)
      const client = same ? this.hub : new HubClient(address)
      try {
        const role = { kind: 'member' } as const
        const { tls, hub } = await client.enrol({ commonName, householdId, role, signer })
        if (!same) this.#hub = client
        return { tls, broker: hub.broker }
      } catch (error) {
        failure ??= error
        if (!(error instanceof OwnlensError) || !/^hub\.(unreachable|ca)$/.test(error.code)) throw error
      }
    }
    throw failure
  }

  /** Publishes a roster with these members, signed by the root; kept when the hub has it. */
  async publishRoster(
    root: Signer,
    members: readonly { memberId: string; recipient: string }[],
  ): Promise<void> {
    const { householdId, firstRootId, firstSuccessorId, successions } = this.#file
    const { number, sha256: prev, generation, minimumSuite } = this.#roster
    const payload = {
      ...{ householdId, number: number + 1, prev, firstRootId, firstSuccessorId, generation, minimumSuite },
      members: [...members],
      issuedAt: new Date().toISOString(),
    }
    const roster = await makeStatement(rosterKind, payload, root)
    const accepted = await acceptRoster(this.#pin, this.#roster, roster, successions)
    await this.hub.request(householdId, { action: 'roster', roster, successions }, root)
    await this.#take(accepted, successions)
  }

  /** Gives the roster that is held to a hub that has lost it. Throws what the hub answers. */
  async publishAgain(root: Signer): Promise<void> {
    const { householdId, roster, successions } = this.#file
    await this.hub.request(householdId, { action: 'roster', roster, successions }, root)
  }

  /** Member ids and their own signed recipients, as the newest roster carries them. */
  async memberStatements(): Promise<readonly { memberId: string; recipient: string }[]> {
    return (await readStatement(rosterKind, this.#roster.jws, this.rootId)).payload.members
  }

  /**
   * Takes a newer roster from the hub with its successions, if there is one that chains, and a newer move.
   *
   * @returns what was refused: what is held stays then.
   */
  async refresh(tls: TlsIdentity): Promise<readonly RefusedStatement[]> {
    const answer = await this.hub.getJson(`/households/${this.id}/roster`, tls, rosterAnswer)
    const refused: RefusedStatement[] = []
    const { roster: rosterJws, successions, move } = answer
    const roster = await acceptRoster(this.#pin, this.#roster, rosterJws, successions).catch(ownError)
    if (roster instanceof OwnlensError) refused.push({ kind: 'roster', error: roster })
    else if (roster !== this.#roster) await this.#take(roster, successions)
    const moved = move === null ? undefined : await this.takeMove(move).catch(ownError)
    if (moved !== undefined) refused.push({ kind: 'move', error: moved })
    return refused
  }

  /**
   * Follows a move of the current root, if it is newer than the one that was followed last: of an earlier root, or of a lower
   * number. A move of an earlier root is passed over: a thief may have signed it. Throws `statement.*`, `claim.household`.
   */
  async takeMove(move: string): Promise<void> {
    const { signer, payload } = await readOrder(moveKind, move, { householdId: this.id, roots: this.roots })
    if (signer.id !== this.rootId) return
    const rank = { generation: this.#roster.generation, number: payload.number }
    const held = this.#file.move
    if (held !== null && held.generation === rank.generation && rank.number <= held.number) return
    await this.#save({ ...this.#file, move: rank, hubs: payload.hubs })
    this.#hub = new HubClient(this.hubAddress)
  }

  /**
   * Takes the household's claims from the hub: those that this app did not make.
   *
   * @returns why the bad ones among them were refused.
   */
  async refreshClaims(tls: TlsIdentity): Promise<readonly OwnlensError[]> {
    const known = new Set(await this.data.archived('claims'))
    const refused: OwnlensError[] = []
    for (const text of (await this.claimsAtHub(tls)).filter(other => !known.has(other))) {
      const claim = await this.#readClaim(text)
      if (claim instanceof OwnlensError) refused.push(claim)
      else await this.keepClaim(claim)
    }
    return refused
  }

  /** What the hub has registered, unchecked. */
  async claimsAtHub(tls: TlsIdentity): Promise<readonly string[]> {
    return (await this.hub.getJson(`/households/${this.id}/claims`, tls, claimsAnswer)).claims
  }

  async keepClaim(claim: Claim): Promise<void> {
    await this.data.archive('claims', claimName(claim), claim.jws)
  }

  /** Every claim that one of this household's roots has signed. */
  async claims(): Promise<readonly Claim[]> {
    const texts = await this.data.archived('claims')
    const claims = await Promise.all(texts.map(text => this.#readClaim(text)))
    return claims.flatMap(claim => (claim instanceof OwnlensError ? [] : [claim]))
  }

  async #readClaim(text: string): Promise<Claim | OwnlensError> {
    let refused: OwnlensError | undefined
    // The newest root first: what it says of a claim is the answer.
    for (const rootId of this.roots.toReversed()) {
      const claim = await readClaim(text, { householdId: this.id, rootId }).catch(ownError)
      if (!(claim instanceof OwnlensError)) return claim
      refused ??= claim
    }
    return refused ?? new OwnlensError('clip.claim')
  }

  async names(): Promise<Names> {
    return this.data.names(this.identities)
  }

  /** Gives a member or a camera a name; names stay on this machine, sealed. */
  async rename(kind: 'members' | 'cameras', id: string, name: string): Promise<void> {
    const names = await this.names()
    const member = await this.data.get('member.json')
    if (member === undefined) throw new OwnlensError('home.absent', this.data.folder)
    const changed = { ...names, [kind]: { ...names[kind], [id]: name } }
    await this.data.putNames(changed, await ownRecipient(member))
  }

  get #pin(): { householdId: string; rootId: string } {
    return { householdId: this.id, rootId: this.#file.firstRootId }
  }

  async #take(roster: Roster, successions: readonly string[]): Promise<void> {
    const line = await rootLine(this.#file, successions)
    await this.data.archive('rosters', rosterName(roster), roster.jws)
    await this.#save({ ...this.#file, roster: roster.jws, successions: [...successions] })
    this.#roster = roster
    this.#line = line
  }

  async #save(file: HouseholdFile): Promise<void> {
    await this.data.put('household.json', file)
    this.#file = file
  }
}

function ownError(error: unknown): OwnlensError {
  if (error instanceof OwnlensError) return error
  throw error
}
