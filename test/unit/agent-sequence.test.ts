import { expect, test } from 'vitest'
import { Sequence } from '../../agent/sequence.ts'
import type { Disk } from '../../storage/disk.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'

const HASH = (number: number) => String(number).padStart(64, '0')

const emptyDisk = (): Disk => FaultDisk.make({ model: 'ordered', folder: '/data' }).disk

test('numbers begin at 1 in an epoch, and grow', async () => {
  const disk = emptyDisk()
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
  const disk = emptyDisk()
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

test('a number whose writing failed is skipped', async () => {
  const disk = emptyDisk()
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
    const disk = emptyDisk()
    await disk.write('/data/sequence.json', Buffer.from(text))
    await expect(Sequence.open(disk, '/data', 1)).rejects.toMatchObject({ code: 'sequence.damaged' })
  },
)
