import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Deletions } from '../../deploy/hub/deletions.ts'
import { deletionKind } from '../../protocol/deletion.ts'
import { base32 } from '../../protocol/ids.ts'
import { writePart } from '../../protocol/part.ts'
import { makeStatement } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import { newClipId, openingPart } from '../support/broker-world.ts'
import { everyCut } from '../support/faults/every-cut.ts'
import { call } from '../support/https-call.ts'
import type { Home } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { anId, ClipMessages, openStore } from '../support/stored-clips.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

const silent = pino({ level: 'silent' })
const wordOf = (home: string, clips: readonly string[], member = newSigner()) => ({
  member,
  word: makeStatement(
    deletionKind,
    { householdId: home, memberId: member.id, clips: [...clips], issuedAt: new Date().toISOString() },
    member,
  ),
})

describe('at the hub', () => {
  let world: TestHub
  let home: Home
  let camera: Camera
  let member: TlsIdentity
  beforeAll(async () => {
    world = await startTestHub()
    home = await world.home()
    camera = await world.camera(home)
    member = (await world.member(home)).tls
  })
  afterAll(() => world.close())

  const store = async () => {
    const clipId = newClipId()
    expect(await world.hub.store.take(`${camera.topic}/clip/${clipId}/open`, openingPart())).toBeDefined()
    return clipId
  }
  const send = async (by: Home, clips: readonly string[], changed = {}) => {
    const payload = { householdId: home.id, memberId: by.founder.id, clips: [...clips] }
    const said = { ...payload, issuedAt: new Date().toISOString(), ...changed }
    const deletion = await makeStatement(deletionKind, said, by.founder)
    return world.client.request(by.id, { action: 'delete', deletion }, by.founder)
  }
  const path = (clipId: string) => `/clips/${home.id}/1/${camera.id}/${clipId}/open`
  const get = (clipId: string, headers: Record<string, string> = {}) =>
    call(world.hub.url, path(clipId), { tls: member, headers })

  test('a member deletes clips of the home, for good: a camera that sends one again is thanked, and it stays away', async () => {
    const [gone, stays] = [await store(), await store()]
    expect(await send(home, [gone, newClipId()])).toEqual({ deleted: 1 })
    expect((await get(gone)).code).toBe('store.absent')
    expect((await get(stays)).status).toBe(200)
    expect(await world.hub.store.take(`${camera.topic}/clip/${gone}/open`, openingPart())).toBeDefined()
    expect((await get(gone)).code).toBe('store.absent')
    expect(await send(home, [gone])).toEqual({ deleted: 0 })
  })

  test('nobody else does, in whatever name', async () => {
    const clip = await store()
    const other = await world.home()
    expect(await codeFrom(send(other, [clip]))).toBe('statement.signer')
    expect(await send(other, [clip], { householdId: other.id })).toEqual({ deleted: 0 })
    expect(await codeFrom(send({ ...other, id: home.id } as Home, [clip]))).toBe('hub.household')
    expect(await codeFrom(send(home, [clip], { memberId: other.founder.id }))).toBe('statement.signer')
    expect((await get(clip)).status).toBe(200)
  })

  test('a range of a part is handed out as it was asked for, and nothing beyond it (RFC 9110)', async () => {
    const clip = newClipId()
    const part = writePart('open', Buffer.from('text, so that its bytes can be compared as text'))
    await world.hub.store.take(`${camera.topic}/clip/${clip}/open`, part)
    const whole = await get(clip)
    const bytes = Buffer.from(whole.body)
    const etag = String(whole.headers.etag)
    expect(whole.headers['accept-ranges']).toBe('bytes')
    const range = async (text: string, more = {}) => {
      const { status, body, headers } = await get(clip, { range: text, ...more })
      return [status, body, headers['content-range']]
    }
    const size = bytes.length
    expect(await range('bytes=0-3')).toEqual([206, bytes.subarray(0, 4).toString(), `bytes 0-3/${size}`])
    expect(await range('bytes=-2')).toEqual([
      206,
      bytes.subarray(-2).toString(),
      `bytes ${size - 2}-${size - 1}/${size}`,
    ])
    expect(await range(`bytes=5-${size + 100}`)).toEqual([
      206,
      bytes.subarray(5).toString(),
      `bytes 5-${size - 1}/${size}`,
    ])
    expect(await range(`bytes=${size}-`)).toEqual([416, '', `bytes */${size}`])
    // Several, another unit, nonsense, or another state than the one that it has a part of: all of it.
    for (const text of ['bytes=0-1,4-5', 'lines=0-1', 'nonsense'])
      expect(await range(text)).toEqual([200, whole.body, undefined])
    expect(await range('bytes=0-1', { 'if-range': '"another"' })).toEqual([200, whole.body, undefined])
    expect((await range('bytes=0-1', { 'if-range': etag }))[0]).toBe(206)
    expect((await get(clip, { 'if-none-match': etag })).status).toBe(304)
  })
})

