import { type Half, readHalf } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { revealKind } from '../../protocol/pairing.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import type { Db, Tables } from './database.ts'
import { notify } from './notices.ts'
import { claimOf, epochToPass, halfOf, ownerOf } from './standing.ts'

const MINUTE = 60_000
/** How long a mailbox takes anything. */
const OPEN_MS = 10 * MINUTE
/** And how long it is remembered after that: until then the camera in it gets its claim. */
const REMEMBERED_MS = 24 * 60 * MINUTE
/** So many open ones one household may have. */
const OPEN_MAX = 8
/** So many rivals of one mailbox are told apart. */
const RIVALS_MAX = 16

type Row = Tables['mailboxes']

/**
 * Where camera and app meet (PROTOCOL 4.4). `open` until a claim with its half is registered (`claimed`), the person gives it
 * up (`declined`), or ten minutes are over. All of it is on the disk: a hub that restarts in the middle loses nothing.
 */
export class Mailboxes {
  readonly #db: Db
  readonly #now: () => Date

  constructor(db: Db, now: () => Date) {
    this.#db = db
    this.#now = now
  }

  /**
   * Opens a mailbox. The same again while it is open is no error: the answer may have been lost.
   *
   * @throws OwnlensError `pair.closed` for an id that was used, by whomever; `pair.expired`, `hub.limit`.
   */
  async open(household_id: string, mailbox_id: string): Promise<RequestAnswer<'invite'>> {
    return this.#db.transaction().execute(async transaction => {
      const now = this.#now()
      const forgotten = new Date(now.getTime() - REMEMBERED_MS).toISOString()
      await transaction.deleteFrom('mailboxes').where('until', '<', forgotten).execute()
      const there = await row(transaction, mailbox_id)
      if (there !== undefined) {
        if (there.household_id !== household_id) throw new OwnlensError('pair.closed')
        this.#mustBeOpen(there)
        return { until: there.until }
      }
      const open = await transaction
        .selectFrom('mailboxes')
        .select('mailbox_id')
        .where('household_id', '=', household_id)
        .where('state', '=', 'open')
        .where('until', '>', now.toISOString())
        .limit(OPEN_MAX)
        .execute()
      if (open.length >= OPEN_MAX) throw new OwnlensError('hub.limit', `${OPEN_MAX} open invitations`)
      const until = new Date(now.getTime() + OPEN_MS).toISOString()
      await transaction
        .insertInto('mailboxes')
        .values({ ...EMPTY, mailbox_id, household_id, until })
        .execute()
      return { until }
    })
  }

  /** What the app sees. Throws `pair.unknown`, `pair.expired`. */
  async look(householdId: string, mailbox: string): Promise<RequestAnswer<'mailbox'>> {
    const found = await this.#own(this.#db, householdId, mailbox)
    const closed = found.state !== 'open'
    if (!closed) this.#mustBeOpen(found)
    return { half: found.half, rivals: rivalsOf(found).length, closed }
  }

  /**
   * Keeps the app's reveal for the camera. The first one stays.
   *
   * @param rootId the household's current root, who must have signed it.
   * @throws OwnlensError `pair.unknown`, `pair.expired`, `pair.closed`, `pair.other` (of another half), `claim.household`.
   */
  async reveal(householdId: string, mailbox: string, reveal: string, rootId: string): Promise<void> {
    const { payload } = await readStatement(revealKind, reveal, rootId)
    if (payload.householdId !== householdId) throw new OwnlensError('claim.household')
    await this.#db.transaction().execute(async transaction => {
      const found = await this.#own(transaction, householdId, mailbox)
      this.#mustBeOpen(found)
      if (payload.half !== found.half_hash) throw new OwnlensError('pair.other')
      if (found.reveal === reveal) return
      if (found.reveal !== null) throw new OwnlensError('pair.closed', 'revealed already')
      await change(transaction, mailbox, { reveal })
    })
  }

  /** The person gives it up. Throws `pair.unknown`, `pair.closed` when its camera was claimed. */
  async decline(householdId: string, mailbox: string): Promise<void> {
    await this.#db.transaction().execute(async transaction => {
      const { state } = await this.#own(transaction, householdId, mailbox)
      if (state === 'claimed') throw new OwnlensError('pair.closed')
      await change(transaction, mailbox, { state: 'declined' })
    })
  }

  /**
   * What a camera sees: whose mailbox it is; reveal and claim only if its half is the one inside.
   *
   * @throws OwnlensError `pair.unknown`, `pair.expired`, `pair.closed`.
   */
  async knock(
    deviceId: string,
    mailbox: string,
  ): Promise<{ householdId: string; reveal: string | null; claim: string | null }> {
    const found = await this.#any(this.#db, mailbox)
    const { household_id: householdId, epoch } = found
    const isInside = found.device_id === deviceId
    if (isInside && found.state === 'claimed' && epoch !== null) {
      const claim = (await claimOf(this.#db, deviceId, epoch)) ?? null
      return { householdId, reveal: found.reveal, claim }
    }
    this.#mustBeOpen(found)
    return { householdId, reveal: isInside ? found.reveal : null, claim: null }
  }

  /**
   * Takes a camera's half. The first one stays; the same again is no error.
   *
   * @param rootOf the current root of a household.
   * @returns `rival` when another camera's half was there before.
   * @throws OwnlensError `pair.unknown`, `pair.expired`, `pair.closed`, `pair.taken`, `statement.signer`, `claim.half`,
   *   `claim.epoch` (it is made for other epochs than those that stand).
   */
  async put(
    deviceId: string,
    mailbox: string,
    jws: string,
    rootOf: (householdId: string) => Promise<string | undefined>,
  ): Promise<'taken' | 'rival'> {
    const { household_id: householdId } = await this.#any(this.#db, mailbox)
    const half = await readHalf(jws)
    if (half.deviceId !== deviceId) throw new OwnlensError('statement.signer')
    if (half.invited?.householdId !== householdId) throw new OwnlensError('claim.half')
    const rootId = await rootOf(householdId)
    return this.#db.transaction().execute(async transaction => {
      const found = await this.#any(transaction, mailbox)
      const half_hash = statementHash(jws)
      const isThere = found.half_hash === half_hash
      if (isThere && found.state === 'claimed') return 'taken'
      this.#mustBeOpen(found)
      if (isThere) return 'taken'
      if (found.half !== null) {
        if (found.device_id === deviceId) throw new OwnlensError('pair.taken')
        await this.#count(transaction, found, deviceId)
        return 'rival'
      }
      const epoch = await epochOf(transaction, half, half_hash, rootId)
      await change(transaction, mailbox, { half: jws, half_hash, device_id: deviceId, epoch })
      return 'taken'
    })
  }

  /** Each rival once; the owner is told. */
  async #count(transaction: Db, found: Row, deviceId: string): Promise<void> {
    const rivals = rivalsOf(found)
    if (rivals.includes(deviceId) || rivals.length >= RIVALS_MAX) return
    await change(transaction, found.mailbox_id, { rivals: JSON.stringify([...rivals, deviceId]) })
    await notify(transaction, found.household_id, { kind: 'rival', deviceId }, this.#now())
  }

  async #any(db: Db, mailbox: string): Promise<Row> {
    const found = await row(db, mailbox)
    if (found === undefined) throw new OwnlensError('pair.unknown')
    return found
  }

  /** Another household's is not told from one that does not exist. */
  async #own(db: Db, householdId: string, mailbox: string): Promise<Row> {
    const found = await row(db, mailbox)
    if (found?.household_id !== householdId) throw new OwnlensError('pair.unknown')
    return found
  }

  #mustBeOpen({ state, until }: Row): void {
    if (state !== 'open') throw new OwnlensError('pair.closed')
    if (until <= this.#now().toISOString()) throw new OwnlensError('pair.expired')
  }
}

