import { codeOf, OwnlensError } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import { blockKind, readOrder } from '../protocol/ownership.ts'
import { blocksAnswer } from '../protocol/registrar.ts'
import { makeStatement, statementHash } from '../protocol/statement.ts'
import type { HubClient } from '../wire/hub-client.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { camerasOf } from './cameras.ts'
import type { Household, RefusedStatement } from './household.ts'
import { readOrders } from './orders-kept.ts'

/** A camera in one epoch of this home that its newest order has blocked. */
export interface Blocked {
  readonly deviceId: string
  readonly epoch: number
  /** When the first order was given that no lift has followed. */
  readonly since: string
}

/** An order of one of this home's roots (PROTOCOL 4.7). */
export interface KnownOrder {
  readonly jws: string
  /** How many roots came before the one that signed it; with the number: its rank. */
  readonly generation: number
  readonly number: number
  readonly devices: readonly { readonly deviceId: string; readonly epoch: number }[]
  readonly blocked: boolean
  readonly issuedAt: string
}

/** Every order about blocks that this app has given or seen, the newest last. */
export async function knownOrders(household: Household): Promise<readonly KnownOrder[]> {
  const orders = (await readOrders(household, blockKind)).map(({ jws, signer, payload }) => {
    const { number, devices, blocked, issuedAt } = payload
    return { jws, generation: household.roots.indexOf(signer.id), number, devices, blocked, issuedAt }
  })
  // Of two with one number the one that blocks is believed.
  const rank = (a: KnownOrder, b: KnownOrder) =>
    a.generation - b.generation || a.number - b.number || Number(a.blocked) - Number(b.blocked)
  return orders.sort(rank)
}

/** What this home keeps out: nothing that these cameras sent since then is opened. */
export function blockedBy(orders: readonly KnownOrder[]): readonly Blocked[] {
  const since = new Map<string, Blocked>()
  for (const { devices, blocked, issuedAt } of orders)
    for (const { deviceId, epoch } of devices) {
      const key = `${deviceId} ${epoch}`
      if (!blocked) since.delete(key)
      else if (!since.has(key)) since.set(key, { deviceId, epoch, since: issuedAt })
    }
  return [...since.values()]
}

/** The same from what is on this machine. */
export async function blockedNow(household: Household): Promise<readonly Blocked[]> {
  return blockedBy(await knownOrders(household))
}

/**
 * Refuses what a blocked camera made at `at` or later, in the epoch that is blocked or an earlier one.
 *
 * @param clockSure a camera that was not sure of the time may have been slow: what it made counts as later.
 * @throws OwnlensError `clip.blocked`.
 */
export function mustBeBefore(
  blocked: readonly Blocked[],
  made: { deviceId: string; epoch: number; at: string; clockSure?: boolean },
): void {
  for (const { deviceId, epoch, since } of blocked)
    if (deviceId === made.deviceId && made.epoch <= epoch)
      if (made.clockSure === false || made.at >= since) throw new OwnlensError('clip.blocked')
}

/**
 * Takes the orders that the hub has, and hands in again those of the present root that it has lost: it may have been restored
 * from a backup. An order is the root's, whoever carries it.
 *
 * @returns what was refused, here or there.
 */
export async function followBlocks(
  household: Household,
  tls: TlsIdentity,
): Promise<readonly RefusedStatement[]> {
  const { id, hub, roots, member } = household
  const blocks = await blocksAtHub(household, tls)
  const known = new Set((await knownOrders(household)).map(({ jws }) => jws))
  const refused: RefusedStatement[] = []
  for (const text of blocks.filter(one => !known.has(one)))
    try {
      const { signer, payload } = await readOrder(blockKind, text, { householdId: id, roots })
      // An earlier root may be a thief's by now: it can still block, and be overruled, but lift nothing.
      if (payload.blocked || signer.id === household.rootId) await keepOrder(household, text)
    } catch (error) {
      refused.push({ kind: 'block', error: ownError(error) })
    }
  for (const { jws, generation } of await lostAt(household, blocks)) {
    if (generation < roots.length - 1) continue
    try {
      await hub.request(id, { action: 'block', block: jws }, member)
    } catch (error) {
      refused.push({ kind: 'lost block', error: ownError(error) })
    }
  }
  return refused
}

/**
 * Gives a hub that is new to this home, or has lost its orders, what stands. The word of an earlier root is said again by the
 * present one: no hub takes it from another.
 *
 * @param there the orders that the hub has.
 */
export async function restoreBlocks(
  household: Household,
  root: Signer,
  hub: HubClient,
  there: readonly string[] = [],
): Promise<void> {
  const { id, roots } = household
  for (const { jws, generation, ...order } of await lostAt(household, there)) {
    const { number, devices, blocked, issuedAt } = order
    const payload = { householdId: id, number, devices: [...devices], blocked, issuedAt }
    const isOwn = generation === roots.length - 1
    const block = isOwn ? jws : await makeStatement(blockKind, payload, root)
    try {
      await hub.request(id, { action: 'block', block }, root)
      if (!isOwn) await keepOrder(household, block)
    } catch (error) {
      // It is about a camera whose claim the hub does not have either.
      if (!/^(block|statement)\./.test(codeOf(error) ?? '')) throw error
    }
  }
}

/** What stands at the hub, unchecked. */
export async function blocksAtHub({ id, hub }: Household, tls: TlsIdentity): Promise<readonly string[]> {
  return (await hub.getJson(`/households/${id}/blocks`, tls, blocksAnswer)).blocks
}

/** Keeps an order that was checked. */
export async function keepOrder(household: Household, jws: string): Promise<void> {
  await household.data.archive('orders', `block-${statementHash(jws).slice(0, 32)}`, jws)
}

/** Orders that stand for cameras of this home, under their newest claims, and that are not among these. */
async function lostAt(household: Household, there: readonly string[]): Promise<readonly KnownOrder[]> {
  const orders = await knownOrders(household)
  const lost = new Set<KnownOrder>()
  for (const { deviceId, epoch } of await camerasOf(household)) {
    const names = ({ devices }: Pick<KnownOrder, 'devices'>) =>
      devices.some(one => one.deviceId === deviceId && one.epoch === epoch)
    const newest = orders.findLast(names)
    if (newest === undefined || there.includes(newest.jws)) continue
    // A lift says something only where a block is.
    const isThere = orders.some(order => names(order) && order.blocked && there.includes(order.jws))
    if (newest.blocked || isThere) lost.add(newest)
  }
  return [...lost]
}

function ownError(error: unknown): OwnlensError {
  if (error instanceof OwnlensError) return error
  throw error
}
