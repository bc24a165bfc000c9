import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LostClips, Outbox } from '../../agent/outbox.ts'
import type { ClipKey, OutboxItem } from '../../agent/outbox-files.ts'
import type { SealedPart } from '../../agent/seal.ts'
import { codeOf } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import { type Disk, disk } from '../../storage/disk.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import { temporaryFolder } from '../support/places.ts'

let data: string
let remove: () => Promise<void>
let lost: LostClips[]

beforeEach(async () => {
  const made = await temporaryFolder()
  data = made.path
  remove = made.remove
  lost = []
})
afterEach(() => remove())

const open = (on: Disk = disk, maxBytes = 2 ** 30, at = data): Promise<Outbox> =>
  Outbox.open(on, at, { maxBytes, lost: async clip => void lost.push(clip) })
const keyOf = (counter: number): ClipKey => ({ epoch: 1, counter, clipId: base32(randomBytes(16)) })

async function* parts(count: number, bytes = 1000): AsyncGenerator<SealedPart> {
  yield { name: 'open', kind: 'open', payload: randomBytes(bytes) }
  for (let number = 0; number < count; number++)
    yield { name: String(number), kind: 'video', payload: randomBytes(bytes) }
  const counts = { video: count, hashes: 0, thumb: 0 }
  yield { name: 'end', kind: 'end', payload: randomBytes(bytes), parts: counts }
}

/** Everything that waits, in the order in which it would be sent. */
function waiting(outbox: Outbox): readonly OutboxItem[] {
  const seen = new Set<OutboxItem>()
  for (let item = outbox.next(seen); item !== undefined; item = outbox.next(seen)) seen.add(item)
  return [...seen]
}

/** As a publisher does it that reaches its hub. */
async function sendAll(outbox: Outbox): Promise<void> {
  for (let item = outbox.next(new Set()); item !== undefined; item = outbox.next(new Set()))
    await outbox.remove(item)
}

const names = (outbox: Outbox) =>
  waiting(outbox).map(item => (item.kind === 'part' ? `${item.clip.counter}/${item.part}` : item.kind))

test('what was put in comes out oldest first, messages before clips, and nothing is left behind', async () => {
  const outbox = await open()
  await outbox.put(keyOf(1), parts(2))
  await outbox.put(keyOf(2), parts(0))
  await outbox.putMessage('alert', randomBytes(10))
  expect(names(outbox)).toEqual(['alert', '1/open', '1/0', '1/1', '1/end', '2/open', '2/end'])
  expect([outbox.clips, outbox.bytes > 6000]).toEqual([2, true])
  const drained = outbox.drained({ signal: new AbortController().signal })
  await sendAll(outbox)
  await drained
  expect([outbox.clips, outbox.bytes]).toEqual([0, 0])
  expect(await readdir(join(data, 'outbox/clips'))).toEqual([])
  expect(await readdir(join(data, 'outbox/messages'))).toEqual([])
})

test('a restart takes up what was left, in the same order, and numbers go on', async () => {
  const outbox = await open()
  for (const counter of [9, 10, 11]) await outbox.put(keyOf(counter), parts(11))
  for (const kind of ['gap', 'alert'] as const) await outbox.putMessage(kind, randomBytes(10))
  const before = names(outbox)
  const again = await open()
  expect(names(again)).toEqual(before)
  expect(again.bytes).toBe(outbox.bytes)
  await again.putMessage('gap', randomBytes(10))
  expect(names(again).slice(0, 3)).toEqual(['gap', 'alert', 'gap'])
})

test('parts can be sent while the clip is still being recorded', async () => {
  const outbox = await open()
  let more: () => void = () => undefined
  const slow = async function* (): AsyncGenerator<SealedPart> {
    yield { name: 'open', kind: 'open', payload: randomBytes(10) }
    await new Promise<void>(resolve => {
      more = resolve
    })
    yield { name: '0', kind: 'video', payload: randomBytes(10) }
  }
  const put = outbox.put(keyOf(1), slow())
  await expect.poll(() => names(outbox)).toEqual(['1/open'])
  await sendAll(outbox)
  // The clip is not over with that.
  expect(outbox.clips).toBe(1)
  more()
  await put
  expect(names(outbox)).toEqual(['1/0'])
  await sendAll(outbox)
  expect(outbox.clips).toBe(0)
})

test('over the budget the oldest clip gives way whole, and is told as lost', async () => {
  const outbox = await open(disk, 20_000)
  for (const counter of [1, 2, 3, 4]) await outbox.put(keyOf(counter), parts(3))
  expect(outbox.bytes).toBeLessThanOrEqual(20_000)
  expect(new Set(names(outbox).map(name => name.split('/')[0]))).toEqual(new Set(['2', '3', '4']))
  expect(lost).toEqual([{ epoch: 1, from: 1, to: 1, cause: 'outbox_full' }])
  expect(await readdir(join(data, 'outbox/clips'))).toHaveLength(3)
})

test('a clip that alone is over the budget is cut short, and told once; the next one finds room', async () => {
  const outbox = await open(disk, 20_000)
  await expect(outbox.put(keyOf(1), parts(40))).rejects.toMatchObject({ code: 'outbox.full' })
  expect(outbox.bytes).toBeLessThanOrEqual(20_000)
  expect(names(outbox)[0]).toBe('1/open')
  await outbox.put(keyOf(2), parts(3))
  expect(names(outbox)).toHaveLength(5)
  expect(lost).toEqual([{ epoch: 1, from: 1, to: 1, cause: 'outbox_full' }])
})

