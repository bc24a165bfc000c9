import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { count, id, jws, type Recipients, recipients, type Suite, sha256Hex, suite, time } from './fields.ts'
import { householdIdOf } from './ids.ts'
import { sealBytes } from './sealed.ts'
import { readStatement, SMALL_STATEMENT, type StatementKind, statementHash } from './statement.ts'

/** PROTOCOL 3.1. A member's own recipients, signed by the member; the highest number counts. */
export const recipientKind = {
  typ: 'ownlens-recipient/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({ householdId: id, memberId: id, number: count.min(1), recipients }),
} satisfies StatementKind<unknown>

/** PROTOCOL 3.2. The root says who is a member. Keys and ids only; names never. */
export const rosterKind = {
  typ: 'ownlens-roster/1',
  maxBytes: 128 * 1024,
  schema: z.strictObject({
    householdId: id,
    number: count.min(1),
    /** The statement hash of the roster before, null for number 1. */
    prev: sha256Hex.nullable(),
    firstRootId: id,
    firstSuccessorId: id,
    /** How many successions came before the root that signs. */
    generation: z.int().min(0).max(64),
    minimumSuite: suite,
    members: z
      .array(z.strictObject({ memberId: id, recipient: jws }))
      .min(1)
      .max(16),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 3.3. The committed successor replaces the root and commits to the next successor. */
export const successionKind = {
  typ: 'ownlens-succession/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    householdId: id,
    generation: z.int().min(1).max(64),
    newRootId: id,
    newSuccessorId: id,
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

export interface Member {
  readonly memberId: string
  readonly recipients: Recipients
  readonly recipientNumber: number
}

/** A roster that chains to the pinned root. */
export interface Roster {
  readonly jws: string
  readonly sha256: string
  readonly householdId: string
  readonly number: number
  readonly generation: number
  readonly rootId: string
  readonly minimumSuite: Suite
  readonly members: readonly Member[]
}

/** What a device (or an app, or the registrar) has pinned of a household before it holds any roster. */
export interface Pin {
  readonly householdId: string
  readonly rootId: string
}

/**
 * Checks a roster against the pin and against the roster held so far (PROTOCOL 3.4): signed by the root of its
 * generation, all successions present, of a later generation than the held one or with a higher number (`prev` matching at
 * held + 1), members' own recipients signed by themselves, never going back, and such that can be sealed to.
 *
 * @param successions all of the household's successions, oldest first, as compact JWS.
 * @throws OwnlensError `roster.household`, `roster.old`, `roster.chain`, `roster.generation`, `roster.member`,
 *   `roster.suite` and what `readStatement` throws.
 */
export async function acceptRoster(
  pin: Pin,
  held: Roster | undefined,
  rosterJws: string,
  successions: readonly string[] = [],
): Promise<Roster> {
  const roster = await readStatement(rosterKind, rosterJws, 'itself')
  const { payload } = roster
  if (payload.householdId !== pin.householdId) throw new OwnlensError('roster.household')
  if (householdIdOf(payload.firstRootId, payload.firstSuccessorId) !== pin.householdId)
    throw new OwnlensError('roster.household', 'its first keys are not this household’s')
  const { roots: line } = await rootLine(payload, successions)
  if (!line.includes(pin.rootId))
    throw new OwnlensError('roster.household', 'the pinned root is not in its line')
  if (line[payload.generation] === undefined)
    throw new OwnlensError('roster.generation', 'a succession is missing')
  if (roster.signer.id !== line[payload.generation])
    throw new OwnlensError('statement.signer', rosterKind.typ)
  if (payload.generation !== line.length - 1)
    throw new OwnlensError('roster.generation', 'its root was replaced')
  const digest = statementHash(rosterJws)
  if (held !== undefined) {
    if (payload.generation < held.generation) throw new OwnlensError('roster.generation')
    if (digest === held.sha256) return held
    // A thief of the old root may have signed any number: a new root owes it nothing.
    const sameRoot = payload.generation === held.generation
    if (sameRoot && payload.number <= held.number)
      throw new OwnlensError('roster.old', `${payload.number} ≤ ${held.number}`)
    if (sameRoot && payload.number === held.number + 1 && payload.prev !== held.sha256)
      throw new OwnlensError('roster.chain', `roster ${payload.number}`)
  }
  if ((payload.prev === null) !== (payload.number === 1)) throw new OwnlensError('roster.chain')
  return {
    jws: rosterJws,
    sha256: digest,
    householdId: payload.householdId,
    number: payload.number,
    generation: payload.generation,
    rootId: roster.signer.id,
    minimumSuite: payload.minimumSuite,
    members: await readMembers(payload.householdId, payload.minimumSuite, payload.members, held),
  }
}

/**
 * The ids of all roots of a household, first to current, and of the successor that the last one has committed to. Each root
 * but the first was named by the successor that the one before had committed to (PROTOCOL 3.3).
 *
 * @throws OwnlensError `roster.generation` and what `readStatement` throws.
 */
export async function rootLine(
  first: { householdId: string; firstRootId: string; firstSuccessorId: string },
  successions: readonly string[],
): Promise<{ roots: readonly string[]; successorId: string }> {
  const roots = [first.firstRootId]
  let successorId = first.firstSuccessorId
  for (const [index, succession] of successions.entries()) {
    const { payload } = await readStatement(successionKind, succession, successorId)
    if (payload.householdId !== first.householdId || payload.generation !== index + 1)
      throw new OwnlensError('roster.generation', 'the successions are not in order')
    roots.push(payload.newRootId)
    successorId = payload.newSuccessorId
  }
  return { roots, successorId }
}

async function readMembers(
  householdId: string,
  minimumSuite: Suite,
  members: readonly { memberId: string; recipient: string }[],
  held: Roster | undefined,
): Promise<readonly Member[]> {
  const result: Member[] = []
  for (const { memberId, recipient } of members) {
    const { payload } = await readStatement(recipientKind, recipient, memberId)
    if (payload.memberId !== memberId || payload.householdId !== householdId)
      throw new OwnlensError('roster.member', 'a recipient belongs to somebody else')
    if (result.some(other => other.memberId === memberId))
      throw new OwnlensError('roster.member', 'named twice')
    if (minimumSuite === 'hybrid' && payload.recipients.hybrid === null)
      throw new OwnlensError('roster.suite')
    const before = held?.members.find(other => other.memberId === memberId)
    if (before !== undefined && payload.number < before.recipientNumber)
      throw new OwnlensError('roster.member', 'a recipient went back')
    result.push({ memberId, recipients: payload.recipients, recipientNumber: payload.number })
  }
  await trySeals(result)
  return result
}

/** One recipient that looks right but takes nothing would keep a camera from sealing to anybody. */
async function trySeals(members: readonly Member[]): Promise<void> {
  const x25519 = members.map(member => member.recipients.x25519)
  const hybrid = members.flatMap(member => member.recipients.hybrid ?? [])
  try {
    for (const all of [x25519, hybrid]) if (all.length > 0) await sealBytes(new Uint8Array(), all)
  } catch (cause) {
    throw new OwnlensError('roster.member', 'a recipient cannot be sealed to', { cause })
  }
}

/**
 * The age recipients of everything a device seals to its household, all of one suite: hybrid when every member has a
 * hybrid one, else X25519 for all.
 */
export function sealsTo(roster: Pick<Roster, 'members'>): { suite: Suite; recipients: readonly string[] } {
  const hybrid = roster.members.flatMap(member => member.recipients.hybrid ?? [])
  if (hybrid.length === roster.members.length) return { suite: 'hybrid', recipients: hybrid }
  return { suite: 'x25519', recipients: roster.members.map(member => member.recipients.x25519) }
}

/** The members whose app reads X25519 only, and so keep the whole household from the hybrid suite. */
export function heldBackBy(roster: Pick<Roster, 'members'>): readonly string[] {
  return roster.members.filter(member => member.recipients.hybrid === null).map(member => member.memberId)
}
