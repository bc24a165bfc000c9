import { dirname, join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import type { Disk } from '../storage/disk.ts'
import type { Checkpoint } from './checkpoint.ts'
import { readBundle, readTile } from './log-files.ts'
import { type Hash, leafHash, same } from './merkle.ts'
import { GrowingTree, levelsOf, TILE_WIDTH, type Tile, tilePath, widthAt } from './tiles.ts'

type Head = Pick<Checkpoint, 'size' | 'root'>

/** The right edge of a log: what the next entries are written behind. */
export interface Edge {
  readonly tree: GrowingTree
  /** Entries of the bundle that is not full. */
  readonly bundle: readonly Uint8Array[]
}

/**
 * Takes up a log where its head ends. Tiles that are missing or torn are made again from the entries; what lies beyond the head was
 * never promised to anybody and goes.
 *
 * @throws OwnlensError `log.tile` when entries under the head are missing or torn, `log.root` when they are others.
 */
export async function takeUp(disk: Disk, folder: string, head: Head): Promise<Edge> {
  const { full, partial } = widthAt(0, head.size)
  const bundle = partial === 0 ? [] : await readBundle(disk, folder, full, partial)
  const tree = (await readEdge(disk, folder, head, bundle)) ?? (await rebuild(disk, folder, head))
  for (const level of ['entries', ...Array(levelsOf(head.size) + 1).keys()] as const)
    await tidy(disk, folder, level, head.size)
  return { tree, bundle }
}

/** As `takeUp`, of a log that is somebody else's: nothing is mended. Throws `log.tile`. */
export async function readOnly(disk: Disk, folder: string, head: Head): Promise<GrowingTree> {
  const tree = await readEdge(disk, folder, head, [])
  if (tree === undefined) throw new OwnlensError('log.tile', 'the tiles at its edge do not give its root')
  return tree
}

/** The edge as its tiles say, when they give the head's root and the last bundle's entries are under it. */
async function readEdge(
  disk: Disk,
  folder: string,
  { size, root }: Head,
  bundle: readonly Uint8Array[],
): Promise<GrowingTree | undefined> {
  const edge: (readonly Hash[])[] = []
  try {
    for (let level = 0; level < levelsOf(size); level++) {
      const { full, partial } = widthAt(level, size)
      edge.push(partial === 0 ? [] : await readTile(disk, folder, { level, index: full, width: partial }))
    }
  } catch (error) {
    if (error instanceof OwnlensError && error.code === 'log.tile') return undefined
    throw error
  }
  const tree = new GrowingTree(size, edge)
  const leaves = tree.edge(0)
  const isWhole = bundle.every((entry, at) => same(leafHash(entry), leaves[at] ?? root))
  return isWhole && same(tree.root, root) ? tree : undefined
}

/** Makes all tiles again that are not those of the entries, once these have been found to give the root. */
async function rebuild(disk: Disk, folder: string, head: Head): Promise<GrowingTree> {
  const { root } = await fromEntries(disk, folder, head.size, async () => undefined)
  if (!same(root, head.root)) throw new OwnlensError('log.root', `${head.size} entries`)
  return fromEntries(disk, folder, head.size, tile => mend(disk, folder, tile))
}

async function fromEntries(
  disk: Disk,
  folder: string,
  size: number,
  found: (tile: Tile) => Promise<void>,
): Promise<GrowingTree> {
  const tree = new GrowingTree()
  while (tree.size < size) {
    const width = Math.min(TILE_WIDTH, size - tree.size)
    for (const entry of await readBundle(disk, folder, tree.size / TILE_WIDTH, width))
      for (const tile of tree.append(leafHash(entry))) await found(tile)
  }
  for (const tile of tree.partial) await found(tile)
  return tree
}

async function mend(disk: Disk, folder: string, { level, index, hashes }: Tile): Promise<void> {
  const path = join(folder, tilePath(level, index, hashes.length))
  const wanted = Buffer.concat(hashes)
  if (Buffer.compare((await disk.read(path)) ?? new Uint8Array(), wanted) === 0) return
  await disk.makeFolder(dirname(path))
  await disk.write(path, wanted)
  await disk.syncFolder(dirname(path))
}

const NAME = /^(\d{3})(\.p)?$/

/** Removes, beside the last file of a level, what lies beyond the head, and what a full file has made superfluous. */
async function tidy(disk: Disk, folder: string, level: number | 'entries', size: number): Promise<void> {
  const { full, partial } = widthAt(level === 'entries' ? 0 : level, size)
  const at = dirname(join(folder, tilePath(level, full, TILE_WIDTH)))
  const group = full - (full % 1000)
  for (const name of await disk.list(at)) {
    const [, number, isPartial] = NAME.exec(name) ?? []
    if (number === undefined) continue
    const index = group + Number(number)
    if (isPartial === undefined ? index >= full : index !== full) await disk.remove(join(at, name))
    else if (isPartial !== undefined)
      for (const width of await disk.list(join(at, name)))
        if (Number(width) > partial) await disk.remove(join(at, name, width))
  }
}
