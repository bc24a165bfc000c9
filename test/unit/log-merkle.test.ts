import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  EMPTY_ROOT,
  type Hash,
  inclusionProof,
  leafHash,
  rootOf,
} from '../../log/merkle.ts'
import { GrowingTree, TILE_WIDTH, tilePath } from '../../log/tiles.ts'

const hex = (hash: Hash) => Buffer.from(hash).toString('hex')
const b64 = (text: string): Hash => Buffer.from(text, 'base64')
const root = (leaves: readonly Hash[], from: number, to: number): Hash => rootOf(leaves.slice(from, to))

// Leaves and roots of Certificate Transparency's own tests (Trillian, transparency-dev/merkle).
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const leaves = LEAVES.map(entry => leafHash(Buffer.from(entry, 'hex')))

describe('published vectors', () => {
  test('roots of the first nought to eight leaves', () => {
    expect(ROOTS.map((_, size) => hex(root(leaves, 0, size)))).toEqual(ROOTS)
    const tree = new GrowingTree()
    const grown = [hex(tree.root)]
    for (const leaf of leaves) {
      tree.append(leaf)
      grown.push(hex(tree.root))
    }
    expect(grown).toEqual(ROOTS)
  })

  test.each([
    [
      0,
      8,
      [
        'lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=',
        'Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=',
        'a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=',
      ],
    ],
    [
      5,
      8,
      [
        'vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=',
        'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=',
        '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=',
      ],
    ],
    [2, 3, ['+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=']],
    [
      1,
      5,
      [
        'bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=',
        'Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=',
        'vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=',
      ],
    ],
  ] as const)('entry %i of %i', (index, size, proof) => {
    const made = inclusionProof(index, size, (from, to) => root(leaves, from, to))
    expect(made.map(hex)).toEqual(proof.map(text => hex(b64(text))))
    const leaf = leaves[index] ?? EMPTY_ROOT
    checkInclusion(leaf, index, { size, root: Buffer.from(ROOTS[size] ?? '', 'hex') }, proof.map(b64))
  })

  test.each([
    [
      1,
      8,
      [
        'lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=',
        'Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=',
        'a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=',
      ],
    ],
    [
      6,
      8,
      [
        'DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=',
        'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=',
        '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=',
      ],
    ],
    [2, 5, ['Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=', 'vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=']],
  ] as const)('%i entries became %i', (old, size, proof) => {
    const made = consistencyProof(old, size, (from, to) => root(leaves, from, to))
    expect(made.map(hex)).toEqual(proof.map(text => hex(b64(text))))
    const head = (entries: number) => ({ size: entries, root: Buffer.from(ROOTS[entries] ?? '', 'hex') })
    checkConsistency(head(old), head(size), proof.map(b64))
  })
})

const many = Array.from({ length: 70 }, (_, index) => leafHash(Buffer.from(`entry ${index}`)))
const hashOf = (from: number, to: number) => root(many, from, to)
const head = (size: number) => ({ size, root: hashOf(0, size) })
const flipped = (hash: Hash, bit: number) => {
  const bytes = Buffer.from(hash)
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return bytes
}

describe('every proof', () => {
  test('of an entry holds for it, and for nothing else', () => {
    const cases = fc.integer({ min: 1, max: 70 }).chain(size =>
      fc.record({
        size: fc.constant(size),
        index: fc.nat(size - 1),
        other: fc.nat(69),
        bit: fc.nat(255),
        at: fc.nat(),
      }),
    )
    fc.assert(
      fc.property(cases, ({ size, index, other, bit, at }) => {
        const leaf = many[index] ?? EMPTY_ROOT
        const proof = inclusionProof(index, size, hashOf)
        const refused = (...args: Parameters<typeof checkInclusion>) =>
          expect(() => checkInclusion(...args)).toThrow(expect.objectContaining({ code: 'log.proof' }))
        checkInclusion(leaf, index, head(size), proof)
        if (other !== index) {
          refused(many[other] ?? EMPTY_ROOT, index, head(size), proof)
          refused(leaf, other, head(size), proof)
        }
        refused(leaf, index, { ...head(size), root: flipped(hashOf(0, size), bit) }, proof)
        refused(leaf, index, head(size), [...proof, leaf])
        if (proof.length === 0) return
        const place = at % proof.length
        refused(leaf, index, head(size), proof.with(place, flipped(proof[place] ?? leaf, bit)))
        refused(leaf, index, head(size), proof.toSpliced(place, 1))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('of growth holds for it, and for nothing else', () => {
    const cases = fc.integer({ min: 1, max: 70 }).chain(size =>
      fc.record({
        size: fc.constant(size),
        old: fc.integer({ min: 0, max: size }),
        bit: fc.nat(255),
        at: fc.nat(),
      }),
    )
    fc.assert(
      fc.property(cases, ({ size, old, bit, at }) => {
        const proof = consistencyProof(old, size, hashOf)
        const refused = (...args: Parameters<typeof checkConsistency>) =>
          expect(() => checkConsistency(...args)).toThrow(expect.objectContaining({ code: 'log.proof' }))
        checkConsistency(head(old), head(size), proof)
        refused({ size: old, root: flipped(hashOf(0, old), bit) }, head(size), proof)
        refused(head(old), head(size), [...proof, hashOf(0, 1)])
        if (old > 0) refused(head(old), { size, root: flipped(hashOf(0, size), bit) }, proof)
        if (old < size)
          expect(() => checkConsistency(head(size), head(old), proof)).toThrow(
            expect.objectContaining({ code: 'log.back' }),
          )
        if (proof.length === 0) return
        const place = at % proof.length
        refused(head(old), head(size), proof.with(place, flipped(proof[place] ?? EMPTY_ROOT, bit)))
        refused(head(old), head(size), proof.toSpliced(place, 1))
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})

test('a tree of 70,000 has the tiles that C2SP names, and the root of all its leaves', () => {
  const tree = new GrowingTree()
  const all: Hash[] = []
  const full = [0, 0, 0]
  for (let index = 0; index < 70_000; index++) {
    const leaf = leafHash(Buffer.from(String(index)))
    all.push(leaf)
    for (const { level, index: at, hashes } of tree.append(leaf)) {
      expect(hashes).toHaveLength(TILE_WIDTH)
      expect(at).toBe(full[level])
      full[level] = at + 1
    }
  }
  expect(full).toEqual([273, 1, 0])
  expect(tree.partial.map(({ level, index, hashes }) => [level, index, hashes.length])).toEqual([
    [0, 273, 112],
    [1, 1, 17],
    [2, 0, 1],
  ])
  expect(hex(tree.root)).toBe(hex(rootOf(all)))
})

test('paths of tiles', () => {
  expect(tilePath(0, 1_234_067, 256)).toBe('tile/0/x001/x234/067')
  expect(tilePath(2, 5, 17)).toBe('tile/2/005.p/17')
  expect(tilePath('entries', 1000, 256)).toBe('tile/entries/x001/000')
})
