import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TlsIdentity } from '../../wire/tls.ts'
import { newClipId, openingPart } from '../support/broker-world.ts'
import { call, rawHttps } from '../support/https-call.ts'
import type { Home } from '../support/hub-people.ts'
import { gone } from '../support/mqtt-client.ts'
import { newSigner } from '../support/people.ts'
import { anId } from '../support/stored-clips.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

const DAY = 24 * 3600_000
let world: TestHub
let home: Home
let camera: Camera
let member: TlsIdentity
let stranger: TlsIdentity
let clipId: string

beforeAll(async () => {
  world = await startTestHub()
  home = await world.home()
  camera = await world.camera(home)
  member = (await world.member(home)).tls
  stranger = (await world.member(await world.home())).tls
  clipId = newClipId()
  await world.hub.store.take(`${camera.topic}/clip/${clipId}/open`, openingPart())
})
afterAll(() => world.close())

const get = (path: string, tls?: TlsIdentity) => call(world.hub.url, path, tls && { tls })
const part = () => `/clips/${home.id}/1/${camera.id}/${clipId}/open`
const own = () => [
  `/households/${home.id}/roster`,
  `/households/${home.id}/claims`,
  `/households/${home.id}/blocks`,
  `/households/${home.id}/notices`,
  `/households/${home.id}/status`,
  `/clips/${home.id}`,
  part(),
]

describe('what belongs to a household', () => {
  test('its members read it', async () => {
    for (const path of own()) expect((await get(path, member)).status).toBe(200)
    const { clips, next } = JSON.parse((await get(`/clips/${home.id}`, member)).body)
    expect(clips).toMatchObject([{ deviceId: camera.id, epoch: 1, clipId, parts: ['open'], complete: false }])
    expect(next).toBeNull()
  })

  test('nobody else does, and a household that does not exist looks the same', async () => {
    const { tls: device } = await (await world.camera(await world.home())).enrol()
    const answers = []
    for (const tls of [undefined, stranger, device])
      for (const path of own())
        for (const id of [home.id, anId('nobody')]) answers.push(await get(path.replace(home.id, id), tls))
    expect([...new Set(answers.map(({ body }) => body))]).toHaveLength(1)
    for (const { status, code } of answers) expect([status, code]).toEqual([403, 'hub.forbidden'])
  })

  test('its cameras read the roster and nothing else', async () => {
    const { tls } = await camera.enrol()
    const statuses = await Promise.all(own().map(async path => (await get(path, tls)).status))
    expect(statuses).toEqual([200, 403, 403, 403, 403, 403, 403])
  })

  test('a certificate that counts no more opens nothing: superseded, ended, member removed', async () => {
    const [mine, other] = [await world.home(), await world.home()]
    const second = await world.camera(mine)
    const { tls: before } = await second.enrol()
    const { tls: now } = await second.enrol()
    const roster = `/households/${mine.id}/roster`
    expect((await get(roster, before)).code).toBe('hub.forbidden')
    expect((await get(roster, now)).status).toBe(200)
    await world.release(second)
    await world.camera(other, { signer: second.signer, epoch: 3 })
    expect((await get(roster, now)).code).toBe('hub.forbidden')

    const guest = newSigner()
    const within = await mine.roster({ number: 2, prev: mine.first, members: [mine.founder, guest] })
    const send = (text: string) =>
      world.client.request(mine.id, { action: 'roster', roster: text, successions: [] }, mine.root)
    await send(within)
    const { tls } = await world.member(mine, guest)
    expect((await get(`/clips/${mine.id}`, tls)).status).toBe(200)
    await send(await mine.roster({ number: 3, prev: within }))
    expect((await get(`/clips/${mine.id}`, tls)).code).toBe('hub.forbidden')

    world.ahead = -2 * DAY
    const { tls: ended } = await world.member(mine)
    world.ahead = 0
    expect((await get(`/clips/${mine.id}`, ended)).code).toBe('hub.forbidden')
  })
})

