import { dirname, join } from 'node:path'
import { type Checkpoint, openCheckpoint } from '../../log/checkpoint.ts'
import { readNoteKey } from '../../log/note.ts'
import { TILE_WIDTH, tilePath } from '../../log/tiles.ts'
import { verifyLog } from '../../log/verify.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { type Disk, readText } from '../../storage/disk.ts'
import type { Fact } from './facts.ts'

const HASH_BYTES = 32

/**
 * Copies a log that grows meanwhile, as it was under one head, and checks the copy.
 *
 * @throws OwnlensError `log.*`.
 */
export async function copyLog(disk: Disk, from: string, to: string, key: string): Promise<Checkpoint> {
  const note = await readText(disk, from, 'checkpoint')
  if (note === undefined) throw new OwnlensError('log.absent', from)
  const head = openCheckpoint(note, readNoteKey(key))
  const levels: ('entries' | number)[] = ['entries']
  for (let level = 0, left = head.size; left > 0; level++, left = Math.floor(left / TILE_WIDTH))
    levels.push(level)
  for (const level of levels) {
    const all = Math.floor(head.size / TILE_WIDTH ** (level === 'entries' ? 0 : level))
    for (let index = 0; index * TILE_WIDTH < all; index++)
      await copyTile(disk, from, to, { level, index, width: Math.min(TILE_WIDTH, all - index * TILE_WIDTH) })
  }
  await disk.write(join(to, 'checkpoint'), Buffer.from(note), 0o644)
  await verifyLog(disk, to, head)
  return head
}

/** A tile that has become wider since is cut to the width that it had under the head. */
async function copyTile(
  disk: Disk,
  from: string,
  to: string,
  { level, index, width }: { level: 'entries' | number; index: number; width: number },
): Promise<void> {
  const path = tilePath(level, index, width)
  const bytes = await disk.read(join(from, path))
  const whole = bytes ?? (await disk.read(join(from, tilePath(level, index, TILE_WIDTH))))
  if (whole === undefined) throw new OwnlensError('log.tile', `${path} is missing`)
  const cut = bytes ?? whole.subarray(0, level === 'entries' ? endOf(whole, width) : width * HASH_BYTES)
  await disk.makeFolder(dirname(join(to, path)))
  await disk.write(join(to, path), cut, 0o644)
}

/** Where the first `width` entries of a bundle end. */
function endOf(bundle: Uint8Array, width: number): number {
  let at = 0
  for (let entry = 0; entry < width; entry++) at += 2 + (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0)
  return at
}

/** Opened records as lines, in the order of the log (PROTOCOL 10.1). Returns how many. */
export async function writeRecords(
  disk: Disk,
  path: string,
  facts: readonly Fact[],
  { size }: Pick<Checkpoint, 'size'>,
): Promise<number> {
  const lines = facts
    .filter(({ position, opening }) => position !== null && position < size && opening !== null)
    .map(({ position, opening }) => `${JSON.stringify({ position, ...opening })}\n`)
  await disk.write(path, Buffer.from(lines.join('')), 0o644)
  return lines.length
}
