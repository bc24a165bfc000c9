import { hash as hashOnce } from 'node:crypto'
import { OwnlensError } from '../protocol/errors.ts'
import { sha256 } from '../protocol/ids.ts'

/** SHA-256, 32 bytes. */
export type Hash = Uint8Array
export const HASH_BYTES = 32

const LEAF = new Uint8Array([0])
/** Two children behind the byte of an inner node. Always the same bytes: a log of a million entries has as many nodes. */
const NODE = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** The root of a tree without entries (RFC 6962 §2.1). */
export const EMPTY_ROOT: Hash = sha256('')

/** An entry's hash as a leaf, which no inner node can have (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Hash {
  return sha256(LEAF, entry)
}

/** The hash of an inner node (RFC 6962 §2.1). Throws `log.proof` when one of them is no hash. */
export function nodeHash(left: Hash, right: Hash): Hash {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES)
    throw new OwnlensError('log.proof', 'a hash of another length')
  NODE.set(left, 1)
  NODE.set(right, 1 + HASH_BYTES)
  return hashOnce('sha256', NODE, 'buffer')
}

/** The Merkle tree hash over hashes of equally large subtrees; the last one may be of a smaller tree (RFC 6962 §2.1). */
export function rootOf(hashes: readonly Hash[]): Hash {
  const [first] = hashes
  if (first === undefined) return EMPTY_ROOT
  if (hashes.length === 1) return first
  const left = splitOf(hashes.length)
  return nodeHash(rootOf(hashes.slice(0, left)), rootOf(hashes.slice(left)))
}

/** The largest power of two below `size`, which is at least 2. */
export function splitOf(size: number): number {
  let left = 1
  while (left * 2 < size) left *= 2
  return left
}

/** The entries from the first number on, the second not among them. */
export type Range = readonly [from: number, to: number]

/** The Merkle tree hash over the entries from `from` on, `to` not among them. */
export type HashOfRange = (from: number, to: number) => Hash

/** Of what entries the hashes are that show that entry `index` is in a tree of `size` entries, nearest first (RFC 6962 §2.1.1). */
export function inclusionRanges(index: number, size: number): readonly Range[] {
  const path: Range[] = []
  for (let from = 0, to = size; to - from > 1; ) {
    const split = from + splitOf(to - from)
    if (index < split) {
      path.unshift([split, to])
      to = split
    } else {
      path.unshift([from, split])
      from = split
    }
  }
  return path
}

/** Of what entries the hashes are that show that a tree of `old` entries is the beginning of one of `size` (RFC 6962 §2.1.2). */
export function consistencyRanges(old: number, size: number): readonly Range[] {
  if (old === 0 || old === size) return []
  const path: Range[] = []
  let [from, to, whole] = [0, size, true]
  while (to !== old) {
    const split = from + splitOf(to - from)
    if (old <= split) {
      path.unshift([split, to])
      to = split
    } else {
      path.unshift([from, split])
      from = split
      whole = false
    }
  }
  return whole ? path : [[from, to], ...path]
}

/** What shows that entry `index` is in a tree of `size` entries, nearest hash first. */
export function inclusionProof(index: number, size: number, hashOf: HashOfRange): readonly Hash[] {
  return inclusionRanges(index, size).map(range => hashOf(...range))
}

/** What shows that a tree of `old` entries is the beginning of one of `size` entries. */
export function consistencyProof(old: number, size: number, hashOf: HashOfRange): readonly Hash[] {
  return consistencyRanges(old, size).map(range => hashOf(...range))
}

/**
 * Checks that the leaf is entry `index` of the tree with this root (RFC 9162 §2.1.3.2).
 *
 * @throws OwnlensError `log.proof`.
 */
export function checkInclusion(
  leaf: Hash,
  index: number,
  { size, root }: { size: number; root: Hash },
  proof: readonly Hash[],
): void {
  if (!(index >= 0 && index < size)) throw new OwnlensError('log.proof', `entry ${index} of ${size}`)
  const climb = new Climb(index, size - 1)
  let hash = leaf
  for (const next of proof) hash = climb.step() ? nodeHash(next, hash) : nodeHash(hash, next)
  if (!climb.isUp || !same(hash, root)) throw new OwnlensError('log.proof', `entry ${index}`)
}

/**
 * Checks that the old tree is the beginning of the new one (RFC 9162 §2.1.4.2).
 *
 * @throws OwnlensError `log.back` when the new one is smaller, `log.proof`.
 */
export function checkConsistency(
  old: { size: number; root: Hash },
  now: { size: number; root: Hash },
  proof: readonly Hash[],
): void {
  if (old.size > now.size) throw new OwnlensError('log.back', `${old.size} entries, now ${now.size}`)
  const refuse = () => new OwnlensError('log.proof', `${old.size} to ${now.size} entries`)
  if (old.size === now.size || old.size === 0) {
    const holds = old.size === 0 ? same(old.root, EMPTY_ROOT) : same(old.root, now.root)
    if (!holds || proof.length > 0) throw refuse()
    return
  }
  const path = isPowerOfTwo(old.size) ? [old.root, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined) throw refuse()
  const climb = new Climb(old.size - 1, now.size - 1)
  climb.skipRight()
  let [before, after] = [first, first]
  for (const next of rest) {
    if (climb.step()) [before, after] = [nodeHash(next, before), nodeHash(next, after)]
    else after = nodeHash(after, next)
  }
  if (!climb.isUp || !same(before, old.root) || !same(after, now.root)) throw refuse()
}

/** A walk from a node to the root: its own index and the last node's, level by level. */
class Climb {
  #at: number
  #last: number

  constructor(at: number, last: number) {
    this.#at = at
    this.#last = last
  }

  get isUp(): boolean {
    return this.#last === 0
  }

  /** One hash further up. Returns whether that hash stands on the left; throws `log.proof` above the root. */
  step(): boolean {
    if (this.isUp) throw new OwnlensError('log.proof', 'too long')
    const fromLeft = this.#at % 2 === 1 || this.#at === this.#last
    if (fromLeft) while (this.#at % 2 === 0 && this.#at !== 0) this.#halve()
    this.#halve()
    return fromLeft
  }

  /** Past the levels on which the node is a right child: they are within the old tree. */
  skipRight(): void {
    while (this.#at % 2 === 1) this.#halve()
  }

  #halve(): void {
    this.#at = Math.floor(this.#at / 2)
    this.#last = Math.floor(this.#last / 2)
  }
}

export function same(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0
}

export function isPowerOfTwo(size: number): boolean {
  let power = 1
  while (power < size) power *= 2
  return power === size
}
