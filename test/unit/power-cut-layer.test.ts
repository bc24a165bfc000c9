import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import { Chance } from '../support/faults/chance.ts'
import { everyCut, type Scenario } from '../support/faults/every-cut.ts'
import { FaultDisk, type Faults } from '../support/faults/fault-disk.ts'
import { FileTree } from '../support/faults/file-tree.ts'
import type { Model } from '../support/faults/journal.ts'

const RUNS = { numRuns: process.env.OWNLENS_LONG === '1' ? 5000 : 300 }
const MODELS: readonly Model[] = ['ordered', 'any-order']

type Replace = (on: Disk, path: string, content: string) => Promise<void>

/** A file is replaced three times; each time that it is told to be done, at least that content must be there, whole. */
function replacing(replace: Replace): Scenario<{ done: number; begun: number }> {
  const path = '/data/folder/file'
  const content = (number: number) => `${number}:${String(number).repeat(2000)}`
  return {
    async prepare(disk) {
      await disk.makeFolder(dirname(path))
      return { done: 0, begun: 0 }
    },
    async life(disk, notes) {
      for (let number = notes.begun + 1; number <= 3; number++) {
        notes.begun = number
        await replace(disk, path, content(number))
        notes.done = number
      }
    },
    async check(disk, notes) {
      const text = await readText(disk, path)
      const number = text === undefined ? 0 : Number(text.slice(0, text.indexOf(':')))
      if (text !== undefined) expect(text).toBe(content(number))
      expect(number).toBeGreaterThanOrEqual(notes.done)
      expect(number).toBeLessThanOrEqual(notes.begun)
    },
  }
}

describe('replaceFile', () => {
  test('leaves the old file or the new one, whole, whenever the power goes', async () => {
    const cuts = await everyCut(
      replacing((on, path, content) => replaceFile(on, path, content)),
      {
        chances: 20,
      },
    )
    // Three times: create, fill, sync, rename, sync. Each of 16 points with 24 fates and two models, some cut more than once.
    expect(cuts).toBeGreaterThan(16 * 24 * 2)
  })

  const wrong: Record<string, Replace> = {
    'written in place': (on, path, content) => on.write(path, Buffer.from(content)),
    'renamed, the folder not synced': async (on, path, content) => {
      await on.write(`${path}.new`, Buffer.from(content))
      await on.rename(`${path}.new`, path)
    },
    'removed before it is renamed': async (on, path, content) => {
      await on.write(`${path}.new`, Buffer.from(content))
      await on.remove(path)
      await on.rename(`${path}.new`, path)
      await on.syncFolder(dirname(path))
    },
    'another folder synced': async (on, path, content) => {
      await on.write(`${path}.new`, Buffer.from(content))
      await on.rename(`${path}.new`, path)
      await on.syncFolder(dirname(dirname(path)))
    },
  }

  test.each(
    Object.entries(wrong).flatMap(([name, replace]) => MODELS.map(model => [name, model, replace] as const)),
  )('%s: the layer finds it (%s)', async (_, model, replace) => {
    await expect(everyCut(replacing(replace), { models: [model], chances: 20 })).rejects.toThrow(
      'does not outlive the cut',
    )
  })

  test.each(MODELS)('a disk that lies about fsync: the layer finds it (%s)', async model => {
    const scenario = replacing((on, path, content) => replaceFile(on, path, content))
    const file = everyCut(scenario, {
      models: [model],
      chances: 20,
      faults: { ignoresSync: ({ path }) => path.endsWith('.new') },
    })
    await expect(file).rejects.toThrow('does not outlive the cut')
    const folder = everyCut(scenario, {
      models: [model],
      chances: 20,
      faults: { ignoresSync: ({ path }) => path.endsWith('/folder') },
    })
    await expect(folder).rejects.toThrow('does not outlive the cut')
  })
})

