import { OwnlensError } from '../protocol/errors.ts'
import type { Disk } from '../storage/disk.ts'
import { readTile } from './log-files.ts'
import {
  checkConsistency,
  checkInclusion,
  consistencyRanges,
  type Hash,
  inclusionRanges,
  isPowerOfTwo,
  nodeHash,
  type Range,
  rootOf,
  splitOf,
} from './merkle.ts'
import { type GrowingTree, TILE_WIDTH, widthAt } from './tiles.ts'

/** Full tiles kept in memory, at most; of 8 KiB each. */
const CACHED = 64

/** A log's full tiles, the newest read ones from memory. They never change. */
export class TileCache {
  readonly #disk: Disk
  readonly #folder: string
  readonly #kept = new Map<string, Promise<readonly Hash[]>>()

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  read(level: number, index: number): Promise<readonly Hash[]> {
    const name = `${level}/${index}`
    const place = { level, index, width: TILE_WIDTH }
    const hashes = this.#kept.get(name) ?? readTile(this.#disk, this.#folder, place)
    this.#kept.delete(name)
    this.#kept.set(name, hashes)
    for (const oldest of this.#kept.keys()) if (this.#kept.size > CACHED) this.#kept.delete(oldest)
    return hashes
  }

  clear(): void {
    this.#kept.clear()
  }
}

/**
 * Proofs about a tree whose full tiles are files and whose right edge is in memory: a few tiles are read, however large it is.
 * No proof is given that does not hold: a tile that was damaged is told instead.
 */
export class TileProofs {
  readonly #tree: GrowingTree
  readonly #now: Hash
  readonly #tiles: TileCache

  constructor({ tree, root }: { tree: GrowingTree; root: Hash }, tiles: TileCache) {
    this.#tree = tree
    this.#now = root
    this.#tiles = tiles
  }

  /**
   * That entry `index` is in the tree of the first `size` entries, nearest hash first (RFC 6962 §2.1.1).
   *
   * @throws OwnlensError `log.proof` when there is no such entry, `log.tile`.
   */
  async inclusion(index: number, size: number): Promise<readonly Hash[]> {
    if (!(isCount(index) && isCount(size) && index < size && size <= this.#tree.size))
      throw new OwnlensError('log.proof', `entry ${index} of ${size}, there are ${this.#tree.size}`)
    return this.#sound(async () => {
      const proof = await this.#hashes(inclusionRanges(index, size))
      const root = await this.#root(size)
      checkInclusion(await this.#hash(index, index + 1), index, { size, root }, proof)
      return proof
    })
  }

  /**
   * That the first `old` entries are the beginning of the first `size` ones (RFC 6962 §2.1.2).
   *
   * @throws OwnlensError `log.proof` when there are not so many, `log.tile`.
   */
  async consistency(old: number, size: number): Promise<readonly Hash[]> {
    if (!(isCount(old) && isCount(size) && old <= size && size <= this.#tree.size))
      throw new OwnlensError('log.proof', `${old} to ${size} entries, there are ${this.#tree.size}`)
    return this.#sound(async () => {
      const proof = await this.#hashes(consistencyRanges(old, size))
      const root = await this.#root(size)
      checkConsistency({ size: old, root: await this.#hash(0, old) }, { size, root }, proof)
      return proof
    })
  }

  /** The root of the first `size` entries, which grew into the whole. */
  async #root(size: number): Promise<Hash> {
    const now = { size: this.#tree.size, root: this.#now }
    if (size === now.size) return now.root
    const root = await this.#hash(0, size)
    checkConsistency({ size, root }, now, await this.#hashes(consistencyRanges(size, now.size)))
    return root
  }

  async #sound<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      this.#tiles.clear()
      if (!(cause instanceof OwnlensError) || cause.code !== 'log.proof') throw cause
      throw new OwnlensError('log.tile', 'its tiles do not give its root', { cause })
    }
  }

  #hashes(ranges: readonly Range[]): Promise<readonly Hash[]> {
    return Promise.all(ranges.map(range => this.#hash(...range)))
  }

  /** The Merkle tree hash of these entries; a full subtree of up to 256 hashes lies in one tile. */
  async #hash(from: number, to: number): Promise<Hash> {
    const entries = to - from
    if (entries === 0) return rootOf([])
    if (isPowerOfTwo(entries)) return this.#subtree(from, entries)
    const split = from + splitOf(entries)
    const [left, right] = await Promise.all([this.#hash(from, split), this.#hash(split, to)])
    return nodeHash(left, right)
  }

  async #subtree(from: number, entries: number): Promise<Hash> {
    let [level, width] = [0, entries]
    for (; width >= TILE_WIDTH; width /= TILE_WIDTH) level++
    const first = from / TILE_WIDTH ** level
    const hashes = await this.#tile(level, Math.floor(first / TILE_WIDTH))
    return rootOf(hashes.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + width))
  }

  async #tile(level: number, index: number): Promise<readonly Hash[]> {
    if (index < widthAt(level, this.#tree.size).full) return this.#tiles.read(level, index)
    return this.#tree.edge(level)
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
