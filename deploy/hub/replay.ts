import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { type MakerBlock, readMakerBlock } from '../../protocol/maker-block.ts'
import { releaseKind } from '../../protocol/ownership.ts'
import { readStatement } from '../../protocol/statement.ts'
import { compareBlock, enterBlock, isNeeded, type KeptBlock, type Place, readKeptBlock } from './blocks.ts'
import type { Db } from './database.ts'
import { enterMakerBlock, isAhead, standingMakerBlocks, standsStill } from './maker-blocks.ts'
import { enterMakerKey, isNewestWord, wasSigner } from './maker-keys.ts'
import type { KeptOrder, OrderJournal } from './order-journal.ts'
import { enterRelease, isReleased, type Release } from './releases.ts'
import { rootsOf, rootsOver } from './root-lines.ts'
import { keepWaiting } from './waiting-releases.ts'

/** `lost`: the database has it again. `waits`: what it is about is not there, or not who may have signed it. */
type Outcome = 'lost' | 'known' | 'waits'

/**
 * Gives a database that was restored from a backup the orders that it has lost, and the journal those that it lacks: of an
 * earlier version, or of a folder that was lost. Where nothing was lost nothing changes. Orders that are the newest for no
 * device any more are forgotten; those that nobody has signed are set aside. What blocks counts at once; what lifts or releases
 * counts where the database knows its signer for a root of that household, or for a signer of the maker's.
 *
 * @param makerRootId whose words on stations and signers count; without it none do.
 * @returns how many orders the database had lost.
 */
export async function replayOrders(
  db: Db,
  journal: OrderJournal,
  { now, makerRootId }: { readonly now: Date; readonly makerRootId: string | undefined },
): Promise<number> {
  const kept = new Map<KeptOrder, Outcome>()
  const isKey = ({ kind }: KeptOrder) => kind === 'station' || kind === 'signer'
  // Who may sign comes before what was signed.
  const all = (await journal.all()).toSorted((a, b) => Number(isKey(b)) - Number(isKey(a)))
  for (const order of all)
    try {
      kept.set(order, await replay(db, order, { now, makerRootId }))
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
      await journal.refuse(order, error.code)
    }
  // A lift may have waited for the block that it lifts.
  for (const order of all)
    if (kept.get(order) === 'waits') kept.set(order, await replay(db, order, { now, makerRootId }))
  for (const [order, outcome] of kept)
    if (outcome !== 'waits' && (await isOver(db, order))) await journal.forget(order)
  const known = new Set([...kept.keys()].map(wordOf))
  for (const order of await standing(db)) if (!known.has(wordOf(order))) await journal.keep(order)
  return [...kept.values()].filter(outcome => outcome === 'lost').length
}

async function replay(
  db: Db,
  order: KeptOrder,
  { now, makerRootId }: { readonly now: Date; readonly makerRootId: string | undefined },
): Promise<Outcome> {
  switch (order.kind) {
    case 'release': {
      const { signer, payload } = await readStatement(releaseKind, order.release, 'itself')
      return replayRelease(db, { payload, jws: order.release }, signer.id, now)
    }
    case 'block': {
      const block = await readKeptBlock(order.block, order.generation)
      return db.transaction().execute(async transaction => {
        const { householdId } = block
        const newer: Place[] = []
        for (const place of (await compareBlock(transaction, block)).newer)
          if (!(await isReleased(transaction, { householdId, ...place }))) newer.push(place)
        if (newer.length > 0 && !block.blocked && !(await mayLift(transaction, block))) return 'waits'
        await enterBlock(transaction, block, newer, now)
        return newer.length > 0 ? 'lost' : 'known'
      })
    }
    case 'makerBlock': {
      const block = await readMakerBlock(order.block, order.second)
      // A block of a signer whom the database has lost counts, unless nobody could lift it in time.
      const counts = block.blocked && !(await isAhead(db, block, now))
      if (!counts && !(await isOfSigners(db, block))) return 'waits'
      const givenAt = new Date(Math.min(now.getTime(), Date.parse(block.issuedAt)))
      return (await enterMakerBlock(db, block, now, givenAt)).stands.length > 0 ? 'lost' : 'known'
    }
    default:
      if (makerRootId === undefined) return 'waits'
      return enterMakerKey(db, order.kind, order.word, { signedBy: makerRootId, now }).then(
        fresh => (fresh ? 'lost' : 'known'),
        error => {
          if (codeOf(error) === 'station.old') return 'known'
          throw error
        },
      )
  }
}

