import { type Hash, rootOf } from './merkle.ts'

/** Hashes or entries in a full tile. */
export const TILE_WIDTH = 256

/** One tile of a tree of a certain size: hashes of subtrees of `TILE_WIDTH ** level` entries each. */
export interface Tile {
  readonly level: number
  readonly index: number
  readonly hashes: readonly Hash[]
}

/** Where a tile lies within a log (C2SP tlog-tiles): `tile/0/x001/234`, and `.p/7` behind it while it is not full. */
export function tilePath(level: number | 'entries', index: number, width: number): string {
  const digits = String(index).padStart(3, '0')
  const whole = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = whole.match(/\d{3}/g) ?? []
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

/** How many hashes there are at a level of a tree of `size` entries, in full tiles and in the last one. */
export function widthAt(level: number, size: number): { readonly full: number; readonly partial: number } {
  const hashes = Math.floor(size / TILE_WIDTH ** level)
  return { full: Math.floor(hashes / TILE_WIDTH), partial: hashes % TILE_WIDTH }
}

/** Levels of tiles that a tree of `size` entries has: as many as have a hash. */
export function levelsOf(size: number): number {
  let levels = 0
  while (Math.floor(size / TILE_WIDTH ** levels) > 0) levels++
  return levels
}

/** A tree that grows leaf by leaf and keeps only the tiles at its right edge: memory grows with the number of levels. */
export class GrowingTree {
  readonly #edge: Hash[][]
  #size: number

  /** @param edge hashes of the tiles at the right edge of a tree of `size` entries, from level 0 up. */
  constructor(size = 0, edge: readonly (readonly Hash[])[] = []) {
    this.#size = size
    this.#edge = edge.map(hashes => [...hashes])
  }

  /** Another one of the same leaves, which grows by itself. */
  copy(): GrowingTree {
    return new GrowingTree(this.#size, this.#edge)
  }

  /** Hashes of the tile at the right edge that are there, from level 0 up; none where it is empty. */
  edge(level: number): readonly Hash[] {
    return this.#edge[level] ?? []
  }

  get size(): number {
    return this.#size
  }

  /** Takes the next leaf. Returns the tiles that it has filled, the lowest first. */
  append(leaf: Hash): readonly Tile[] {
    const filled: Tile[] = []
    let next = leaf
    let subtree = 1
    for (let level = 0; ; level++) {
      const hashes = this.#edge[level] ?? []
      this.#edge[level] = hashes
      hashes.push(next)
      if (hashes.length < TILE_WIDTH) break
      subtree *= TILE_WIDTH
      filled.push({ level, index: Math.floor(this.#size / subtree), hashes })
      next = rootOf(hashes)
      this.#edge[level] = []
    }
    this.#size++
    return filled
  }

  /** The tiles at the right edge that are not full and not empty. */
  get partial(): readonly Tile[] {
    const tiles = this.#edge.map((hashes, level) => {
      return { level, index: Math.floor(this.#size / TILE_WIDTH ** (level + 1)), hashes: [...hashes] }
    })
    return tiles.filter(({ hashes }) => hashes.length > 0)
  }

  get root(): Hash {
    let below: Hash | undefined
    for (const hashes of this.#edge) {
      const all = below === undefined ? hashes : [...hashes, below]
      if (all.length > 0) below = rootOf(all)
    }
    return below ?? rootOf([])
  }
}
