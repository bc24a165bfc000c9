import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cursorOf } from '../../deploy/hub/clip-shelf.ts'
import { type ClipStore, PARTS_MAX } from '../../deploy/hub/clip-store.ts'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { disk } from '../../storage/disk.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import { temporaryFolder } from '../support/places.ts'
import { anId, ClipMessages, openStore } from '../support/stored-clips.ts'

let folder: string
let remove: () => Promise<void>
beforeEach(async () => {
  const made = await temporaryFolder()
  folder = join(made.path, 'clips')
  remove = made.remove
})
afterEach(() => remove())

const listed = async (store: ClipStore, home: string) => (await store.list(anId(home), '', 500)).clips
const refusals = (store: ClipStore) => Object.fromEntries(store.refused)

describe('a clip store', () => {
  test('writes parts as they came, says their hash, and gives them back', async () => {
    const store = await openStore(disk, folder)
    const clip = new ClipMessages('home')
    for (const part of ClipMessages.PARTS) {
      expect(await store.take(clip.topic(part), clip.message(part))).toBe(clip.hash(part))
      const bytes = await readFile(join(folder, clip.path(part)))
      expect(bytes.equals(clip.message(part))).toBe(true)
      expect(Buffer.from(await store.read(clip, clip.clipId, part)).equals(bytes)).toBe(true)
      expect((await listed(store, 'home'))[0]?.complete).toBe(part === 'end')
    }
    expect(await listed(store, 'home')).toMatchObject([
      { epoch: 1, deviceId: clip.deviceId, clipId: clip.clipId, complete: true, parts: ClipMessages.PARTS },
    ])
  })

  test('takes the same part again, and never other bytes under its name', async () => {
    const store = await openStore(disk, folder)
    const clip = new ClipMessages('home')
    const first = clip.message('0')
    expect(await store.take(clip.topic('0'), first)).toBe(clip.hash('0'))
    expect(await store.take(clip.topic('0'), first)).toBe(clip.hash('0'))
    expect(await store.take(clip.topic('0'), clip.message('0', Buffer.from('other')))).toBeUndefined()
    expect(refusals(store)).toEqual({ 'store.conflict': 1 })
    expect((await readFile(join(folder, clip.path('0')))).equals(first)).toBe(true)
    // After a restart, too.
    const again = await openStore(disk, folder)
    expect(await again.take(clip.topic('0'), clip.message('0', Buffer.from('other')))).toBeUndefined()
    expect(await again.take(clip.topic('0'), first)).toBe(clip.hash('0'))
  })

  test('refuses what is malformed, by code, and keeps nothing of it', async () => {
    const store = await openStore(disk, folder)
    const clip = new ClipMessages('home')
    const whole = clip.message('0')
    const flipped = Uint8Array.from(whole)
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
    const refused: [string, Uint8Array, string][] = [
      ['0', flipped, 'part.hash'],
      ['0', whole.subarray(0, -1), 'part.frame'],
      ['0', Buffer.concat([whole, Buffer.from('x')]), 'part.frame'],
      ['0', Buffer.alloc(0), 'part.frame'],
      ['0', Buffer.alloc(MESSAGE_MAX + 1), 'part.size'],
      ['h0', whole, 'store.part'],
      ['end', whole, 'store.part'],
      ['open', whole, 'store.part'],
    ]
    for (const [part, message, code] of refused) {
      store.refused.clear()
      expect(await store.take(clip.topic(part), message), code).toBeUndefined()
      expect(refusals(store)).toEqual({ [code]: 1 })
    }
    for (const part of ['01', '-1', '100000', 'h', 'open2', '..', '../x', 'x', ''])
      expect(await store.take(clip.topic(part), whole)).toBeUndefined()
    expect(await listed(store, 'home')).toEqual([])
    expect(await readdir(folder)).toEqual([])
  })

  test('refuses a device that is not this household’s now, whatever it sent before', async () => {
    let claimed = true
    const store = await openStore(disk, folder, { claimed: async () => claimed })
    const clip = new ClipMessages('home')
    await store.take(clip.topic('open'), clip.message('open'))
    claimed = false
    expect(await store.take(clip.topic('0'), clip.message('0'))).toBeUndefined()
    expect(refusals(store)).toEqual({ 'store.claim': 1 })
    // The home keeps what it had.
    expect(await listed(store, 'home')).toMatchObject([{ parts: ['open'] }])
  })

  test('lists each home its own clips alone, page by page, in the order in which they came', async () => {
    const store = await openStore(disk, folder)
    const clips = Array.from({ length: 7 }, () => new ClipMessages('home'))
    for (const clip of clips) await store.take(clip.topic('open'), clip.message('open'))
    const foreign = new ClipMessages('other')
    await store.take(foreign.topic('open'), foreign.message('open'))

    const seen: string[] = []
    let after = ''
    for (;;) {
      const page = await store.list(anId('home'), after, 3)
      seen.push(...page.clips.map(clip => clip.clipId))
      expect(page.clips.length).toBeLessThanOrEqual(3)
      const last = page.clips.at(-1)
      if (!page.more || last === undefined) break
      after = cursorOf(last)
    }
    expect(seen.sort()).toEqual(clips.map(clip => clip.clipId).sort())
    expect(await listed(store, 'other')).toHaveLength(1)
    expect(await listed(store, 'nobody')).toEqual([])
    const order = (await listed(store, 'home')).map(cursorOf)
    expect(order).toEqual([...order].sort())
    // A clip is found under its own address only.
    const elsewhere = { householdId: anId('other'), epoch: 1, deviceId: clips[0]?.deviceId ?? '' }
    await expect(store.read(elsewhere, clips[0]?.clipId ?? '', 'open')).rejects.toMatchObject({
      code: 'store.absent',
    })
  })

  test('reads nothing but parts, whatever the name', async () => {
    const store = await openStore(disk, folder)
    const clip = new ClipMessages('home')
    await store.take(clip.topic('open'), clip.message('open'))
    await writeFile(join(folder, '..', 'secret'), 'secret')
    for (const part of ['../open', '../../../../../secret', 'open/../open', '.', '', 'OPEN', 'open.new', '0'])
      await expect(store.read(clip, clip.clipId, part)).rejects.toMatchObject({ code: 'store.absent' })
    for (const clipId of ['..', '.', '', `${clip.clipId}/../${clip.clipId}`])
      await expect(store.read(clip, clipId, 'open')).rejects.toMatchObject({ code: 'store.absent' })
  })

  test('a home has its share and no more, with many clips at once, too', async () => {
    const share = 300 * 1024
    const store = await openStore(disk, folder, { maxBytes: share })
    const clips = Array.from({ length: 12 }, () => new ClipMessages('home'))
    const payload = Buffer.alloc(40 * 1024, 7)
    const taken = await Promise.all(
      clips.map(clip => store.take(clip.topic('0'), clip.message('0', payload))),
    )
    // All came at once: none of them was there yet to give way.
    const kept = taken.filter(hash => hash !== undefined).length
    expect(kept).toBeGreaterThanOrEqual(6)
    expect(kept + (store.refused.get('store.full') ?? 0)).toBe(12)
    expect((await listed(store, 'home')).length).toBeLessThanOrEqual(6)
    // Another home has its own.
    const other = new ClipMessages('other')
    expect(await store.take(other.topic('0'), other.message('0'))).toBe(other.hash('0'))
    // A restart counts the same.
    const again = await openStore(disk, folder, { maxBytes: share })
    const late = new ClipMessages('home')
    expect(await again.take(late.topic('0'), late.message('0', payload))).toBeDefined()
    expect((await listed(again, 'home')).length).toBeLessThanOrEqual(6)
    expect(await listed(again, 'other')).toHaveLength(1)
  })

  test('over its share the oldest clips of the home give way, whole; a clip larger than the share is refused', async () => {
    const store = await openStore(disk, folder, { maxBytes: 300 * 1024 })
    const payload = Buffer.alloc(40 * 1024, 7)
    const clips = Array.from({ length: 10 }, () => new ClipMessages('home'))
    for (const clip of clips)
      expect(await store.take(clip.topic('0'), clip.message('0', payload))).toBeDefined()
    const left = (await listed(store, 'home')).map(({ clipId }) => clipId)
    expect(left).toEqual(clips.slice(-6).map(({ clipId }) => clipId))
    for (const clip of clips.slice(0, 4)) {
      await expect(store.read(clip, clip.clipId, '0')).rejects.toMatchObject({ code: 'store.absent' })
      expect(await readdir(join(folder, clip.path('.'))).catch(() => 'gone')).toBe('gone')
    }
    const large = new ClipMessages('home')
    const parts = Array.from({ length: 8 }, (_, index) => `${index}`)
    for (const part of parts) await store.take(large.topic(part), large.message(part, payload))
    expect(refusals(store)).toEqual({ 'store.full': 2 })
    expect((await listed(store, 'home')).map(({ clipId }) => clipId)).toEqual([large.clipId])
  })

  test('what is older than is kept goes, in every home; a restart knows how old it is', async () => {
    const store = await openStore(disk, folder, { keepMs: 60_000 })
    const [old, young] = [new ClipMessages('home'), new ClipMessages('other')]
    await store.take(old.topic('0'), old.message('0'))
    const past = new Date(Date.now() - 3_600_000)
    await utimes(join(folder, old.path('0')), past, past)
    await store.take(young.topic('0'), young.message('0'))
    expect(await store.expire(new Date())).toBe(0)
    const again = await openStore(disk, folder, { keepMs: 60_000 })
    expect(await again.expire(new Date())).toBe(1)
    expect([await listed(again, 'home'), (await listed(again, 'other')).length]).toEqual([[], 1])
    expect(await (await openStore(disk, folder)).expire(new Date(Date.now() + 1e12))).toBe(0)
  })

  test('every part is read at the start: what the disk has spoilt is set aside, and never handed out', async () => {
    const first = await openStore(disk, folder)
    const [spoilt, whole] = [new ClipMessages('home'), new ClipMessages('home')]
    for (const clip of [spoilt, whole])
      for (const part of ClipMessages.PARTS) await first.take(clip.topic(part), clip.message(part))
    const path = join(folder, spoilt.path('1'))
    const bytes = await readFile(path)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await writeFile(path, bytes)
    const store = await openStore(disk, folder)
    await expect(store.read(spoilt, spoilt.clipId, '1')).rejects.toMatchObject({ code: 'store.damaged' })
    const aside = join(folder, '..', 'aside')
    const { signal } = new AbortController()
    expect(await store.check(aside, { signal })).toEqual({ parts: 12, damaged: 1 })
    expect(await readdir(aside)).toEqual([`${spoilt.clipId}-1`])
    await expect(store.read(spoilt, spoilt.clipId, '1')).rejects.toMatchObject({ code: 'store.absent' })
    expect((await listed(store, 'home')).map(({ complete }) => complete).sort()).toEqual([false, true])
    // Its camera may have it still.
    expect(await store.take(spoilt.topic('1'), spoilt.message('1'))).toBe(spoilt.hash('1'))
    expect(await store.check(aside, { signal })).toEqual({ parts: 12, damaged: 0 })
  })

  test('a clip has so many parts and no more', async () => {
    const store = await openStore(FaultDisk.make({ model: 'ordered', folder: '/data' }).disk, '/data/clips')
    const clip = new ClipMessages('home')
    for (let index = 0; index < PARTS_MAX; index++)
      expect(await store.take(clip.topic(String(index)), clip.message(String(index)))).toBeDefined()
    expect(await store.take(clip.topic('end'), clip.message('end'))).toBeUndefined()
    expect(refusals(store)).toEqual({ 'store.limit': 1 })
    expect(await store.take(clip.topic('7'), clip.message('7'))).toBe(clip.hash('7'))
  })
})