test('whenever the power goes: what was said to be deleted stays away, what was acknowledged stays', async () => {
  const member = newSigner()
  const home = anId('home')
  const [gone, stays] = [new ClipMessages('home'), new ClipMessages('home')]
  const { word } = wordOf(home, [gone.clipId], member)
  const open = async (disk: Disk) => {
    const deletions = await Deletions.open(disk, '/data/deleted', silent)
    const deleted = (household: string, clipId: string) => deletions.has(household, clipId)
    return { deletions, store: await openStore(disk, '/data/clips', { deleted }) }
  }
  interface Notes {
    deleted: boolean
    readonly acknowledged: Set<string>
  }
  const cuts = await everyCut<Notes>({
    async prepare() {
      return { deleted: false, acknowledged: new Set() }
    },
    async life(disk, notes) {
      const { deletions, store } = await open(disk)
      for (const clip of [gone, stays])
        for (const part of ['open', '0'])
          if ((await store.take(clip.topic(part), clip.message(part))) !== undefined && clip === stays)
            notes.acknowledged.add(part)
      await store.delete(home, await deletions.keep(home, member.id, await word))
      notes.deleted = true
    },
    async check(disk, notes) {
      const { store } = await open(disk)
      const { clips } = await store.list(home, '', 10)
      const of = (clip: ClipMessages) => clips.find(({ clipId }) => clipId === clip.clipId)
      for (const part of notes.acknowledged) expect(of(stays)?.parts).toContain(part)
      if (!notes.deleted) return
      expect(of(gone)).toBeUndefined()
      expect(await store.take(gone.topic('0'), gone.message('0'))).toBe(gone.hash('0'))
      expect((await store.list(home, '', 10)).clips.some(({ clipId }) => clipId === gone.clipId)).toBe(false)
    },
  })
  expect(cuts).toBeGreaterThan(50)
}, 120_000)

test('a store from a backup is rid of what was deleted since; words that do not hold count for nothing', async () => {
  const { FaultDisk } = await import('../support/faults/fault-disk.ts')
  const { disk } = FaultDisk.make({ model: 'ordered', folder: '/data' })
  const clip = new ClipMessages('home')
  const { member, word } = wordOf(clip.householdId, [clip.clipId])
  const store = await openStore(disk, '/data/clips')
  await store.take(clip.topic('0'), clip.message('0'))
  const deletions = await Deletions.open(disk, '/data/deleted', silent)
  await deletions.keep(clip.householdId, member.id, await word)
  const foreign = wordOf(clip.householdId, [base32(randomBytes(16))])
  await expect(deletions.keep(anId('other'), foreign.member.id, await foreign.word)).rejects.toMatchObject({
    code: 'statement.signer',
  })
  await disk.write(`/data/deleted/${clip.householdId}/${'0'.repeat(64)}.jws`, Buffer.from('no word'))
  const again = await Deletions.open(disk, '/data/deleted', silent)
  expect(again.has(clip.householdId, clip.clipId)).toBe(true)
  const restored = await openStore(disk, '/data/clips', { deleted: (home, id) => again.has(home, id) })
  expect((await restored.list(clip.householdId, '', 10)).clips).toEqual([])
  await again.forget(clip.householdId)
  expect((await Deletions.open(disk, '/data/deleted', silent)).has(clip.householdId, clip.clipId)).toBe(false)
})
