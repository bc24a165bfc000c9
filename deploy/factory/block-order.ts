import { dirname } from 'node:path'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type MakerBlock, makerBlockKind, readMakerBlock, secondKind } from '../../protocol/maker-block.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'

/** What an order is to say. */
export interface Wish {
  readonly devices: readonly string[]
  readonly blocked: boolean
  readonly reason: string
}

/** So many devices a single signer may name in one order; a hub counts what it named in a day besides. */
export const ALONE_MAX = 10
/** So far ahead of its clock a hub takes a number (PROTOCOL 9.6). */
const DAY_MS = 24 * 3600_000

/** Signs an order. Its number is the time, or one above the number that it must exceed. */
export function signOrder(
  { devices, blocked, reason }: Wish,
  signer: Signer,
  now: Date,
  above = 0,
): Promise<string> {
  const number = Math.max(now.getTime(), above + 1)
  const order = { number, devices, blocked, reason, issuedAt: now.toISOString() }
  return makeStatement(makerBlockKind, order, signer)
}

/**
 * Gives an order. Where one of a higher number stands (another signer's clock is ahead, or meant to be), it is signed again at once,
 * one higher.
 *
 * @param give hands it to the hub.
 * @returns what `give` returned.
 * @throws OwnlensError what `give` throws; `block.old` too where the hub names a number that no hub would have taken.
 */
export async function giveAbove<T>(
  sign: (above: number) => Promise<string>,
  give: (order: string) => Promise<T>,
  now: () => Date,
  above = 0,
): Promise<T> {
  const order = await sign(above)
  try {
    return await give(order)
  } catch (error) {
    const stands = Number(error instanceof OwnlensError && error.code === 'block.old' ? error.detail : NaN)
    // A hub that lies gets no number that would count for long.
    if (!Number.isSafeInteger(stands) || stands <= above || stands > now().getTime() + DAY_MS) throw error
    return giveAbove(sign, give, now, stands)
  }
}

/** Another signer's word on the same order. */
export function signSecond(order: string, signer: Signer): Promise<string> {
  return makeStatement(secondKind, { order: statementHash(order) }, signer)
}

/** An order on its way to the machine of the second signer: the statement, on one line. */
export async function writeOrderFile(disk: Disk, path: string, order: string): Promise<void> {
  await disk.makeFolder(dirname(path))
  await replaceFile(disk, path, `${order}\n`, 0o644)
}

/** Throws `block.file`. */
export async function readOrderFile(disk: Disk, path: string): Promise<MakerBlock> {
  const text = await readText(disk, path)
  try {
    if (text === undefined) throw new Error('there is no such file')
    return await readMakerBlock(text.trim(), null)
  } catch (cause) {
    throw new OwnlensError('block.file', `${path}: ${(cause as Error).message}`, { cause })
  }
}

/** What an order says, in words, for who is to give it or to confirm it. */
export function describeOrder({ devices, blocked, reason }: Wish): readonly string[] {
  const cameras = devices.length === 1 ? 'this camera' : `these ${devices.length} cameras`
  return [
    blocked
      ? `The order blocks ${cameras}: at once, in every home, until another order lifts it.`
      : `The order lifts the block of ${cameras}.`,
    ...devices.map(id => `  ${id}`),
    reason === '' ? 'Owners are given no reason (`--reason`).' : `Owners read the reason: “${reason}”`,
  ]
}
