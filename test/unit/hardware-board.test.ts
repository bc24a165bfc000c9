import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareBoards, type Marks, thisBoard } from '../../hardware/board.ts'
import { temporaryFolder } from '../support/places.ts'

let root: string
let remove: () => Promise<void>

beforeEach(async () => {
  const made = await temporaryFolder()
  root = made.path
  remove = made.remove
})
afterEach(() => remove())

async function lay(files: Record<string, string>): Promise<Marks> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return thisBoard(root)()
}

const TREE = 'sys/firmware/devicetree/base/serial-number'
const CPU = 'proc/cpuinfo'
const CARD = 'sys/block/mmcblk0/device/cid'
const PRODUCT = 'sys/class/dmi/id/product_uuid'

test('a Raspberry Pi says its serial twice, its card and its system', async () => {
  const marks = await lay({
    [TREE]: '10000000a1b2c3d4\0',
    [CPU]: 'processor\t: 0\nHardware\t: BCM2835\nSerial\t\t: 10000000a1b2c3d4\nModel\t\t: Raspberry Pi 4\n',
    [CARD]: '0353445355313647801234567800a100\n',
    'etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n',
  })
  expect(Object.keys(marks)).toEqual(['device-tree', 'cpu', 'card', 'machine'])
  for (const mark of Object.values(marks)) expect(mark).toMatch(/^[a-z2-7]{52}$/)
  expect(new Set(Object.values(marks)).size).toBe(4)
})

test('a machine that says nothing has no marks', async () => {
  expect(await thisBoard(join(root, 'nowhere'))()).toEqual({})
})

test.each([
  '0000000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '00000000-0000-0000-0000-000000000000',
  '03000200-0400-0500-0006-000700080009',
  'To be filled by O.E.M.',
  'Default string',
  'None',
  ' \n',
])('%j is no serial: many boards say it', async text => {
  expect(await lay({ [PRODUCT]: text, [TREE]: text })).toEqual({})
})

const mark = fc.constantFrom('a', 'b', 'c')
const marks = fc.record(
  {
    given: mark,
    'device-tree': mark,
    cpu: mark,
    product: mark,
    baseboard: mark,
    card: mark,
    machine: mark,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Marks>

describe('comparing boards', () => {
  test('what cannot be read at one start makes no other board', () => {
    fc.assert(
      fc.property(marks, fc.func(fc.boolean()), (whole, lost) => {
        const kept = Object.entries(whole).filter(([source]) => source === 'given' || !lost(source))
        const rest = Object.fromEntries(kept) as Marks
        expect(compareBoards(whole, rest)).not.toBe('other')
        expect(compareBoards(rest, whole)).not.toBe('other')
      }),
    )
  })

  test('a board with another serial is another one, whatever was copied with the card', () => {
    const serial = fc.constantFrom('device-tree', 'cpu', 'product', 'baseboard')
    fc.assert(
      fc.property(marks, serial, (rest, source) => {
        const { given: _, 'device-tree': __, cpu: ___, product: ____, baseboard: _____, ...copied } = rest
        expect(compareBoards({ ...copied, [source]: 'a' }, { ...copied, [source]: 'b' })).toBe('other')
      }),
    )
  })

  test('both ways it is the same answer, where both say something', () => {
    fc.assert(
      fc.property(marks, marks, (one, two) => {
        fc.pre(Object.keys(one).length > 0 && Object.keys(two).length > 0)
        expect(compareBoards(one, two)).toBe(compareBoards(two, one))
      }),
    )
  })

  test.each([
    ['the same board with a new card', { cpu: 'a', card: 'a' }, { cpu: 'a', card: 'b' }, 'same'],
    ['the same card in another board', { cpu: 'a', card: 'a' }, { cpu: 'b', card: 'a' }, 'other'],
    [
      'a copied card, boards without serials',
      { card: 'a', machine: 'a' },
      { card: 'b', machine: 'a' },
      'other',
    ],
    ['a Pi’s card in a PC', { cpu: 'a', machine: 'a' }, { product: 'a', machine: 'a' }, 'other'],
    ['a PC by another user', { product: 'a', machine: 'a' }, { machine: 'a' }, 'same'],
    ['a board that says nothing this time', { cpu: 'a', card: 'a' }, {}, 'unclear'],
    ['only the card speaks, and it is another', { cpu: 'a', card: 'a' }, { card: 'b' }, 'unclear'],
    ['a board that said nothing before', {}, { cpu: 'a' }, 'same'],
    ['an emulated board’s folder on a real one', { given: 'a' }, { cpu: 'a', machine: 'a' }, 'other'],
    ['a real board’s folder on an emulated one', { machine: 'a' }, { given: 'a' }, 'other'],
  ] as const)('%s', (_what, recorded, seen, verdict) => {
    expect(compareBoards(recorded, seen)).toBe(verdict)
  })
})