const name = fc.constantFrom('/a', '/b', '/f', '/f/a', '/f/b', '/f/g', '/f/g/a')
const bytes = fc.integer({ min: 0, max: 3000 }).map(length => new Uint8Array(randomBytes(length)))
const action = fc.oneof(
  fc.record({ does: fc.constant('write' as const), path: name, bytes }),
  fc.record({ does: fc.constant('rename' as const), path: name, to: name }),
  fc.record({ does: fc.constantFrom('unlink' as const, 'makeFolder' as const, 'sync' as const), path: name }),
)
type Action = Parameters<typeof act>[1]

/** What cannot be done, such as to write where there is no folder, is left out. */
function act(
  tree: FileTree,
  action:
    | { does: 'write'; path: string; bytes: Uint8Array }
    | { does: 'rename'; path: string; to: string }
    | { does: 'unlink' | 'makeFolder' | 'sync'; path: string },
): void {
  try {
    if (action.does === 'write') tree.create(action.path).write(action.bytes)
    else if (action.does === 'rename') tree.rename(action.path, action.to)
    else if (action.does === 'sync') tree.sync(tree.node(action.path))
    else tree[action.does](action.path)
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toMatch(/^E[A-Z]+$/)
  }
}

const contents = (tree: FileTree) =>
  [...tree.files()].map(({ path, bytes }) => `${path} ${Buffer.from(bytes).toString('hex')}`).sort()
const names = (tree: FileTree) =>
  [...tree.files()]
    .map(({ path }) => path)
    .sort()
    .join()

describe.each(MODELS)('what a power cut leaves (%s)', model => {
  const sequences = fc.tuple(fc.array(action, { maxLength: 30 }), fc.integer())

  test('is everything, when everything was synced', () => {
    fc.assert(
      fc.property(sequences, ([actions, seed]) => {
        const tree = new FileTree(model)
        for (const action of actions as Action[]) act(tree, action)
        const paths = ['/', '/a', '/b', '/f', '/f/a', '/f/b', '/f/g', '/f/g/a']
        for (const path of [...paths, ...[...tree.files()].flatMap(file => [file.path, dirname(file.path)])])
          act(tree, { does: 'sync', path })
        for (const survival of ['least', 'most', 'names', new Chance(seed)] as const)
          expect(contents(tree.afterCut(survival))).toEqual(contents(tree))
      }),
      RUNS,
    )
  })

  test('is everything, when the disk was lucky; and the same for the same seed', () => {
    fc.assert(
      fc.property(sequences, ([actions, seed]) => {
        const tree = new FileTree(model)
        for (const action of actions as Action[]) act(tree, action)
        expect(contents(tree.afterCut('most'))).toEqual(contents(tree))
        const one = contents(tree.afterCut(new Chance(seed)))
        expect(contents(tree.afterCut(new Chance(seed)))).toEqual(one)
      }),
      RUNS,
    )
  })

  test('has in each file only what was once written there, as far as it is not torn', () => {
    fc.assert(
      fc.property(sequences, ([actions, seed]) => {
        const tree = new FileTree(model)
        const written: Uint8Array[] = []
        for (const action of actions as Action[]) {
          act(tree, action)
          if (action.does === 'write') written.push(action.bytes)
        }
        for (const { bytes } of tree.afterCut(new Chance(seed)).files()) {
          const begins = written.some(whole => Buffer.from(whole.subarray(0, bytes.length)).equals(bytes))
          if (model === 'ordered') expect(begins).toBe(true)
          else expect(written.some(whole => whole.length >= bytes.length) || bytes.length === 0).toBe(true)
        }
      }),
      RUNS,
    )
  })
})

test('in an ordered journal the names are those of one moment', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), fc.integer(), (actions, seed) => {
      const tree = new FileTree('ordered')
      const moments = [names(tree)]
      for (const action of actions as Action[]) {
        act(tree, action)
        moments.push(names(tree))
      }
      for (const survival of ['least', 'most', 'names', new Chance(seed)] as const)
        expect(moments).toContain(names(tree.afterCut(survival)))
    }),
    RUNS,
  )
})

