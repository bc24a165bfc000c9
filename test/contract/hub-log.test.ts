import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCheckpoint } from '../../log/checkpoint.ts'
import { entryOf } from '../../log/entry.ts'
import { checkConsistency, checkInclusion, leafHash } from '../../log/merkle.ts'
import { readNoteKey } from '../../log/note.ts'
import { logHeadAnswer, logKind } from '../../protocol/log.ts'
import { readStatement } from '../../protocol/statement.ts'
import { keyIdOf, readHubKey, readPinnedCa } from '../../wire/tls.ts'
import { call } from '../support/https-call.ts'
import { newSigner } from '../support/people.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

let world: TestHub
beforeAll(async () => {
  world = await startTestHub()
})
afterAll(() => world.close())

const get = (path: string) => call(world.hub.url, path)
const head = async (since = 0) =>
  logHeadAnswer.parse(JSON.parse((await get(`/log/head?since=${since}`)).body))
const hashes = (proof: readonly string[]) => proof.map(hash => new Uint8Array(Buffer.from(hash, 'base64')))

test('whoever asks is shown a log that the hub vouches for and that grows with every change', async () => {
  const first = await head()
  const { authorities } = await readPinnedCa(await world.client.ca(), world.hub.caId)
  const hub = await readHubKey(Buffer.from(first.hub, 'base64'), authorities)
  const { payload } = await readStatement(logKind, first.log, keyIdOf(hub))
  const key = readNoteKey(payload.key)
  expect(key.name).toMatch(/^ownlens-[a-z2-7]{26}$/)
  const before = openCheckpoint(first.checkpoint, key)
  const camera = await world.camera(await world.home())
  await camera.enrol()
  await world.hub.log.flush()
  const second = await head(before.size)
  const now = openCheckpoint(second.checkpoint, key)
  expect(now.size).toBe(before.size + 3)
  checkConsistency(before, now, hashes(second.consistency))
  expect(openCheckpoint((await get('/log/checkpoint')).body, key)).toEqual(now)
})

test('an answered change gets into the log by itself, and is proven there', async () => {
  const home = await world.home()
  const camera = newSigner()
  const { size } = world.hub.log.log
  const claim = await home.claim(camera, 1)
  await world.client.request(home.id, { action: 'claim', claim }, home.root)
  const { key } = world.hub.log
  const until = Date.now() + 5000
  const sizeNow = async () => openCheckpoint((await head()).checkpoint, readNoteKey(key)).size
  while ((await sizeNow()) <= size) if (Date.now() > until) throw new Error('nothing was logged')
  const now = openCheckpoint((await head()).checkpoint, readNoteKey(key))
  const entry = await world.hub.log.log.entry(now.size - 1)
  expect(JSON.parse(Buffer.from(entry).toString())).toMatchObject({ v: 1 })
  const { at, commitment } = JSON.parse(Buffer.from(entry).toString())
  checkInclusion(leafHash(entryOf({ at, commitment })), now.size - 1, now, [
    ...(await world.hub.log.log.inclusion(now.size - 1, now.size)),
  ])
  // Neither who nor what can be read in it.
  expect(Buffer.from(entry).toString()).not.toContain(camera.id)
})

test('files are served as they are, and nothing beside them', async () => {
  const { size } = world.hub.log.log
  const tile = await get(`/log/tile/0/000.p/${size}`)
  expect([tile.status, tile.body.length > 0]).toEqual([200, true])
  expect((await get(`/log/tile/entries/000.p/${size}`)).body).toContain('"commitment"')
  for (const path of [
    'tile/0/000.p/256',
    'tile/0/000.p/0',
    'tile/0/001',
    'tile/0/../../log.key',
    'tile/0/%2e%2e%2f%2e%2e%2flog.key',
    'tile/0/x000/../000',
    'tile/entries/000.p/1/../../../../log.key',
    'tile/64/000',
  ]) {
    const answer = await get(`/log/${path}`)
    expect([path, answer.status < 500 && answer.status >= 400, answer.body.includes('PRIVATE')]).toEqual([
      path,
      true,
      false,
    ])
  }
})

test('what is no size of the log is refused', async () => {
  await world.hub.log.flush()
  const { size } = world.hub.log.log
  for (const query of ['from=2&to=1', `from=0&to=${size + 1}`, 'from=-1&to=1', 'from=1', 'from=1&to=1&x=1'])
    expect((await get(`/log/consistency?${query}`)).code).toBe('hub.request')
  expect((await get(`/log/consistency?from=1&to=${size}`)).status).toBe(200)
  expect((await get('/log/head?since=1e3')).code).toBe('hub.request')
  // Whoever knows more than the hub is told what there is.
  expect((await head(size + 100)).consistency).toEqual([])
})