test('clips that are recorded at the same time: the older one gives way, and is told once', async () => {
  const outbox = await open(disk, 20_000)
  const results = await Promise.allSettled([1, 2, 3].map(counter => outbox.put(keyOf(counter), parts(8))))
  const failed = results.flatMap(({ status }, index) => (status === 'rejected' ? [index + 1] : []))
  for (const result of results)
    if (result.status === 'rejected') expect(codeOf(result.reason)).toBe('outbox.full')
  expect(failed.length).toBeGreaterThan(0)
  expect(lost.map(({ from }) => from).sort()).toEqual([...new Set(lost.map(({ from }) => from))].sort())
  expect(lost.map(({ from }) => from).sort()).toEqual(failed)
  expect(outbox.bytes).toBeLessThanOrEqual(20_000)
  // What it says it has, it has.
  for (const item of waiting(outbox)) expect(await outbox.read(item)).toBeDefined()
})

test('of more than 256 messages the oldest give way', async () => {
  const outbox = await open()
  for (let count = 0; count < 260; count++) await outbox.putMessage('alert', Buffer.from(String(count)))
  const held = waiting(outbox)
  expect(held).toHaveLength(256)
  const first = held[0]
  expect(first && String(await outbox.read(first))).toBe('4')
})

test('sealing that fails leaves what was sealed', async () => {
  const outbox = await open()
  const broken = async function* (): AsyncGenerator<SealedPart> {
    yield { name: 'open', kind: 'open', payload: randomBytes(10) }
    throw new Error('the encoder broke')
  }
  await expect(outbox.put(keyOf(1), broken())).rejects.toThrow('the encoder broke')
  expect(names(outbox)).toEqual(['1/open'])
  expect(lost).toEqual([])
})

test('torn and foreign files are not taken up, and torn ones are removed', async () => {
  const outbox = await open()
  await outbox.put(keyOf(1), parts(1))
  const [folder = ''] = await readdir(join(data, 'outbox/clips'))
  const at = join(data, 'outbox/clips', folder)
  await writeFile(join(at, '000009.1.new'), 'torn')
  await writeFile(join(at, 'notes.txt'), 'foreign')
  await writeFile(join(data, 'outbox/messages/000000001.alert.new'), 'torn')
  await writeFile(join(data, 'outbox/messages/readme'), 'foreign')
  await mkdir(join(data, 'outbox/clips/holiday'))
  const again = await open()
  expect(names(again)).toEqual(['1/open', '1/0', '1/end'])
  expect(await readdir(at)).not.toContain('000009.1.new')
  expect(await readdir(join(data, 'outbox/messages'))).toEqual(['readme'])
  await sendAll(again)
  expect(again.clips).toBe(0)
})

test('a part that the disk spoilt is told with its clip, once', async () => {
  const outbox = await open()
  await outbox.put(keyOf(7), parts(2))
  const [first, second] = waiting(outbox)
  for (const item of [first, second]) {
    if (item === undefined) throw new Error('nothing waits')
    await truncate(item.path, 100)
    await outbox.removeSpoilt(item)
  }
  expect(names(outbox)).toEqual(['7/1', '7/end'])
  expect(lost).toEqual([{ epoch: 1, from: 7, to: 7, cause: 'disk' }])
})

test('a disk that takes nothing is a failure of its own name, told as lost', async () => {
  const outbox = await open()
  const full: Disk = {
    ...disk,
    write: async () => Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' })),
  }
  const on = await Outbox.open(full, data, { maxBytes: 2 ** 30, lost: async clip => void lost.push(clip) })
  await expect(on.put(keyOf(3), parts(1))).rejects.toMatchObject({ code: 'outbox.disk', detail: 'ENOSPC' })
  expect(lost).toEqual([{ epoch: 1, from: 3, to: 3, cause: 'disk' }])
  expect(on.clips).toBe(0)
  expect(outbox.clips).toBe(0)
})

test('its files are readable by their owner alone', async () => {
  const outbox = await open()
  await outbox.put(keyOf(1), parts(1))
  for (const item of waiting(outbox)) expect((await stat(item.path)).mode & 0o077).toBe(0)
  expect((await stat(join(data, 'outbox'))).mode & 0o077).toBe(0)
})

test('on a full disk a clip gives way all the same, and is told when that has made room', async () => {
  const full = FaultDisk.make({ model: 'ordered', folder: '/data' })
  const told: LostClips[] = []
  const outbox: Outbox = await Outbox.open(full.disk, '/data', {
    maxBytes: 17_500,
    lost: async clip => {
      await outbox.putMessage('gap', randomBytes(500))
      told.push(clip)
    },
  })
  for (const counter of [1, 2, 3]) await outbox.put(keyOf(counter), parts(3))
  full.faults.maxBytes = outbox.bytes
  await outbox.put(keyOf(4), parts(1))
  expect(told).toEqual([{ epoch: 1, from: 1, to: 1, cause: 'outbox_full' }])
  expect(names(outbox)[0]).toBe('gap')
})

test('what a power cut left of a clip that gave way is removed', async () => {
  const before = await open()
  for (const counter of [1, 2]) await before.put(keyOf(counter), parts(1))
  const clips = join(data, 'outbox/clips')
  const [first = ''] = await readdir(clips)
  await rename(join(clips, first), join(clips, `${first}.gone`))
  expect(names(await open())).toEqual(['2/open', '2/0', '2/end'])
  expect(await readdir(clips)).toHaveLength(1)
})
