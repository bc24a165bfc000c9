import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { KeyStore } from '../../hardware/hardware.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { hubUrl, id, jws } from '../../protocol/fields.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readReset, resetKind } from '../../protocol/ownership.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { type Disk, readSettled, replaceFile } from '../../storage/disk.ts'
import { sameHub } from '../../wire/hub-address.ts'
import type { HubAddress } from '../../wire/hub-client.ts'
import { Household } from '../household.ts'
import type { Registrar } from './answer.ts'
import { lastEpoch } from './epoch.ts'
import { readOwner } from './owner.ts'
import { wipe } from './wipe.ts'

/** The order to forget. While it is on the disk nothing else counts. */
const ORDER = 'reset.json'
/** What is still to be told of it, and to whom. */
const NOTICE = 'notice.json'

const hubs = z.array(z.strictObject({ url: hubUrl, caId: id })).max(16)
const orderSchema = z.strictObject({ notice: jws.nullable(), hubs, newKey: z.boolean() })
/** `next`: the hub of the next pairing is to be told as well. */
const noticeSchema = z.strictObject({ notice: jws, hubs, next: z.boolean() })
type Notice = z.infer<typeof noticeSchema>

export interface ResetParts {
  readonly disk: Disk
  readonly data: string
  readonly keyStore: KeyStore
  readonly connect: (address: HubAddress) => Registrar
  readonly log: Logger
}

/** How long a hub is waited for while the old key is still there to speak for itself. */
const TELL_MS = 10_000

/**
 * Orders a reset (PROTOCOL 4.6): the signed notice and whom it is for are on the disk before it returns, and from here on
 * there is no way back. `finishReset` does it.
 *
 * | on the disk | at the next start |
 * | --- | --- |
 * | `reset.json` | everything of the household is removed; with `newKey` the keys are replaced; then `notice.json` |
 * | `notice.json` | the old hub is told when it answers, else the hub of the next pairing |
 */
export async function orderReset(parts: ResetParts, { newKey }: { newKey: boolean }): Promise<void> {
  const { disk, data, keyStore } = parts
  const signer = await keyStore.signer().catch(unreadable)
  const household = signer && (await Household.load(disk, data, signer.id).catch(unreadable))
  const owner = await readOwner(disk, data)
  const known = household?.hubs ?? (owner === undefined ? [] : [owner.hub])
  const epoch = (await lastEpoch(disk, data).catch(unreadable)) ?? household?.claim.epoch ?? 0
  const householdId = household?.pin.householdId ?? owner?.householdId ?? null
  const notice =
    signer &&
    (await makeStatement(
      resetKind,
      { deviceId: signer.id, householdId, epoch, newKey, nonce: base32(randomBytes(16)) },
      signer,
    ))
  await order(parts, { notice: notice ?? null, hubs: [...known], newKey })
}

/** Orders that a household is forgotten that has let the camera go: nobody needs to be told. */
export async function orderRelease(parts: ResetParts): Promise<void> {
  await order(parts, { notice: null, hubs: [], newKey: false })
}

async function order({ disk, data }: ResetParts, content: z.infer<typeof orderSchema>): Promise<void> {
  await replaceFile(disk, join(data, ORDER), JSON.stringify(content))
}

/**
 * Does what was ordered, and goes on with what a power cut interrupted, before anything else is read.
 *
 * @returns whether there was an order.
 */
export async function finishReset(parts: ResetParts): Promise<boolean> {
  const { disk, data, keyStore, log } = parts
  const text = await readSettled(disk, join(data, ORDER))
  if (text === undefined) return false
  // Somebody wanted it forgotten: a file that cannot be read is no reason to keep it.
  const { notice, hubs, newKey } = parsed(orderSchema, text) ?? { notice: null, hubs: [], newKey: false }
  await wipe(disk, data)
  let waiting: Notice | undefined = notice === null ? undefined : { notice, hubs, next: true }
  if (newKey) {
    // Only the old key can ask for itself.
    if (waiting !== undefined) waiting = await tellAtOnce(parts, waiting)
    await keyStore.replaceKeys()
  }
  if (waiting !== undefined) await saveNotice(parts, waiting)
  await disk.remove(join(data, ORDER))
  await disk.syncFolder(data)
  log.info({ newKey }, 'the camera has forgotten its household')
  return true
}

