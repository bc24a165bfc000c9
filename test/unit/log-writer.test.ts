import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../log/checkpoint.ts'
import { checkConsistency, checkInclusion, leafHash, rootOf } from '../../log/merkle.ts'
import { cosignNote, readNoteKey, writeNoteKey } from '../../log/note.ts'
import { verifyLog } from '../../log/verify.ts'
import { Log } from '../../log/writer.ts'
import { disk } from '../../storage/disk.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import { temporaryFolder } from '../support/places.ts'

const LONG = process.env.OWNLENS_LONG === '1'
const NAME = 'example.com/log'
const key = generateKeyPairSync('ed25519').privateKey
const known = readNoteKey(writeNoteKey(NAME, 'signature', key))
const entryOf = (index: number) => Buffer.from(`{"v":1,"entry":${index}}`)
const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => entryOf(from + at))
const code = (wanted: string) => expect.objectContaining({ code: wanted })

let path: string
let remove: () => Promise<void>
beforeAll(async () => {
  ;({ path, remove } = await temporaryFolder())
})
afterAll(() => remove())

const openAt = (folder: string) => Log.open({ disk, folder: join(path, folder), name: NAME, key })
const headOf = ({ size, root }: Log) => ({ size, root })

describe('a log that has grown', () => {
  const SIZE = LONG ? 1_000_000 : 20_000
  let log: Log
  const heads: { size: number; root: Uint8Array }[] = []

  beforeAll(async () => {
    log = await openAt('grown')
    // Batches as a sequencer makes them, of every length.
    for (let width = 1; log.size < SIZE; width = (width * 7 + 3) % 257) {
      await log.append(entries(log.size, Math.min(SIZE, log.size + Math.max(1, width))))
      if (heads.length < 1000) heads.push(headOf(log))
    }
  }, 600_000)

  test('is whole, from its entries up to its head', async () => {
    const head = openCheckpoint(log.checkpoint, known)
    expect(head).toMatchObject({ size: SIZE, origin: NAME })
    await verifyLog(disk, join(path, 'grown'), head, { before: heads[3] })
  }, 600_000)

  test('is the same when it is opened again', async () => {
    const again = await openAt('grown')
    expect(headOf(again)).toEqual(headOf(log))
    await again.append([])
    expect(again.checkpoint).toBe(log.checkpoint)
  })

  test('proves every entry under any of its sizes, and its growth between any two', async () => {
    const cases = fc.record({
      index: fc.nat(SIZE - 1),
      size: fc.integer({ min: 1, max: SIZE }),
      old: fc.nat(SIZE),
    })
    const check = async ({ index, size, old }: { index: number; size: number; old: number }) => {
      const now = headOf(log)
      checkInclusion(leafHash(entryOf(index)), index, now, await log.inclusion(index))
      expect(await log.entry(index)).toEqual(entryOf(index))
      const seen = heads[old % heads.length] ?? now
      checkConsistency(seen, now, await log.consistency(seen.size))
      const [small, large] = [Math.min(old, size), Math.max(old, size)]
      const proof = await log.consistency(small, large)
      expect(proof.length).toBeLessThanOrEqual(22)
      if (index < seen.size)
        checkInclusion(leafHash(entryOf(index)), index, seen, await log.inclusion(index, seen.size))
    }
    await fc.assert(fc.asyncProperty(cases, check), { seed: 1, numRuns: LONG ? 1000 : 150 })
  })

  test('keeps no part of what is there as a whole', async () => {
    const { length } = (await readdir(join(path, 'grown', 'tile', '0'), { recursive: true })).filter(name =>
      name.endsWith('.p'),
    )
    expect(length).toBe(SIZE % 256 === 0 ? 0 : 1)
  })

  test('proves nothing about what is not there', async () => {
    await expect(log.inclusion(SIZE)).rejects.toThrow(code('log.proof'))
    await expect(log.inclusion(3, 3)).rejects.toThrow(code('log.proof'))
    await expect(log.inclusion(0, SIZE + 1)).rejects.toThrow(code('log.proof'))
    await expect(log.inclusion(-1)).rejects.toThrow(code('log.proof'))
    await expect(log.inclusion(0.5)).rejects.toThrow(code('log.proof'))
    await expect(log.consistency(SIZE, SIZE - 1)).rejects.toThrow(code('log.proof'))
    await expect(log.entry(SIZE)).rejects.toThrow(code('log.proof'))
  })
})

