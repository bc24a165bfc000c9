import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, asyncProperty, array as many, nat } from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KeptHeads } from '../../log/kept-heads.ts'
import { disk } from '../../storage/disk.ts'
import { MemoryLog, newLogKey, witnessKey } from '../support/log-in-memory.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { anId } from '../support/stored-clips.ts'

const HUB = anId('hub')
let folder: string
let remove: () => Promise<void>
beforeEach(async () => {
  ;({ path: folder, remove } = await temporaryFolder())
})
afterEach(() => remove())

const open = () => KeptHeads.open(disk, folder)
const evidence = async () => (await readdir(folder)).filter(name => name.startsWith('log-evidence-'))

/** A log that was followed up to five entries. */
async function followed(): Promise<MemoryLog> {
  const log = new MemoryLog()
  log.append('a', 'b', 'c', 'd', 'e')
  await (await open()).take(HUB, log.shown(0))
  return log
}

test('a log that grows is followed, however it grows and wherever it is asked', async () => {
  const each = asyncProperty(many(nat(40), { minLength: 1, maxLength: 6 }), async steps => {
    await KeptHeads.forget(disk, folder)
    const log = new MemoryLog()
    for (const step of steps) {
      log.append(...Array(step).fill('entry'))
      const heads = await open()
      await heads.take(HUB, log.shown(heads.sizeOf(HUB)))
      expect((await open()).position(HUB)).toEqual({
        size: log.size,
        root: Buffer.from(log.root()).toString('base64'),
      })
    }
    expect(await evidence()).toEqual([])
  })
  await assert(each, { numRuns: 30 })
})

test('a log that went back, split or took another’s place is refused, kept apart, and stays refused', async () => {
  for (const [code, lie] of [
    ['log.back', (log: MemoryLog) => log.shown(5, 3)],
    ['log.split', (log: MemoryLog) => forked(log, 5)],
    ['log.split', (log: MemoryLog) => forked(log, 9)],
    ['log.split', (log: MemoryLog) => ({ ...longer(log), consistency: [] })],
    ['log.other', (log: MemoryLog) => new MemoryLog(log.name, newLogKey()).shown(5)],
  ] as const) {
    await KeptHeads.forget(disk, folder)
    const log = await followed()
    const before = await readFile(join(folder, 'log-head.json'), 'utf8').then(JSON.parse)
    const heads = await open()
    expect(await codeFrom(heads.take(HUB, lie(log)))).toBe(code)
    const after = await open()
    expect(after.refused).toMatchObject({ caId: HUB, code })
    expect(after.kept(HUB)).toEqual(before.heads[0])
    const both = JSON.parse(await readFile(join(folder, after.refused?.evidence ?? ''), 'utf8'))
    expect(both).toMatchObject({ code, held: before.heads[0] })
    expect(both.shown).toBeDefined()
    // The truth again does not undo it; a second lie is no second file.
    const files = (await evidence()).length
    await after.take(HUB, longer(log))
    expect((await open()).refused?.code).toBe(code)
    expect(await codeFrom(after.take(HUB, log.shown(6, 2)))).toBe('log.back')
    expect(await evidence()).toHaveLength(files)
    await after.accept(HUB)
    expect((await open()).refused).toBeNull()
    expect((await open()).kept(HUB)).toBeUndefined()
  }
})

function forked(log: MemoryLog, size: number) {
  const other = log.fork(4)
  other.append(...Array(size - 4).fill('another'))
  return other.shown(5)
}

function longer(log: MemoryLog) {
  const grown = log.fork()
  grown.append('f')
  return grown.shown(5)
}

test('what is no head of the log changes nothing and is no lie', async () => {
  const log = await followed()
  const heads = await open()
  const shown = log.shown(5)
  const damaged = { ...shown, checkpoint: shown.checkpoint.replace('\n5\n', '\n6\n') }
  expect(await codeFrom(heads.take(HUB, damaged))).toBe('log.note')
  const stranger = new MemoryLog('elsewhere')
  expect(await codeFrom(heads.take(HUB, { ...shown, checkpoint: stranger.checkpoint() }))).toBe(
    'log.checkpoint',
  )
  expect((await open()).refused).toBeNull()
  expect((await open()).sizeOf(HUB)).toBe(5)
})

