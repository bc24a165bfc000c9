import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sequence } from '../../agent/sequence.ts'
import { PowerDisk } from '../support/power-disk.ts'

const HASH = (number: number) => String(number).padStart(64, '0')

async function emptyDisk(): Promise<PowerDisk> {
  const disk = new PowerDisk()
  await disk.makeFolder('/data')
  await disk.syncFolder('/')
  return disk
}

test('numbers begin at 1 in an epoch, and grow', async () => {
  const disk = await emptyDisk()
  const sequence = await Sequence.open(disk, '/data', 1)
  expect([await sequence.take(), await sequence.take(), await sequence.take()]).toEqual([1, 2, 3])
  await sequence.finished(2, HASH(2))
  const again = await Sequence.open(disk, '/data', 1)
  expect(again.previous).toEqual({ counter: 2, sha256: HASH(2) })
  expect(await again.take()).toBe(4)
  const next = await Sequence.open(disk, '/data', 2)
  expect([next.previous, await next.take()]).toEqual([null, 1])
})

test('clips that begin and end at the same time each have their own number, and the newest end counts', async () => {
  const disk = await emptyDisk()
  const sequence = await Sequence.open(disk, '/data', 1)
  const taken: Promise<number>[] = []
  const finished: Promise<void>[] = []
  for (let clip = 1; clip <= 20; clip++) {
    taken.push(sequence.take())
    finished.push(sequence.finished(clip, HASH(clip)))
  }
  await Promise.all(finished)
  expect(await Promise.all(taken)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  const again = await Sequence.open(disk, '/data', 1)
  expect([await again.take(), again.previous?.counter]).toEqual([21, 20])
})

test('a number is never given twice, whenever the power goes and whatever chance leaves', async () => {
  const life = fc.array(
    fc.record({ clips: fc.integer({ min: 1, max: 6 }), cut: fc.integer({ min: 1, max: 40 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  await fc.assert(
    fc.asyncProperty(life, fc.infiniteStream(fc.boolean()), async (starts, coins) => {
      let disk = await emptyDisk()
      const given: number[] = []
      for (const { clips, cut } of starts) {
        disk.cut(cut)
        try {
          const sequence = await Sequence.open(disk, '/data', 1)
          for (let clip = 0; clip < clips; clip++) {
            const number = await sequence.take()
            given.push(number)
            await sequence.finished(number, HASH(number))
          }
        } catch {
          // The power went.
        }
        disk = disk.afterCut(() => coins.next().value)
      }
      expect(new Set(given).size).toBe(given.length)
      expect(given).toEqual([...given].sort((a, b) => a - b))
      // What was the newest manifest is one that was finished, or the one that was being finished.
      const { previous } = await Sequence.open(disk, '/data', 1)
      if (previous !== null) expect(previous.sha256).toBe(HASH(previous.counter))
    }),
  )
})

test('a number whose writing failed is skipped', async () => {
  const disk = await emptyDisk()
  const sequence = await Sequence.open(disk, '/data', 1)
  await sequence.take()
  const { syncFolder } = disk
  disk.syncFolder = () => Promise.reject(new Error('no room'))
  await expect(sequence.take()).rejects.toThrow('no room')
  await expect(sequence.finished(1, HASH(1))).rejects.toThrow('no room')
  expect(sequence.previous).toBeNull()
  disk.syncFolder = syncFolder
  expect(await sequence.take()).toBe(3)
})

test.each(['{', '{"epoch":1,"next":0,"previous":null}', '[]', ''])(
  'a damaged file is refused: %s',
  async text => {
    const disk = await emptyDisk()
    await disk.write('/data/sequence.json', Buffer.from(text))
    await expect(Sequence.open(disk, '/data', 1)).rejects.toMatchObject({ code: 'sequence.damaged' })
  },
)