/**
 * Tells the next pairing's hub, and the old ones as they answer. Throws what a retry may mend.
 *
 * @param registrarEpoch what this hub says of a camera that belongs to nobody.
 */
export async function tellReset(
  parts: ResetParts,
  hub: Registrar,
  signer: Signer,
  registrarEpoch = 0,
): Promise<void> {
  const waiting = await readNotice(parts)
  if (waiting === undefined) return
  const isOld = waiting.hubs.some(other => sameHub(other, hub.address))
  if (!isOld && !waiting.next) return
  await tell(parts, await raised(waiting.notice, signer, registrarEpoch), hub, signer)
  await saveNotice(parts, without(waiting, hub.address))
}

/** A claim that never reached the camera stands in an epoch that it has never had: the reset is of that one as well. */
async function raised(notice: string, signer: Signer, registrarEpoch: number): Promise<string> {
  const reset = await readReset(notice)
  if (reset.deviceId !== signer.id || reset.epoch >= registrarEpoch) return notice
  return makeStatement(resetKind, { ...reset, epoch: registrarEpoch }, signer)
}

/** Tells the old hubs, once; returns whether there is one that has not answered. */
export async function tellOldHubs(parts: ResetParts): Promise<boolean> {
  const signer = await parts.keyStore.signer()
  let missing = false
  for (const address of (await readNotice(parts))?.hubs ?? [])
    try {
      await tellReset(parts, parts.connect(address), signer)
    } catch {
      missing = true
    }
  return missing
}

/** The camera is paired again: no other hub needs to hear of the reset but those that have not answered. */
export async function settleNotice(parts: Pick<ResetParts, 'disk' | 'data'>): Promise<void> {
  const waiting = await readNotice(parts)
  if (waiting !== undefined) await saveNotice(parts, { ...waiting, next: false })
}

async function tellAtOnce(parts: ResetParts, waiting: Notice): Promise<Notice> {
  const signer = await parts.keyStore.signer().catch(unreadable)
  if (signer === undefined) return waiting
  let left = waiting
  const all = waiting.hubs.map(async address => {
    await tell(parts, waiting.notice, parts.connect(address), signer)
    left = without(left, address)
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, TELL_MS)
  })
  await Promise.race([Promise.allSettled(all), late])
  clearTimeout(timer)
  return left
}

/** Throws what a retry may mend; a hub that refuses it has heard it. */
async function tell({ log }: ResetParts, notice: string, hub: Registrar, signer: Signer): Promise<void> {
  try {
    const { freeAt } = await hub.request(null, { action: 'reset', reset: notice }, signer)
    log.info({ hub: hub.address.url, freeAt }, 'the hub knows of the reset')
  } catch (error) {
    if (!(error instanceof OwnlensError) || error.retry) throw error
    log.warn({ hub: hub.address.url, code: codeOf(error) }, 'the hub does not take the reset')
  }
}

/** A hub that has heard it tells the owner: the notice, which names the household, need not stay for another one. */
const without = (waiting: Notice, address: HubAddress): Notice => ({
  ...waiting,
  next: false,
  hubs: waiting.hubs.filter(other => !sameHub(other, address)),
})

async function readNotice({ disk, data }: Pick<ResetParts, 'disk' | 'data'>): Promise<Notice | undefined> {
  const text = await readSettled(disk, join(data, NOTICE))
  return text === undefined ? undefined : parsed(noticeSchema, text)
}

async function saveNotice({ disk, data }: Pick<ResetParts, 'disk' | 'data'>, waiting: Notice): Promise<void> {
  const path = join(data, NOTICE)
  if (waiting.hubs.length > 0 || waiting.next) return replaceFile(disk, path, JSON.stringify(waiting))
  await disk.remove(path)
  await disk.syncFolder(data)
}

function parsed<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

const unreadable = (): undefined => undefined
