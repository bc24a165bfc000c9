import { join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import type { Disk } from '../storage/disk.ts'
import { HASH_BYTES, type Hash } from './merkle.ts'
import { TILE_WIDTH, tilePath } from './tiles.ts'

/** Bytes of an entry, at most: its length has two bytes. */
export const ENTRY_MAX = 0xffff
const BUNDLE_MAX = TILE_WIDTH * (2 + ENTRY_MAX)

/**
 * One file of a log.
 *
 * @throws OwnlensError `log.tile`: it is missing, or larger than it can be.
 */
export async function readLogFile(
  disk: Disk,
  folder: string,
  path: string,
  max: number,
): Promise<Uint8Array> {
  const at = join(folder, path)
  const info = await disk.info(at)
  if (info === undefined) throw new OwnlensError('log.tile', `${path} is missing`)
  if (info.bytes > max) throw new OwnlensError('log.tile', `${path} is too large`)
  return (await disk.read(at)) ?? new Uint8Array()
}

/** The entries of one bundle, `width` of them. Throws `log.tile`. */
export async function readBundle(
  disk: Disk,
  folder: string,
  index: number,
  width: number,
): Promise<readonly Uint8Array[]> {
  const path = tilePath('entries', index, width)
  return entriesOf(await readLogFile(disk, folder, path, BUNDLE_MAX), width, path)
}

/** The hashes of one tile, `width` of them. Throws `log.tile`. */
export async function readTile(
  disk: Disk,
  folder: string,
  { level, index, width }: { level: number; index: number; width: number },
): Promise<readonly Hash[]> {
  const path = tilePath(level, index, width)
  const bytes = await readLogFile(disk, folder, path, TILE_WIDTH * HASH_BYTES)
  if (bytes.length !== width * HASH_BYTES) throw new OwnlensError('log.tile', `${path} is torn`)
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
}

/** A bundle: each entry behind its length in two bytes, big-endian (C2SP tlog-tiles). */
export function bundleOf(entries: readonly Uint8Array[]): Uint8Array {
  const framed = entries.flatMap(entry => {
    if (entry.length > ENTRY_MAX) throw new RangeError(`an entry of ${entry.length} bytes`)
    return [Buffer.from([entry.length >> 8, entry.length & 255]), entry]
  })
  return Buffer.concat(framed)
}

function entriesOf(bundle: Uint8Array, width: number, path: string): readonly Uint8Array[] {
  const entries: Uint8Array[] = []
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length)
  let at = 0
  while (at + 2 <= bytes.length && entries.length < width) {
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) break
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  if (at !== bytes.length || entries.length !== width)
    throw new OwnlensError('log.tile', `${path} does not hold ${width} entries`)
  return entries
}
