import { appendFile, chmod, mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ClipStore } from '../../deploy/hub/clip-store.ts'
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

describe('a clip store and its disk', () => {
  test('a restart finds everything again and clears away what was half written', async () => {
    const store = await openStore(disk, folder)
    const [clip, cut] = [new ClipMessages('home'), new ClipMessages('home')]
    for (const part of ClipMessages.PARTS) await store.take(clip.topic(part), clip.message(part))
    await store.take(cut.topic('open'), cut.message('open'))
    const before = await listed(store, 'home')
    await writeFile(join(folder, `${cut.path('0')}.new`), 'half')
    await writeFile(join(folder, cut.path('notes.txt')), 'of somebody')
    await mkdir(join(folder, 'lost+found'))
    await mkdir(join(folder, anId('home'), '007', 'x'), { recursive: true })

    const again = await openStore(disk, folder)
    const after = await listed(again, 'home')
    const by = (clips: typeof before) =>
      clips
        .map(({ receivedAt, ...rest }) => ({ ...rest, parts: [...rest.parts].sort() }))
        .sort((a, b) => (a.clipId < b.clipId ? -1 : 1))
    expect(by(after)).toEqual(by(before))
    expect(await readdir(join(folder, cut.path('.')))).toEqual(['notes.txt', 'open'])
    expect(await again.take(cut.topic('0'), cut.message('0'))).toBe(cut.hash('0'))
  })

  test('a part that the disk has spoilt is taken anew', async () => {
    const first = await openStore(disk, folder)
    const clip = new ClipMessages('home')
    for (const part of ['0', '1', 'end']) await first.take(clip.topic(part), clip.message(part))
    await truncate(join(folder, clip.path('0')), 100)
    await appendFile(join(folder, clip.path('1')), 'x')
    await truncate(join(folder, clip.path('end')), 3)
    const store = await openStore(disk, folder)
    expect(await listed(store, 'home')).toMatchObject([{ complete: false }])
    for (const part of ClipMessages.PARTS)
      expect(await store.take(clip.topic(part), clip.message(part))).toBe(clip.hash(part))
    expect(await listed(store, 'home')).toMatchObject([{ complete: true }])
    for (const part of ClipMessages.PARTS)
      expect(Buffer.from(await store.read(clip, clip.clipId, part)).equals(clip.message(part))).toBe(true)
  })

  test('a full disk takes nothing, keeps what it has, and goes on when there is room', async () => {
    const full = FaultDisk.make({ model: 'ordered', folder: '/data', maxBytes: 2000 })
    const store = await openStore(full.disk, '/data/clips')
    const clip = new ClipMessages('home')
    expect(await store.take(clip.topic('open'), clip.message('open'))).toBe(clip.hash('open'))
    const large = Buffer.alloc(4000)
    expect(await store.take(clip.topic('0'), clip.message('0', large))).toBeUndefined()
    const next = new ClipMessages('home')
    expect(await store.take(next.topic('0'), next.message('0', large))).toBeUndefined()
    expect(refusals(store)).toEqual({ 'store.disk': 2 })
    // Nothing half written takes up the room that is left, and nothing is listed that is not there.
    expect(await full.disk.list(dirname(`/data/clips/${clip.path('open')}`))).toEqual(['open'])
    expect(await listed(store, 'home')).toMatchObject([{ parts: ['open'] }])
    full.faults.maxBytes = 10_000
    expect(await store.take(clip.topic('0'), clip.message('0', large))).toBeDefined()
    expect(await listed(store, 'home')).toMatchObject([{ parts: ['open', '0'] }])
  })

  test.runIf(process.getuid?.() !== 0)('a folder that may not be written is a full disk', async () => {
    const store = await openStore(disk, folder)
    await chmod(folder, 0o500)
    const clip = new ClipMessages('home')
    expect(await store.take(clip.topic('open'), clip.message('open'))).toBeUndefined()
    expect(refusals(store)).toEqual({ 'store.disk': 1 })
    await chmod(folder, 0o700)
  })
})
