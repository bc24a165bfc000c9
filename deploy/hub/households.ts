import type { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import type { RequestAnswer, RequestBody, rosterAnswer } from '../../protocol/registrar.ts'
import { acceptRoster, type Roster, rosterKind, successionKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import { supersede } from './certificate-book.ts'
import { checkCode, useCode } from './codes.ts'
import type { Db } from './database.ts'
import { forgetOrders, orderOf } from './orders.ts'
import { record } from './records.ts'

interface Standing {
  readonly root_id: string
  readonly roster: string
  readonly successions: string
}

/** What a household hands in when it registers. */
type Registered = Pick<Extract<RequestBody, { action: 'household' }>, 'code' | 'roster' | 'successions'>

/** Households and whom their roots name. Checked here so that a hub serves nothing false; nobody believes it unchecked. */
export class Households {
  readonly #db: Db
  readonly #now: () => Date

  constructor(db: Db, now: () => Date) {
    this.#db = db
    this.#now = now
  }

  /**
   * Takes a household's first roster here: another hub may have had it before, under an earlier root. Registering again what
   * stands is no error: the first answer may have been lost.
   *
   * @throws OwnlensError `hub.code`, `hub.household` (registered already), and what `acceptRoster` throws.
   */
  async register(
    householdId: string,
    signerId: string,
    { code, roster: rosterJws, successions }: Registered,
  ): Promise<void> {
    const standing = await this.#standing(householdId)
    if (standing?.roster === rosterJws && standing.root_id === signerId) return
    // Before anything that costs, and before anything that tells who is registered here.
    await checkCode(this.#db, code)
    if (standing !== undefined) throw new OwnlensError('hub.household', 'registered already')
    const roster = await check(householdId, signerId, rosterJws, successions, undefined)
    await this.#db.transaction().execute(async transaction => {
      await useCode(transaction, code)
      await write(transaction, roster, successions, this.#now())
    })
  }

  /**
   * Takes a newer roster, signed by the one who asks.
   *
   * @returns the members who are members no more; their certificates count no more either.
   * @throws OwnlensError `hub.household` for an unknown household and for a stranger alike.
   */
  async renew(
    householdId: string,
    signerId: string,
    rosterJws: string,
    successions: readonly string[],
  ): Promise<readonly string[]> {
    const standing = await this.#standing(householdId)
    if (standing?.root_id !== signerId) {
      if (successions.length === 0) throw new OwnlensError('hub.household')
      // What is wrong with a stranger's line is said of every household alike, whether it is known here or not.
      await check(householdId, signerId, rosterJws, successions, undefined)
    }
    if (standing === undefined) throw new OwnlensError('hub.household')
    const held = await readStanding(householdId, standing)
    const roster = await check(householdId, signerId, rosterJws, successions, held)
    if (roster === held) return []
    const removed = held.members
      .map(({ memberId }) => memberId)
      .filter(memberId => !roster.members.some(member => member.memberId === memberId))
    await this.#db.transaction().execute(async transaction => {
      await write(transaction, roster, successions, this.#now())
      if (roster.generation > held.generation) await forgetOrders(transaction, householdId)
      for (const memberId of removed) {
        const name = { kind: 'member', householdId, id: memberId } as const
        await supersede(transaction, { owner: memberId, name }, this.#now())
      }
    })
    return removed
  }

  /** Whether the newest roster names this member. */
  async isMember(householdId: string, memberId: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('members')
      .select('member_id')
      .where('household_id', '=', householdId)
      .where('member_id', '=', memberId)
      .executeTakeFirst()
    return row !== undefined
  }

  /** The key that signed the newest roster. */
  async rootId(householdId: string): Promise<string | undefined> {
    return (await this.#standing(householdId))?.root_id
  }

  /** As `rootId`, and how many successions came before it. */
  async currentRoot(
    householdId: string,
  ): Promise<{ readonly rootId: string; readonly generation: number } | undefined> {
    const standing = await this.#standing(householdId)
    if (standing === undefined) return undefined
    const { root_id: rootId, successions } = standing
    return { rootId, generation: (JSON.parse(successions) as string[]).length }
  }

  /** The newest roster's number; 0 for a household that nobody registered. */
  async rosterNumber(householdId: string): Promise<number> {
    const row = await this.#db
      .selectFrom('households')
      .select('roster_number')
      .where('household_id', '=', householdId)
      .executeTakeFirst()
    return row?.roster_number ?? 0
  }

  /** What a member or device of the household may read. Throws `hub.household`. */
  async published(householdId: string): Promise<z.infer<typeof rosterAnswer>> {
    const standing = await this.#standing(householdId)
    if (standing === undefined) throw new OwnlensError('hub.household')
    return {
      roster: standing.roster,
      successions: JSON.parse(standing.successions) as string[],
      move: await orderOf(this.#db, householdId, 'move'),
    }
  }

  /**
   * The household whose current successor this key is. Of several the one that named it first: whoever has seen a household's
   * roster could name its successor in one of their own.
   *
   * @throws OwnlensError `hub.household`.
   */
  async heir(successorId: string): Promise<RequestAnswer<'heir'>> {
    const row = await this.#db
      .selectFrom('households')
      .select('household_id')
      .where('successor_id', '=', successorId)
      .orderBy('successor_since')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) throw new OwnlensError('hub.household')
    return { householdId: row.household_id, ...(await this.published(row.household_id)) }
  }

  async #standing(householdId: string): Promise<Standing | undefined> {
    return this.#db
      .selectFrom('households')
      .select(['root_id', 'roster', 'successions'])
      .where('household_id', '=', householdId)
      .executeTakeFirst()
  }
}

async function check(
  householdId: string,
  signerId: string,
  rosterJws: string,
  successions: readonly string[],
  held: Roster | undefined,
): Promise<Roster> {
  const { payload } = await readStatement(rosterKind, rosterJws, signerId)
  return acceptRoster({ householdId, rootId: payload.firstRootId }, held, rosterJws, successions)
}

/** The roster that stands; it was checked when it came. */
async function readStanding(
  householdId: string,
  { roster, root_id, successions }: Standing,
): Promise<Roster> {
  return check(householdId, root_id, roster, JSON.parse(successions) as string[], undefined)
}

/** Fills in the successors of households that an earlier version registered. */
export async function nameSuccessors(db: Db, now: Date): Promise<void> {
  const rows = await db
    .selectFrom('households')
    .select(['household_id', 'roster', 'successions'])
    .where('successor_id', '=', '')
    .execute()
  for (const { household_id, roster, successions } of rows) {
    const successor_id = await successorOf(roster, JSON.parse(successions) as string[])
    await db
      .updateTable('households')
      .set({ successor_id, successor_since: now.toISOString() })
      .where('household_id', '=', household_id)
      .execute()
  }
}

/** Who may succeed the root: named in the last succession, else in the roster. All of it was checked before. */
async function successorOf(roster: string, successions: readonly string[]): Promise<string> {
  const last = successions.at(-1)
  if (last === undefined) return (await readStatement(rosterKind, roster, 'itself')).payload.firstSuccessorId
  return (await readStatement(successionKind, last, 'itself')).payload.newSuccessorId
}

async function write(db: Db, roster: Roster, successions: readonly string[], now: Date): Promise<void> {
  const { householdId: household_id } = roster
  const successor_id = await successorOf(roster.jws, successions)
  const before = await db
    .selectFrom('households')
    .select(['successor_id', 'successor_since'])
    .where('household_id', '=', household_id)
    .executeTakeFirst()
  const same = before?.successor_id === successor_id
  const row = {
    household_id,
    root_id: roster.rootId,
    roster: roster.jws,
    roster_number: roster.number,
    successions: JSON.stringify(successions),
    successor_id,
    successor_since: same ? before.successor_since : now.toISOString(),
  }
  await db
    .insertInto('households')
    .values(row)
    .onConflict(conflict => conflict.column('household_id').doUpdateSet(row))
    .execute()
  await db.deleteFrom('members').where('household_id', '=', household_id).execute()
  const content = { kind: 'household', roster: roster.jws, successions } as const
  await record(db, content, { householdId: household_id }, now)
  const members = roster.members.map(({ memberId: member_id }) => ({ household_id, member_id }))
  await db.insertInto('members').values(members).execute()
}