test('roots are those of RFC 6962 whatever the batches', async () => {
  const batches = fc.array(fc.oneof(fc.constantFrom(1, 255, 256, 257), fc.nat(600)), {
    minLength: 1,
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(batches, async widths => {
      const { disk: memory } = FaultDisk.make({ model: 'ordered', folder: '/data' })
      const log = await Log.open({ disk: memory, folder: '/data', name: NAME, key })
      for (const width of widths) await log.append(entries(log.size, log.size + width))
      const leaves = entries(0, log.size).map(leafHash)
      expect(Buffer.from(log.root).toString('hex')).toBe(Buffer.from(rootOf(leaves)).toString('hex'))
      await verifyLog(memory, '/data', headOf(log))
    }),
    { seed: 1, numRuns: 25 },
  )
})

describe('at the start', () => {
  const tile = (name: string) => join(path, 'mend', 'tile', name)
  let log: Log
  beforeAll(async () => {
    log = await openAt('mend')
    await log.append(entries(0, 600))
  })

  test.each(['0/000', '0/001', '0/002.p/88', '1/000.p/2'])(
    'the tile %s is made again from the entries when it is torn or gone',
    async name => {
      for (const spoil of [() => writeFile(tile(name), 'torn'), () => rm(tile(name))]) {
        await spoil()
        // A full tile is not read at the start: then its edge must have gone, too, or a proof tells it.
        if (name.startsWith('0/00') && !name.includes('.p')) {
          await expect((await openAt('mend')).inclusion(name === '0/000' ? 3 : 300)).rejects.toThrow(
            code('log.tile'),
          )
          await rm(tile('1/000.p/2'))
        }
        await verifyLog(disk, join(path, 'mend'), headOf(await openAt('mend')))
      }
    },
  )

  test('entries under the head that are torn or gone are told, never made up', async () => {
    const folder = join(path, 'torn')
    const torn = await openAt('torn')
    await torn.append(entries(0, 300))
    const bundle = join(folder, 'tile/entries/001.p/44')
    await writeFile(bundle, Buffer.alloc(17, 1))
    await expect(openAt('torn')).rejects.toThrow(code('log.tile'))
    // Whole as a bundle, and of other entries.
    const others = entries(700, 744).flatMap(entry => [Buffer.from([0, entry.length]), entry])
    await writeFile(bundle, Buffer.concat(others))
    await expect(openAt('torn')).rejects.toThrow(code('log.root'))
    await rm(bundle)
    await expect(openAt('torn')).rejects.toThrow(code('log.tile'))
  })

  test('what lies beyond the head goes', async () => {
    const beyond = ['entries/002', '0/002', '0/003.p/9', '0/002.p/200', '1/001', '2/000.p/1']
    for (const name of beyond) {
      await mkdir(join(tile(name), '..'), { recursive: true })
      await writeFile(tile(name), 'beyond')
    }
    const again = await openAt('mend')
    const left = await readdir(join(path, 'mend', 'tile'), { recursive: true })
    expect(left.filter(name => beyond.includes(name))).toEqual([])
    await again.append(entries(600, 800))
    await verifyLog(disk, join(path, 'mend'), headOf(again), { before: headOf(log) })
  })

  test('another key, another name, or no head at all is not begun anew', async () => {
    await openAt('mine')
    const folder = join(path, 'mine')
    const other = generateKeyPairSync('ed25519').privateKey
    await expect(Log.open({ disk, folder, name: NAME, key: other })).rejects.toThrow(code('log.checkpoint'))
    await expect(Log.open({ disk, folder, name: 'another', key })).rejects.toThrow(code('log.checkpoint'))
    await (await openAt('mine')).append(entries(0, 1))
    await rm(join(folder, 'checkpoint'))
    await expect(openAt('mine')).rejects.toThrow(code('log.absent'))
  })
})

describe('a disk that fails', () => {
  test('while entries are written: nothing happened, and they may come again', async () => {
    const fault = FaultDisk.make({ model: 'any-order', folder: '/data' })
    const log = await Log.open({ disk: fault.disk, folder: '/data', name: NAME, key })
    await log.append(entries(0, 255))
    const before = log.checkpoint
    fault.faults.fails = ({ does, path: at }) =>
      does === 'fill' && at.includes('/tile/1/') ? 'ENOSPC' : undefined
    await expect(log.append(entries(255, 257))).rejects.toThrow('ENOSPC')
    expect(log.checkpoint).toBe(before)
    await log.inclusion(254)
    delete fault.faults.fails
    await log.append(entries(255, 260))
    await verifyLog(fault.disk, '/data', headOf(log))
  })

  test('while the head is written: the log is opened anew before it goes on', async () => {
    const fault = FaultDisk.make({ model: 'any-order', folder: '/data' })
    const options = { disk: fault.disk, folder: '/data', name: NAME, key }
    const log = await Log.open(options)
    // The new head has its name, and nobody knows whether it keeps it.
    let isRenamed = false
    fault.faults.fails = ({ does, path: at }) => {
      isRenamed ||= does === 'rename'
      return isRenamed && does === 'sync' && at === '/data' ? 'EIO' : undefined
    }
    await expect(log.append(entries(0, 3))).rejects.toThrow('EIO')
    delete fault.faults.fails
    await expect(log.append(entries(0, 1))).rejects.toThrow('EIO')
    const again = await Log.open(options)
    expect(again.size).toBe(3)
    await again.append(entries(3, 5))
    await verifyLog(fault.disk, '/data', headOf(again))
  })
})

test('cosignatures go under their own head, once, and not under a later one', async () => {
  const log = await openAt('cosigned')
  await log.append(entries(0, 3))
  const witness = generateKeyPairSync('ed25519').privateKey
  const verifies = readNoteKey(writeNoteKey('w.example/1', 'cosignature', witness))
  const text = log.checkpoint.slice(0, log.checkpoint.indexOf('\n\n') + 1)
  const line = cosignNote(text, 'w.example/1', witness, 1_700_000_000)
  expect(await log.cosigned(text, line)).toBe(true)
  expect(await log.cosigned(text, line)).toBe(true)
  expect(log.checkpoint.split(line)).toHaveLength(2)
  const again = await openAt('cosigned')
  expect(openCheckpoint(again.checkpoint, known, [verifies]).witnesses).toEqual(['w.example/1'])
  await again.append(entries(3, 4))
  expect(await again.cosigned(text, line)).toBe(false)
  expect(openCheckpoint(again.checkpoint, known, [verifies]).witnesses).toEqual([])
})

test('a witness that cosigns one head again and again leaves one line, and the log always opens', async () => {
  const log = await openAt('again')
  await log.append(entries(0, 3))
  const witness = generateKeyPairSync('ed25519').privateKey
  const text = log.checkpoint.slice(0, log.checkpoint.indexOf('\n\n') + 1)
  const lineAt = (time: number) => cosignNote(text, 'w.example/1', witness, time)
  for (let time = 1; time <= 100; time++) expect(await log.cosigned(text, lineAt(time))).toBe(true)
  expect(log.checkpoint.slice(text.length + 1).split('\n')).toHaveLength(3)
  expect(log.checkpoint.endsWith(lineAt(100))).toBe(true)
  // More witnesses than a note has room for: those that fit stay.
  for (let one = 0; one < 80; one++)
    await log.cosigned(text, cosignNote(text, `w.example/x${one}`, witness, 1))
  expect((await openAt('again')).checkpoint).toBe(log.checkpoint)
})

test('a head under which somebody has put too many lines is still the log’s own', async () => {
  const log = await openAt('crowded')
  await log.append(entries(0, 3))
  const crowd = Array.from(
    { length: 70 },
    (_, one) => `— w${one} ${Buffer.alloc(80, one).toString('base64')}\n`,
  )
  await writeFile(join(path, 'crowded', 'checkpoint'), log.checkpoint + crowd.join(''))
  const again = await openAt('crowded')
  expect(again.size).toBe(3)
  expect(again.checkpoint).toBe(log.checkpoint)
})

test('calls at once take turns', async () => {
  const log = await openAt('turns')
  await Promise.all([log.append(entries(0, 2)), log.append(entries(2, 3)), log.append(entries(3, 300))])
  expect(log.size).toBe(300)
  await verifyLog(disk, join(path, 'turns'), headOf(log))
  expect(await log.entry(299)).toEqual(entryOf(299))
})