/**
 * A claim was registered: the open mailbox that holds its half is closed and tells it to the camera. Inside its transaction.
 *
 * @returns whether there was one.
 */
export async function closeWith(
  transaction: Db,
  { householdId, half }: { householdId: string; half: string },
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('mailboxes')
    .set({ state: 'claimed' })
    .where('half_hash', '=', statementHash(half))
    .where('household_id', '=', householdId)
    .where('state', '=', 'open')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

const EMPTY: Omit<Row, 'mailbox_id' | 'household_id' | 'until'> = {
  ...{ state: 'open', half: null, half_hash: null, device_id: null, epoch: null, reveal: null },
  rivals: '[]',
}

/**
 * The epoch of a half that can become a claim now, or is in the one that stands (a repair).
 *
 * @throws OwnlensError `claim.half`, `claim.epoch`.
 */
async function epochOf(db: Db, half: Half, hash: string, rootId: string | undefined): Promise<number> {
  const { deviceId, invited } = half
  if (invited === null) throw new OwnlensError('claim.half')
  const standing = await ownerOf(db, deviceId)
  const current = epochToPass(standing)
  const isRepair = invited.epoch === current && standing?.household_id === invited.householdId
  if (isRepair && (await halfOf(db, deviceId, current)) === hash) return current
  if (invited.rootId !== rootId) throw new OwnlensError('claim.half', 'the household has another root')
  if (invited.registrarEpoch !== current || invited.epoch <= current) throw new OwnlensError('claim.epoch')
  return invited.epoch
}

async function row(db: Db, mailbox: string): Promise<Row | undefined> {
  return db.selectFrom('mailboxes').selectAll().where('mailbox_id', '=', mailbox).executeTakeFirst()
}

async function change(transaction: Db, mailbox: string, columns: Partial<Row>): Promise<void> {
  await transaction.updateTable('mailboxes').set(columns).where('mailbox_id', '=', mailbox).execute()
}

const rivalsOf = ({ rivals }: Row): readonly string[] => JSON.parse(rivals) as string[]
