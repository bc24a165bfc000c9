import { OwnlensError } from '../protocol/errors.ts'
import type { Disk } from '../storage/disk.ts'
import type { Checkpoint } from './checkpoint.ts'
import { readBundle, readLogFile } from './log-files.ts'
import { HASH_BYTES, leafHash, same } from './merkle.ts'
import { GrowingTree, TILE_WIDTH, type Tile, tilePath } from './tiles.ts'

export interface VerifyOptions {
  /** A head of before, out of which it must have grown. */
  readonly before?: Pick<Checkpoint, 'size' | 'root'> | undefined
  /** Told of every entry in turn. What it hears counts once the whole has been found to hold. */
  readonly entry?: (position: number, entry: Uint8Array) => Promise<void>
}

/**
 * Checks a log's folder against a head, from its entries up: every bundle, every tile of hashes, and the root. With a head of
 * before, also that the log has grown out of it. It needs no network and holds one bundle at a time.
 *
 * @param folder `checkpoint` and `tile/…` (C2SP tlog-tiles).
 * @throws OwnlensError `log.back` (smaller than the head of before), `log.split` (another beginning), `log.tile` (missing,
 *   damaged, or not of these entries), `log.root`.
 */
export async function verifyLog(
  disk: Disk,
  folder: string,
  head: Pick<Checkpoint, 'size' | 'root'>,
  { before, entry }: VerifyOptions = {},
): Promise<void> {
  if (before !== undefined && before.size > head.size)
    throw new OwnlensError('log.back', `${before.size} entries before, ${head.size} now`)
  const tree = new GrowingTree()
  const compare = () => {
    if (before?.size === tree.size && !same(before.root, tree.root))
      throw new OwnlensError('log.split', `the first ${tree.size} entries are others than before`)
  }
  compare()
  while (tree.size < head.size) {
    const width = Math.min(TILE_WIDTH, head.size - tree.size)
    for (const bytes of await readBundle(disk, folder, tree.size / TILE_WIDTH, width)) {
      await entry?.(tree.size, bytes)
      for (const tile of tree.append(leafHash(bytes))) await checkTile(disk, folder, tile)
      compare()
    }
  }
  for (const tile of tree.partial) await checkTile(disk, folder, tile)
  if (!same(tree.root, head.root)) throw new OwnlensError('log.root', `${head.size} entries`)
}

async function checkTile(disk: Disk, folder: string, { level, index, hashes }: Tile): Promise<void> {
  const path = tilePath(level, index, hashes.length)
  const found = await readLogFile(disk, folder, path, TILE_WIDTH * HASH_BYTES)
  if (Buffer.compare(found, Buffer.concat(hashes)) !== 0)
    throw new OwnlensError('log.tile', `${path}: not of these entries`)
}