describe('faults on demand', () => {
  const make = (faults: Faults) => FaultDisk.make({ model: 'ordered', folder: '/data', ...faults })

  test('a full disk takes what fits, and the file that was there stays', async () => {
    const { disk, faults } = make({})
    await replaceFile(disk, '/data/a', 'first')
    faults.maxBytes = 8
    await expect(replaceFile(disk, '/data/a', 'second')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await readText(disk, '/data/a')).toBe('first')
    faults.maxBytes = 100
    await replaceFile(disk, '/data/a', 'third')
    expect(await readText(disk, '/data/a')).toBe('third')
  })

  test('what could not be written does not stay in the way', async () => {
    const { disk, faults } = make({ maxBytes: 3 })
    await expect(replaceFile(disk, '/data/a', 'long')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await disk.list('/data')).toEqual([])
    faults.maxBytes = Infinity
    faults.fails = ({ does }) => (does === 'rename' ? 'EIO' : undefined)
    await expect(replaceFile(disk, '/data/a', 'long')).rejects.toMatchObject({ code: 'EIO' })
    expect(await disk.list('/data')).toEqual([])
  })

  test('a read-only disk can be read', async () => {
    const { disk, faults } = make({})
    await replaceFile(disk, '/data/a', 'first')
    faults.readOnly = true
    await expect(replaceFile(disk, '/data/a', 'second')).rejects.toMatchObject({ code: 'EROFS' })
    await expect(disk.remove('/data/a')).rejects.toMatchObject({ code: 'EROFS' })
    await expect(disk.makeFolder('/data/f')).rejects.toMatchObject({ code: 'EROFS' })
    await disk.makeFolder('/data')
    await disk.remove('/data/b')
    expect(await readText(disk, '/data/a')).toBe('first')
  })

  test('an fsync that failed never holds, though one later says so', async () => {
    const made = make({ fails: (_, number) => (number === 3 ? 'EIO' : undefined) })
    const { disk } = made
    await expect(disk.write('/data/a', Buffer.from('lost'))).rejects.toMatchObject({ code: 'EIO' })
    expect(made.steps.map(({ does }) => does)).toEqual(['create', 'fill', 'sync'])
    await disk.syncFolder('/data')
    expect(await readText(disk, '/data/a')).toBe('lost')
    expect(await readText(made.afterCut('names').disk, '/data/a')).toBe('')
  })

  test('reads fail too, and slowly', async () => {
    const { disk, faults } = make({})
    await replaceFile(disk, '/data/a', 'first')
    faults.fails = ({ does, path }) => (does === 'read' && path === '/data/a' ? 'EIO' : undefined)
    faults.delayMs = 5
    await expect(disk.read('/data/a')).rejects.toMatchObject({ code: 'EIO' })
    expect(await disk.list('/data')).toEqual(['a'])
  })

  test('a file goes bad', async () => {
    const made = make({})
    await made.disk.write('/data/a', Buffer.from('abcdef'))
    for (const [how, left] of [
      ['torn', 'abc'],
      ['zeros', '\0\0\0'],
      ['empty', ''],
    ] as const) {
      made.spoil('/data/a', how)
      expect(await readText(made.disk, '/data/a')).toBe(left)
    }
    await made.disk.write('/data/a', randomBytes(1000))
    const before = await made.disk.read('/data/a')
    made.spoil('/data/a', 'noise')
    expect(await made.disk.read('/data/a')).not.toEqual(before)
  })

  test('nothing runs on after a cut', async () => {
    const made = make({ cutAt: 4 })
    let went = ''
    void replaceFile(made.disk, '/data/a', 'a').then(
      () => (went = 'on'),
      () => (went = 'wrong'),
    )
    await made.dead
    const { disk } = made.afterCut('most')
    await new Promise(resolve => setImmediate(resolve))
    expect(went).toBe('')
    expect(await disk.list('/data')).toEqual(['a.new'])
  })
})
