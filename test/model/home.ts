import { randomBytes } from 'node:crypto'
import { Ledger } from '../../home/ledger.ts'
import { type Claim, checkHalf, claimKind, readClaim, readHalf } from '../../protocol/claim.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { base32, householdIdOf } from '../../protocol/ids.ts'
import { writeInvitation } from '../../protocol/invitation.ts'
import type { Signer } from '../../protocol/keys.ts'
import { mailboxOf, revealKind, shortCode } from '../../protocol/pairing.ts'
import {
  acceptRoster,
  type Roster,
  recipientKind,
  rosterKind,
  successionKind,
} from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import type { Camera } from './camera.ts'
import { type Facts, must, signedPart } from './facts.ts'
import type { Keys } from './keys.ts'
import type { World } from './world.ts'

/** One person with an app. */
export interface Person {
  readonly name: string
  readonly keys: Keys
  /** Every age key that this person ever had, the newest last. */
  readonly ages: Pick<Keys, 'identity' | 'recipient'>[]
  number: number
}

/** A code that is or was shown. */
export interface Invite {
  readonly secret: Uint8Array
  readonly code: string
  readonly mailbox: string
  readonly rootId: string
  readonly shownAt: number
  /** Before whose lens the person holds it. */
  before?: Camera
  half?: string
  deviceId?: string
  /** What the app shows. */
  short?: string
  over: boolean
}

const OPEN_MS = 600_000

/** A household: its root, its successor's words, its members, and the app of who holds the root. */
export class Home {
  readonly name: string
  readonly world: World
  readonly roots: Signer[]
  readonly successors: Signer[]
  readonly successions: string[] = []
  readonly persons: Person[]
  members: Person[]
  invites: Invite[] = []
  claims: Claim[] = []
  blocks = 0
  #roster: Roster | undefined

  private constructor(name: string, world: World, keys: readonly Keys[], persons: Person[], ledger: Ledger) {
    this.name = name
    this.world = world
    this.roots = [keys[0] as Keys].map(({ signer }) => signer)
    this.successors = [keys[1] as Keys].map(({ signer }) => signer)
    this.persons = persons
    this.members = persons.slice(0, 1)
    this.ledger = ledger
  }

  readonly ledger: Ledger
  /** `<householdId> <deviceId> <epoch> <number>` → the clip that was opened under it. */
  readonly numbers = new Map<string, string>()

  static async found(name: string, world: World, size: number): Promise<Home> {
    const keys = [await world.ring.take(), await world.ring.take()]
    const persons: Person[] = []
    for (let index = 0; index < size; index++) {
      const own = await world.ring.take()
      persons.push({ name: `${name}${index}`, keys: own, ages: [own], number: 1 })
      world.facts.owners.set(own.recipient, `${name}${index}`)
    }
    const { disk } = FaultDisk.make({ model: 'ordered', folder: '/home' })
    const home = new Home(name, world, keys, persons, await Ledger.open(disk, '/home'))
    world.facts.roots.set(home.id, [home.root.id])
    const roster = await home.sign(home.root, home.members)
    const code = await world.hub.registrar.registrationCode()
    await world.hub.request(home.id, { action: 'household', code, roster, successions: [] }, home.root)
    home.#roster = await acceptRoster(home.pin, undefined, roster)
    return home
  }

  get id(): string {
    return householdIdOf(this.roots[0]?.id ?? '', this.successors[0]?.id ?? '')
  }

  get root(): Signer {
    return this.roots.at(-1) as Signer
  }

  get pin(): { householdId: string; rootId: string } {
    return { householdId: this.id, rootId: this.roots[0]?.id ?? '' }
  }

  get roster(): Roster | undefined {
    return this.#roster
  }

