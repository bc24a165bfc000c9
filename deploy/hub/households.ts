import { OwnlensError } from '../../protocol/errors.ts'
import { acceptRoster, type Roster, rosterKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import { supersede } from './certificate-book.ts'
import { checkCode, useCode } from './codes.ts'
import type { Db } from './database.ts'

interface Standing {
  readonly root_id: string
  readonly roster: string
  readonly successions: string
}

/** Households and whom their roots name. Checked here so that a hub serves nothing false; nobody believes it unchecked. */
export class Households {
  readonly #db: Db
  readonly #now: () => Date

  constructor(db: Db, now: () => Date) {
    this.#db = db
    this.#now = now
  }

  /**
   * Takes a household's first roster. Registering again what stands is no error: the first answer may have been lost.
   *
   * @throws OwnlensError `hub.code`, `hub.household` (registered already), and what `acceptRoster` throws.
   */
  async register(householdId: string, signerId: string, code: string, rosterJws: string): Promise<void> {
    const standing = await this.#standing(householdId)
    if (standing?.roster === rosterJws) return
    // Before anything that costs, and before anything that tells who is registered here.
    await checkCode(this.#db, code)
    if (standing !== undefined) throw new OwnlensError('hub.household', 'registered already')
    const roster = await check(householdId, signerId, rosterJws, [], undefined)
    await this.#db.transaction().execute(async transaction => {
      await useCode(transaction, code)
      await write(transaction, roster, [])
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
    const stranger = standing?.root_id !== signerId && successions.length === 0
    if (standing === undefined || stranger) throw new OwnlensError('hub.household')
    const held = await readStanding(householdId, standing)
    const roster = await check(householdId, signerId, rosterJws, successions, held)
    if (roster === held) return []
    const removed = held.members
      .map(({ memberId }) => memberId)
      .filter(memberId => !roster.members.some(member => member.memberId === memberId))
    await this.#db.transaction().execute(async transaction => {
      await write(transaction, roster, successions)
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
  async published(householdId: string): Promise<{ roster: string; successions: string[] }> {
    const standing = await this.#standing(householdId)
    if (standing === undefined) throw new OwnlensError('hub.household')
    return { roster: standing.roster, successions: JSON.parse(standing.successions) as string[] }
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

async function write(db: Db, roster: Roster, successions: readonly string[]): Promise<void> {
  const { householdId: household_id } = roster
  const row = {
    household_id,
    root_id: roster.rootId,
    roster: roster.jws,
    roster_number: roster.number,
    successions: JSON.stringify(successions),
  }
  await db
    .insertInto('households')
    .values(row)
    .onConflict(conflict => conflict.column('household_id').doUpdateSet(row))
    .execute()
  await db.deleteFrom('members').where('household_id', '=', household_id).execute()
  const members = roster.members.map(({ memberId: member_id }) => ({ household_id, member_id }))
  await db.insertInto('members').values(members).execute()
}