/** Whether the root has announced those who signed a maker's order. One that was revoked since may have given it before. */
async function isOfSigners(db: Db, { signer, second }: MakerBlock): Promise<boolean> {
  return (await wasSigner(db, signer.id)) && (second === null || (await wasSigner(db, second.signer.id)))
}

/** Checked against the claim that it is about. */
async function replayRelease(db: Db, release: Release, signerId: string, now: Date): Promise<Outcome> {
  const { householdId, deviceId, epoch } = release.payload
  if (await isReleased(db, release.payload)) return 'known'
  const claim = await db
    .selectFrom('claims')
    .select(['household_id', 'claim'])
    .where('device_id', '=', deviceId)
    .where('epoch', '=', epoch)
    .executeTakeFirst()
  if (claim === undefined) {
    await keepWaiting(db, release)
    return 'waits'
  }
  if (claim.household_id !== householdId) return 'waits'
  if (!(await rootsOver(db, householdId, claim.claim)).includes(signerId)) return 'waits'
  await db.transaction().execute(transaction => enterRelease(transaction, release, now))
  return 'lost'
}

/** Whether a root of the household has signed it: one that is known here, or who ordered what it lifts. */
async function mayLift(db: Db, { householdId, generation, devices, signerId }: KeptBlock): Promise<boolean> {
  if ((await rootsOf(db, householdId))[generation] === signerId) return true
  for (const { deviceId, epoch } of devices) {
    const standing = await db
      .selectFrom('blocks')
      .select('jws')
      .where('household_id', '=', householdId)
      .where('device_id', '=', deviceId)
      .where('epoch', '=', epoch)
      .where('generation', '=', generation)
      .executeTakeFirst()
    if (standing === undefined || standing.jws === '') return false
    if ((await readKeptBlock(standing.jws, generation)).signerId !== signerId) return false
  }
  return true
}

function wordOf(order: KeptOrder): string {
  switch (order.kind) {
    case 'release':
      return order.release
    case 'block':
    case 'makerBlock':
      return order.block
    default:
      return order.word
  }
}

/** The orders that the database knows. */
async function standing(db: Db): Promise<readonly KeptOrder[]> {
  const blocks = await db
    .selectFrom('blocks')
    .leftJoin('claims', join =>
      join
        .onRef('claims.household_id', '=', 'blocks.household_id')
        .onRef('claims.device_id', '=', 'blocks.device_id')
        .onRef('claims.epoch', '=', 'blocks.epoch'),
    )
    .select(['jws', 'generation'])
    .distinct()
    .where('jws', '<>', '')
    .where('released', 'is', null)
    .execute()
  const released = await db
    .selectFrom('claims')
    .select('released')
    .where('released', 'is not', null)
    .execute()
  const keys = await db.selectFrom('maker_keys').select(['kind', 'jws']).execute()
  return [
    ...blocks.map(({ jws, generation }) => ({ kind: 'block' as const, generation, block: jws })),
    ...released.map(({ released }) => ({ kind: 'release' as const, release: released ?? '' })),
    ...(await standingMakerBlocks(db)).map(({ jws, second }) => ({
      ...{ kind: 'makerBlock' as const, block: jws, second },
    })),
    ...keys.map(({ kind, jws }) => ({ kind, word: jws })),
  ]
}

/** A release stays as long as its claim may come back with an older database. */
async function isOver(db: Db, order: KeptOrder): Promise<boolean> {
  switch (order.kind) {
    case 'release':
      return false
    case 'block':
      return !(await isNeeded(db, await readKeptBlock(order.block, order.generation)))
    case 'makerBlock':
      return !(await standsStill(db, await readMakerBlock(order.block, order.second)))
    default:
      return !(await isNewestWord(db, order.kind, order.word))
  }
}