  /** A roster signed by this key, whoever holds it. True ones are written down. */
  async sign(
    signer: Signer,
    members: readonly Person[],
    options: { number?: number; prev?: string | null; generation?: number } = {},
  ): Promise<string> {
    const held = this.#roster
    const number = options.number ?? nextNumber(held)
    const prev = options.prev === undefined ? (number === 1 ? null : (held?.sha256 ?? null)) : options.prev
    const generation = options.generation ?? this.successions.length
    const payload = {
      ...{ householdId: this.id, number, prev, generation, minimumSuite: 'x25519' as const },
      firstRootId: this.roots[0]?.id ?? '',
      firstSuccessorId: this.successors[0]?.id ?? '',
      members: await Promise.all(members.map(person => this.#entry(person))),
      issuedAt: this.world.time(),
    }
    const jws = await makeStatement(rosterKind, payload, signer)
    writeDown(this.world.facts, jws, signer.id, payload, members)
    return jws
  }

  async #entry({ keys, ages, number }: Person): Promise<{ memberId: string; recipient: string }> {
    const recipients = { x25519: ages.at(-1)?.recipient ?? '', hybrid: null }
    const payload = { householdId: this.id, memberId: keys.signer.id, number, recipients }
    return { memberId: keys.signer.id, recipient: await makeStatement(recipientKind, payload, keys.signer) }
  }

  /** Publishes a roster of these members; kept when the hub has it, as `home/household.ts` does. */
  async publish(members: readonly Person[]): Promise<void> {
    const roster = await this.sign(this.root, members)
    const accepted = await acceptRoster(this.pin, this.#roster, roster, this.successions)
    await this.world.hub.request(
      this.id,
      { action: 'roster', roster, successions: [...this.successions] },
      this.root,
    )
    this.#roster = accepted
    this.members = [...members]
  }

  /** Gives the roster that is held to a hub that has lost it, as `home/command.ts` does. */
  async publishAgain(): Promise<void> {
    const roster = this.#roster?.jws ?? ''
    const successions = [...this.successions]
    await this.world.hub.request(this.id, { action: 'roster', roster, successions }, this.root)
  }

  /** The recovery words make a new root; these members stay. */
  async succeed(members: readonly Person[]): Promise<void> {
    const { ring, facts } = this.world
    const [root, successor] = [await ring.signer(), await ring.signer()]
    const payload = {
      householdId: this.id,
      generation: this.successions.length + 1,
      newRootId: root.id,
      newSuccessorId: successor.id,
      issuedAt: this.world.time(),
    }
    this.successions.push(await makeStatement(successionKind, payload, this.successors.at(-1) as Signer))
    this.roots.push(root)
    this.successors.push(successor)
    facts.roots.get(this.id)?.push(root.id)
    this.invites = []
    await this.publish(members)
  }

  /** What a hub says is the newest roster. Throws what makes it a bad one. */
  async takeRoster(jws: string, successions: readonly string[]): Promise<void> {
    // Who makes a new root has the words, and knows all successions before anybody else.
    const held = this.world.has('app takes older rosters') ? undefined : this.#roster
    const roster = await acceptRoster(this.pin, held, jws, successions)
    if (roster === this.#roster) return
    this.#roster = roster
    const named = roster.members.map(({ memberId }) => memberId)
    this.members = [...this.world.persons()].filter(({ keys }) => named.includes(keys.signer.id))
  }

  /** What the hub has of claims that a root of this home has signed, this app's own and others', as `home/command.ts` does first. */
  async takeClaims(): Promise<void> {
    for (const jws of await this.world.hub.registrar.claims(this.id))
      for (const { id: rootId } of this.roots.toReversed()) {
        if (this.claims.some(claim => claim.jws === jws)) break
        const claim = await readClaim(jws, { householdId: this.id, rootId }).catch(refusal)
        if (claim !== undefined) this.claims.push(claim)
      }
  }

  /** Shows a code. */
  async invite(): Promise<Invite> {
    const { hub, now, archive } = this.world
    await this.takeClaims()
    const secret = randomBytes(16)
    const mailbox = mailboxOf(secret)
    await hub.request(this.id, { action: 'invite', mailbox }, this.root)
    const { url: hubUrl, caId } = hub.address
    const code = writeInvitation({ rootId: this.root.id, secret, hubUrl, caId })
    archive.codes.push(code)
    const invite: Invite = { secret, code, mailbox, rootId: this.root.id, shownAt: now(), over: false }
    this.invites.push(invite)
    return invite
  }

  /** Looks into the mailbox, as the app does once a second. */
  async look(invite: Invite): Promise<string> {
    if (invite.over || invite.short !== undefined) return 'nothing to look for'
    if (this.world.now() > invite.shownAt + OPEN_MS) {
      invite.over = true
      throw new OwnlensError('pair.expired')
    }
    const { mailbox } = invite
    const { half } = await this.world.ask().request(this.id, { action: 'mailbox', mailbox }, this.root)
    if (half === null) return 'empty'
    const read = await readHalf(half)
    const standing = this.#standing(half)
    if (standing === undefined && !this.world.has('app skips the half’s HMAC'))
      checkHalf(read, { secret: invite.secret, householdId: this.id, rootId: invite.rootId })
    const knows = this.world.facts.knowing.has(`${invite.mailbox} ${signedPart(half)}`)
    must(
      knows || standing !== undefined,
      'pairing: an app believes who has seen its code',
      'a half that has not',
    )
    invite.half = half
    invite.deviceId = read.deviceId
    const nonce = base32(randomBytes(16))
    const hash = statementHash(half)
    const reveal = await makeStatement(revealKind, { householdId: this.id, half: hash, nonce }, this.root)
    invite.short = shortCode(hash, nonce)
    await this.world.hub.request(this.id, { action: 'reveal', mailbox, reveal }, this.root)
    return 'revealed'
  }

  /** The person compares both codes and confirms, or gives it up. */
  async confirm(invite: Invite): Promise<string> {
    const { half, short, mailbox, before, deviceId } = invite
    if (invite.over || half === undefined || short === undefined || deviceId === undefined)
      return 'nothing to confirm'
    const { rivals } = await this.world.ask().request(this.id, { action: 'mailbox', mailbox }, this.root)
    if (rivals > 0 && !this.world.has('app ignores rivals and the short code')) {
      await this.decline(invite)
      throw new OwnlensError('pair.rival')
    }
    // The attacker compares nothing.
    if (
      before?.lamp !== short &&
      this !== this.world.attacker &&
      !this.world.has('app ignores rivals and the short code')
    )
      return this.decline(invite)
    invite.over = true
    const standing = this.#standing(half)
    const jws = standing?.jws ?? (await this.#claim(half, deviceId))
    const claim = standing ?? (await readClaim(jws, { householdId: this.id, rootId: this.root.id }))
    await this.#register(claim)
    this.world.claimed(this, invite)
    if (standing === undefined) this.claims.push(claim)
    return standing === undefined ? 'claimed' : 'repaired'
  }

  /** The newest claim of its camera that has this half: a repair, as `home/pair.ts` tells it. */
  #standing(half: string): Claim | undefined {
    const claim = this.claims.find(one => one.half === half)
    const newer = this.claims.some(one => one.deviceId === claim?.deviceId && one.epoch > claim.epoch)
    return newer ? undefined : claim
  }

  /** A registrar that has lost a camera's claims takes them again, oldest first. */
  async #register({ jws, deviceId, epoch }: Claim): Promise<void> {
    const send = (claim: string) => this.world.hub.request(this.id, { action: 'claim', claim }, this.root)
    try {
      await send(jws)
    } catch (error) {
      const earlier = this.claims.filter(one => one.deviceId === deviceId && one.epoch < epoch)
      if (codeOf(error) !== 'claim.epoch' || earlier.length === 0) throw error
      for (const one of earlier.sort((a, b) => a.epoch - b.epoch)) await send(one.jws).catch(refusal)
      await send(jws)
    }
  }

  async #claim(half: string, deviceId: string): Promise<string> {
    const { invited } = await readHalf(half)
    const epoch = invited?.epoch ?? 0
    const payload = {
      householdId: this.id,
      deviceId,
      epoch,
      half,
      hub: this.world.hub.address,
      issuedAt: this.world.time(),
    }
    this.world.facts.claimed.add(`${this.id} ${deviceId} ${epoch}`)
    return makeStatement(claimKind, payload, this.root)
  }

  async decline(invite: Invite): Promise<string> {
    invite.over = true
    const { mailbox } = invite
    await this.world.hub.request(this.id, { action: 'decline', mailbox }, this.root)
    return 'declined'
  }
}

/** A refusal is nothing to worry about; anything else is. */
export function refusal(error: unknown): void {
  if (!(error instanceof OwnlensError)) throw error
}

/** What a thief of the root has signed may bear the highest number that there is: a later root begins anew. */
function nextNumber(held: Roster | undefined): number {
  if (held === undefined || held.number >= Number.MAX_SAFE_INTEGER) return 1
  return held.number + 1
}

function writeDown(
  facts: Facts,
  jws: string,
  signerId: string,
  { householdId, number, generation }: { householdId: string; number: number; generation: number },
  members: readonly Person[],
): void {
  if (facts.roots.get(householdId)?.[generation] !== signerId) return
  facts.rosters.set(signedPart(jws), {
    ...{ householdId, number, generation },
    memberIds: members.map(({ keys }) => keys.signer.id),
    recipients: members.map(({ ages }) => ages.at(-1)?.recipient ?? ''),
  })
}