test('what somebody else was shown must be a beginning of what is shown here', async () => {
  const log = await followed()
  const ask = async (from: number, to: number) => log.consistency(from, to)
  const heads = await open()
  for (const size of [0, 1, 4, 5])
    await heads.compare(HUB, { size, root: log.root(size) }, ask, { camera: 'x' })
  const other = log.fork(3)
  other.append('x', 'y')
  for (const size of [4, 5]) {
    const told = heads.compare(HUB, { size, root: other.root(size) }, ask, { camera: 'x' })
    expect(await codeFrom(told)).toBe('log.split')
  }
  const more = heads.compare(HUB, { size: 6, root: log.root() }, ask, { camera: 'x' })
  expect(await codeFrom(more)).toBe('log.back')
  const kept = JSON.parse(await readFile(join(folder, (await evidence())[0] ?? ''), 'utf8'))
  expect(kept).toMatchObject({ code: 'log.split', witness: { camera: 'x' } })
})

test('each hub has its own log', async () => {
  const log = await followed()
  const heads = await open()
  const other = new MemoryLog('another')
  await heads.take(anId('other hub'), other.shown(0))
  expect([heads.sizeOf(HUB), heads.sizeOf(anId('other hub')), log.size]).toEqual([5, 0, 5])
})

test('with witnesses a log counts as far as enough of them have cosigned it', async () => {
  const [ann, ben, eve] = ['ann', 'ben', 'eve'].map(name => ({ name, key: newLogKey() }))
  if (!ann || !ben || !eve) throw new Error('three')
  const log = await followed()
  const heads = await open()
  await heads.demand([witnessKey(ann), witnessKey(ben)], 2)
  const take = (cosigned?: { size: number; by: (typeof ann)[] }) =>
    codeFrom(heads.take(HUB, log.shown(heads.sizeOf(HUB), log.size, cosigned)))
  const cosigned = () => heads.kept(HUB)?.cosigned?.split('\n')[1]
  expect(await take()).toBe('log.witness')
  expect(await take({ size: 5, by: [ann] })).toBe('log.witness')
  expect(await take({ size: 5, by: [ann, eve] })).toBe('log.witness')
  expect(await take({ size: 4, by: [ann, ben] })).toBeUndefined()
  expect([heads.sizeOf(HUB), cosigned()]).toEqual([5, '4'])
  log.append('f', 'g')
  // Not cosigned yet: the newest head is kept, and how far it is cosigned.
  expect(await take({ size: 5, by: [ann, ben] })).toBeUndefined()
  expect([heads.sizeOf(HUB), cosigned()]).toEqual([7, '5'])
  expect(await take({ size: 6, by: [ann, ben] })).toBeUndefined()
  expect(await take({ size: 5, by: [ann, ben] })).toBeUndefined()
  expect([heads.sizeOf(HUB), cosigned()]).toEqual([7, '6'])
  expect(heads.cosigners(heads.kept(HUB) as never)).toEqual(['ann', 'ben'])
  expect(await codeFrom(heads.demand([witnessKey(ann)], 2))).toBe('log.witness')
})

test('one story until the witnesses have cosigned another: both are kept', async () => {
  const ann = { name: 'ann', key: newLogKey() }
  for (const lie of [
    // Shown at first: what no witness has seen. The truth comes with the cosignature.
    (log: MemoryLog, other: MemoryLog) => [other.shown(5, 8), log.shown(8, 9, { size: 9, by: [ann] })],
    // Both in one answer.
    (log: MemoryLog, other: MemoryLog) => {
      const { cosigned } = log.shown(5, 9, { size: 7, by: [ann] })
      return [{ ...other.shown(5, 8), cosigned }]
    },
  ]) {
    await KeptHeads.forget(disk, folder)
    const log = await followed()
    const heads = await open()
    await heads.demand([witnessKey(ann)], 1)
    log.append('f', 'g', 'h', 'i')
    const other = log.fork(5)
    other.append('x', 'y', 'z')
    const codes: unknown[] = []
    for (const shown of lie(log, other)) codes.push(await codeFrom(heads.take(HUB, shown)))
    expect(codes.at(-1)).toBe('log.split')
    expect((await open()).refused?.code).toBe('log.split')
  }
})

test('whoever begins with witnesses keeps nothing that too few have cosigned', async () => {
  const ann = { name: 'ann', key: newLogKey() }
  const log = new MemoryLog()
  log.append('a', 'b')
  const heads = await open()
  await heads.demand([witnessKey(ann)], 1)
  expect(await codeFrom(heads.take(HUB, log.shown(0)))).toBe('log.witness')
  expect(heads.sizeOf(HUB)).toBe(0)
  await heads.take(HUB, log.shown(0, 2, { size: 1, by: [ann] }))
  expect(heads.sizeOf(HUB)).toBe(2)
})

test('a file that cannot be read is told, and can be taken away', async () => {
  await followed()
  await writeFile(join(folder, 'log-head.json'), '{"heads":[')
  expect(await codeFrom(open())).toBe('log.kept')
  await KeptHeads.forget(disk, folder)
  expect((await open()).position(HUB)).toBeNull()
})