describe('paths', () => {
  test('nothing but ids, numbers and part names reaches the disk', async () => {
    const bad = [
      '..',
      '.',
      '%2e%2e',
      '..%2f..%2fca%2fca.key.pem',
      '%00',
      'A'.repeat(52),
      'x'.repeat(190),
      "'",
      '%',
      '☃',
    ]
    const shapes = [
      (text: string) => `/clips/${text}`,
      (text: string) => `/clips/${home.id}/${text}/${camera.id}/${clipId}/open`,
      (text: string) => `/clips/${home.id}/1/${text}/${clipId}/open`,
      (text: string) => `/clips/${home.id}/1/${camera.id}/${text}/open`,
      (text: string) => `/clips/${home.id}/1/${camera.id}/${clipId}/${text}`,
      (text: string) => `/households/${text}/roster`,
      (text: string) => `/nonce?for=${text}&challenge=${clipId}`,
      (text: string) => `/nonce?for=${camera.id}&challenge=${text}`,
      (text: string) => `/clips/${home.id}?after=${text.repeat(50)}&limit=${text}`,
    ]
    for (const shape of shapes)
      for (const text of bad) {
        const { status, body } = await get(
          encodeURI(decodeURI(shape(text).replace(/%(?![0-9a-f]{2})/gi, '%25'))),
          member,
        )
        expect([400, 403, 404], `${shape(text)}: ${status} ${body}`).toContain(status)
        expect(body).not.toMatch(/BEGIN|node_modules|\/tmp\//)
      }
  })

  test.each(['01', '0', '-1', '1.0', '1e0', '0x1', '+1', '4294967296', ' 1', ''])(
    'epoch %j is none',
    async epoch => {
      const path = `/clips/${home.id}/${encodeURIComponent(epoch)}/${camera.id}/${clipId}/open`
      expect((await get(path, member)).status).toBe(400)
    },
  )

  test.each(['0', '501', '-1', '1.5', 'x', ''])('limit %j is none', async limit => {
    expect((await get(`/clips/${home.id}?limit=${limit}`, member)).code).toBe('hub.request')
  })

  test('what is not there is not there, and unknown paths and methods are refused', async () => {
    expect(await get(part().replace('open', '7'), member)).toMatchObject({
      status: 404,
      code: 'store.absent',
    })
    for (const path of ['/', '/clips', '/households', '/.well-known/est', '/ca.pem/x', '/metrics'])
      expect((await get(path)).code).toBe('hub.request')
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
      expect((await call(world.hub.url, part(), { tls: member, method })).code).toBe('hub.request')
  })
})

describe('bodies', () => {
  const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    call(world.hub.url, path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/jose', ...headers },
    })

  const typeOf = (path: string) => ({
    'content-type': path.includes('est') ? 'application/pkcs10' : 'application/jose',
  })

  test('too large ones are refused before they are read', async () => {
    const est = '/.well-known/est/simpleenroll'
    for (const [path, size] of [
      ['/request', 256 * 1024 + 1],
      [est, 8 * 1024 + 1],
    ] as const) {
      const answer = await post(path, Buffer.alloc(size, 'a')).catch(error => (error as Error).message)
      // The hub may answer, or close while the rest is still on its way.
      if (typeof answer !== 'string') expect(answer.code).toBe('hub.request')
    }
    expect((await post('/request', Buffer.alloc(256 * 1024, 'a'))).code).toBe('statement.kind')
  })

  test('noise is refused by a code of ours, without a word of the inside', async () => {
    for (const body of ['', '{}', '[]', 'a.b.c', '\u0000', Buffer.from([0xff, 0xfe]), '{"__proto__":1}'])
      for (const path of ['/request', '/.well-known/est/simpleenroll', '/.well-known/est/simplereenroll']) {
        const answer = await post(path, body, typeOf(path))
        expect([400, 403]).toContain(answer.status)
        expect(answer.code).toMatch(/^(statement|hub|enrol)\./)
        expect(answer.body).not.toMatch(/node_modules| {4}at |dist\//)
      }
    const long = { ...typeOf('/.well-known/est'), 'ownlens-statement': 'a'.repeat(9000) }
    const twice = await post('/.well-known/est/simpleenroll', 'x', long)
    expect(twice.code).toBe('statement.size')
    expect((await post('/request', 'x', { 'content-type': 'text/html' })).code).toBe('statement.kind')
  })
})

test('TLS 1.3 or nothing, and no session is resumed', async () => {
  await expect(rawHttps(world.hub.url, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).rejects.toThrow()
  const first = await rawHttps(world.hub.url)
  const session = new Promise<Buffer>(resolve => first.once('session', resolve))
  first.write('GET /ca.pem HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n')
  const resumed = await rawHttps(world.hub.url, { session: await session })
  expect(resumed.isSessionReused()).toBe(false)
  first.destroy()
  resumed.destroy()
})

test('who says its request too slowly is cut off', async () => {
  const slow = await rawHttps(world.hub.url)
  const over = gone(slow)
  slow.resume().write('GET /ca.pem HTTP/1.1\r\nHost: ')
  const drip = setInterval(() => slow.write('x'), 1000)
  await over
  clearInterval(drip)
}, 60_000)

describe('many requests', () => {
  test('are refused from one address, while certificates have their own count', async () => {
    const small = await startTestHub({ requestsPerMinute: 20 })
    try {
      const mine = await small.home()
      const { tls } = await small.member(mine)
      const codes: (string | undefined)[] = []
      for (let index = 0; index < 25; index++) codes.push((await call(small.hub.url, '/ca.pem')).code)
      expect(codes.at(-1)).toBe('hub.busy')
      expect(await call(small.hub.url, '/nonce')).toMatchObject({ status: 429 })
      expect((await call(small.hub.url, '/no/such/path')).code).toBe('hub.busy')
      for (let index = 0; index < 40; index++)
        expect((await call(small.hub.url, `/clips/${mine.id}`, { tls })).status).toBe(200)
    } finally {
      await small.close()
    }
  })
})
