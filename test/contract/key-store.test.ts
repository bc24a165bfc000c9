import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { thisBoard } from '../../hardware/board.ts'
import type { KeyStore } from '../../hardware/hardware.ts'
import { emulatedKeyStore, fileKeyStore } from '../../hardware/key-store.ts'
import type { Disk } from '../../storage/disk.ts'
import { disk } from '../../storage/disk.ts'
import { everyCut } from '../support/faults/every-cut.ts'
import { temporaryFolder } from '../support/places.ts'

type Which = 'mine' | 'another'
type Open = (disk: Disk, data: string, board: Which) => KeyStore

let folder: string
let data: string
let remove: () => Promise<void>

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  data = join(folder, 'data')
  await disk.makeFolder(data)
  // What two boards say of themselves, and of the card that was copied: all but its own number.
  for (const [board, serial, card] of [
    ['mine', '10000000a1b2c3d4\0', '0353445355313647801234567800a100\n'],
    ['another', '10000000d4c3b2a1\0', '0353445355313647808765432100a100\n'],
  ] as const) {
    await lay(board, 'sys/firmware/devicetree/base/serial-number', serial)
    await lay(board, 'sys/block/mmcblk0/device/cid', card)
    await lay(board, 'etc/machine-id', '3d1219c7c4c5404aaa1f6d2a48adfda4\n')
  }
})

afterEach(() => remove())

async function lay(board: Which, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, board, path)), { recursive: true })
  await writeFile(join(folder, board, path), text)
}

const stores: Record<string, Open> = {
  file: (on, at, board) => fileKeyStore(on, at, thisBoard(join(folder, board))),
  emulated: emulatedKeyStore,
}

/** What a camera that was paired has in its folder, beside its keys. */
const HELD = [
  'household.json',
  'epoch',
  'enrolment-counter',
  'sequence.json',
  'time',
  'outbox/a/0',
  'people/x',
]

async function pair(on: Disk, at: string): Promise<void> {
  for (const file of HELD) {
    await on.makeFolder(dirname(join(at, file)))
    await on.write(join(at, file), Buffer.from(file))
    await on.syncFolder(dirname(join(at, file)))
  }
}

/** Everything that identifies a device to its household. */
const keysOf = async (store: KeyStore) => ({
  id: (await store.signer()).id,
  ages: JSON.stringify(await store.ageIdentities()),
})

