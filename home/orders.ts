import type { Signer } from '../protocol/keys.ts'
import { blockKind, releaseKind } from '../protocol/ownership.ts'
import { makeStatement } from '../protocol/statement.ts'
import { blockedNow, keepOrder, knownOrders } from './blocks.ts'
import type { HomeCamera } from './cameras.ts'
import { claimName } from './home-data.ts'
import type { Household } from './household.ts'
import { readOrders } from './orders-kept.ts'

/** What this home has ordered about one camera in its newest epoch. */
export interface Orders {
  readonly released: boolean
  readonly blocked: boolean
}

const now = (): string => new Date().toISOString()

/** Lets a camera go (PROTOCOL 4.5): whoever holds it may pair it then. Its clips stay. */
export async function releaseCamera(household: Household, root: Signer, camera: HomeCamera): Promise<void> {
  const { deviceId, epoch } = camera
  const payload = { householdId: household.id, deviceId, epoch, issuedAt: now() }
  const release = await makeStatement(releaseKind, payload, root)
  await household.hub.request(household.id, { action: 'release', release }, root)
  await household.data.archive('orders', `release-${claimName(camera)}`, release)
}

/**
 * Blocks a camera, or lifts its block (PROTOCOL 4.7): while it stands the camera gets no certificate and reaches nobody.
 * Orders are numbered by the time, so that another machine with the root, which knows none of them, goes on behind them.
 */
export async function blockCamera(
  household: Household,
  root: Signer,
  camera: HomeCamera,
  blocked: boolean,
): Promise<void> {
  const { deviceId, epoch } = camera
  const generation = household.roots.length - 1
  const own = (await knownOrders(household)).filter(order => order.generation === generation)
  const payload = {
    householdId: household.id,
    // An earlier root may have used up the highest number: only those of this one count.
    number: Math.max((own.at(-1)?.number ?? 0) + 1, Date.now()),
    devices: [{ deviceId, epoch }],
    blocked,
    issuedAt: now(),
  }
  const block = await makeStatement(blockKind, payload, root)
  await household.hub.request(household.id, { action: 'block', block }, root)
  await keepOrder(household, block)
}

/** What this app knows that was ordered about a camera. */
export async function ordersFor(
  household: Household,
  camera: Pick<HomeCamera, 'deviceId' | 'epoch'>,
): Promise<Orders> {
  const same = (one: { deviceId: string; epoch: number }) =>
    one.deviceId === camera.deviceId && one.epoch === camera.epoch
  const releases = await readOrders(household, releaseKind)
  return {
    released: releases.some(({ payload }) => same(payload)),
    blocked: (await blockedNow(household)).some(same),
  }
}