describe.each(Object.entries(stores))('the key store %s', (_name, open) => {
  const start = (board: Which = 'mine') => open(disk, data, board)

  test('makes its keys once, and they are the same ever after', async () => {
    const store = start()
    const [first, again] = await Promise.all([keysOf(store), keysOf(store)])
    expect(again).toEqual(first)
    expect(await keysOf(start())).toEqual(first)
    expect(await start().settle()).toEqual({ board: 'same' })
    for (const file of await readdir(data)) expect((await stat(join(data, file))).mode & 0o777).toBe(0o600)
  })

  test('two folders have two keys', async () => {
    const other = join(folder, 'data-2')
    await disk.makeFolder(other)
    const [one, two] = [await keysOf(start()), await keysOf(open(disk, other, 'mine'))]
    expect(one.id).not.toBe(two.id)
    expect(one.ages).not.toBe(two.ages)
  })

  test('a copied card is a new device that holds nothing of the old one, and stays it', async () => {
    const before = await keysOf(start())
    await pair(disk, data)
    const store = start('another')
    const settled = await store.settle()
    if (settled.board !== 'new') throw new Error('it was not noticed')
    expect((await disk.list(data)).filter(name => name !== 'board.json')).toEqual([settled.setAside])
    const aside = join(data, settled.setAside)
    for (const file of HELD) expect(await readFile(join(aside, file), 'utf8')).toBe(file)
    expect(await readdir(aside)).toContain('device-key.pem')
    const after = await keysOf(store)
    expect([after.id === before.id, after.ages === before.ages]).toEqual([false, false])
    expect(await keysOf(start('another'))).toEqual(after)
    expect(await start('another').settle()).toEqual({ board: 'same' })
  })

  test('whoever asks for a key first gets none of another board', async () => {
    const before = await keysOf(start())
    expect((await start('another').signer()).id).not.toBe(before.id)
    expect(await readdir(data)).toContainEqual(expect.stringMatching(/^copied-/))
  })

  test('a backup that is restored on its own board keeps its key', async () => {
    const before = await keysOf(start())
    const saved = await Promise.all(
      (await readdir(data)).map(async name => [name, await readFile(join(data, name))] as const),
    )
    await disk.remove(data)
    await disk.makeFolder(data)
    for (const [name, bytes] of saved) await writeFile(join(data, name), bytes)
    const store = start()
    expect(await store.settle()).toEqual({ board: 'same' })
    expect(await keysOf(store)).toEqual(before)
  })

  test('a folder of an earlier version, which names no board, is bound at its first start', async () => {
    const before = await keysOf(start())
    await disk.remove(join(data, 'board.json'))
    expect(await keysOf(start())).toEqual(before)
    expect(await start('another').settle()).toMatchObject({ board: 'new' })
  })

  test('a card that goes from board to board is a new device each time', async () => {
    const ids = new Set<string>()
    for (const board of ['mine', 'another', 'mine', 'another'] as const)
      ids.add((await keysOf(start(board))).id)
    expect(ids.size).toBe(4)
    expect((await readdir(data)).filter(name => name.startsWith('copied-'))).toHaveLength(3)
  })

  test('the lock and what is held before an emulated lens stay with the folder', async () => {
    await start().settle()
    await writeFile(join(data, 'lock'), '')
    await disk.makeFolder(join(data, 'emulated'))
    await start('another').settle()
    expect(await readdir(data)).toEqual(expect.arrayContaining(['lock', 'emulated']))
  })

  test.each(['', '{}', '{"board":{"given":"x"}}', '{"board":{"hat":"x"}}', 'null'])(
    'a damaged record of the board (%j) is an error, and nothing is guessed',
    async text => {
      const before = await keysOf(start())
      await writeFile(join(data, 'board.json'), text)
      await expect(start().signer()).rejects.toMatchObject({ code: 'keystore.damaged' })
      expect(await readFile(join(data, 'board.json'), 'utf8')).toBe(text)
      await disk.remove(join(data, 'board.json'))
      expect(await keysOf(start())).toEqual(before)
    },
  )

  test('new keys take the place of the old ones, at once and at the next start', async () => {
    const store = start()
    const before = await keysOf(store)
    await store.replaceKeys()
    const after = await keysOf(store)
    expect([after.id === before.id, after.ages === before.ages]).toEqual([false, false])
    expect(await keysOf(start())).toEqual(after)
    expect(await readdir(data)).not.toContain('new-keys.json')
  })

  describe('when the power is cut at any step', () => {
    const at = '/data'
    // Many files are moved: one random outcome a step is plenty.
    const cutHere: typeof everyCut = scenario => everyCut(scenario, { chances: 1 })

    test.each([
      ['a new folder', false],
      ['one of an earlier version', true],
    ])('%s is bound, and its key stays', async (_what, older) => {
      await everyCut({
        async prepare(on) {
          const notes: { keys?: Awaited<ReturnType<typeof keysOf>>; bound?: true } = {}
          if (!older) return notes
          notes.keys = await keysOf(open(on, at, 'mine'))
          await on.remove(join(at, 'board.json'))
          await on.syncFolder(at)
          return notes
        },
        async life(on, notes) {
          const store = open(on, at, 'mine')
          await store.settle()
          notes.bound = true
          notes.keys = await keysOf(store)
        },
        async check(on, notes) {
          const store = open(on, at, 'mine')
          if (notes.keys) expect(await keysOf(store)).toEqual(notes.keys)
          expect(await store.settle()).toEqual({ board: 'same' })
          if (notes.bound) expect(await open(on, at, 'another').settle()).toMatchObject({ board: 'new' })
        },
      })
    })

    test('a copied card is the old device whole, or the new one whole', async () => {
      await cutHere({
        async prepare(on) {
          const old = await keysOf(open(on, at, 'mine'))
          await pair(on, at)
          return { old, fresh: undefined as Awaited<ReturnType<typeof keysOf>> | undefined }
        },
        async life(on, notes) {
          const store = open(on, at, 'another')
          await store.settle()
          // From here on it would speak to others.
          expect((await on.list(at)).filter(name => HELD.some(held => held.startsWith(name)))).toEqual([])
          const keys = await keysOf(store)
          expect(keys.id).not.toBe(notes.old.id)
          expect(keys.ages).not.toBe(notes.old.ages)
          if (notes.fresh) expect(keys).toEqual(notes.fresh)
          notes.fresh = keys
        },
        async check(on, notes) {
          await this.life(on, notes)
          const [aside, ...more] = (await on.list(at)).filter(name => name.startsWith('copied-'))
          expect(more).toEqual([])
          for (const file of [...HELD, 'device-key.pem', 'device-age.json'])
            expect(await on.read(join(at, aside ?? '', file)), file).toBeDefined()
        },
      })
    })

    test('a card on its way to being set aside is set aside on its old board, too', async () => {
      await cutHere({
        async prepare(on) {
          const old = await keysOf(open(on, at, 'mine'))
          await pair(on, at)
          return { old, spoke: undefined as string | undefined }
        },
        async life(on, notes) {
          const { id } = await keysOf(open(on, at, 'another'))
          notes.spoke = id
        },
        async check(on, notes) {
          const store = open(on, at, 'mine')
          await store.settle()
          const { id, ages } = await keysOf(store)
          const held = (await on.list(at)).filter(name => HELD.some(file => file.startsWith(name)))
          const top = [...new Set(HELD.map(file => file.split('/')[0] ?? ''))].sort()
          // Whole or not at all: both keys and all files, or none of them.
          if (id === notes.old.id) expect([ages, held]).toEqual([notes.old.ages, top])
          else expect([ages === notes.old.ages, held]).toEqual([false, []])
          if (notes.spoke) expect(id).not.toBe(notes.old.id)
        },
      })
    })

    test('both keys are replaced, or neither', async () => {
      await everyCut({
        async prepare(on) {
          const old = await keysOf(open(on, at, 'mine'))
          return { old, done: undefined as Awaited<ReturnType<typeof keysOf>> | undefined }
        },
        async life(on, notes) {
          const store = open(on, at, 'mine')
          if (notes.done === undefined) await store.replaceKeys()
          notes.done ??= await keysOf(store)
        },
        async check(on, notes) {
          const keys = await keysOf(open(on, at, 'mine'))
          expect(keys.id === notes.old.id).toBe(keys.ages === notes.old.ages)
          if (notes.done) expect(keys).toEqual(notes.done)
          // What the new keys were is decided once.
          expect(await keysOf(open(on, at, 'mine'))).toEqual(keys)
        },
      })
    })
  })
})
