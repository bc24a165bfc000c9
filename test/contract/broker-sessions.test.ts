import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { statusesAnswer } from '../../protocol/registrar.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import { BrokerWorld, PATIENT } from '../support/broker-world.ts'
import { connectPacket, gone, rawLine } from '../support/mqtt-client.ts'
import { newSigner } from '../support/people.ts'
import { childOf } from '../support/processes.ts'

const DAY = 24 * 3600_000

describe.each(['aedes', 'mosquitto'] as const)('sessions at %s', broker => {
  const world = new BrokerWorld(broker)

  /** Whether MQTT lets somebody in who resumes this TLS session. The embedded broker resumes none. */
  async function admits(tls: TlsIdentity, session: Buffer): Promise<boolean> {
    const resumed = await rawLine(world.url, tls, { session }).catch(() => undefined)
    if (resumed === undefined) return false
    if (broker === 'aedes') expect(resumed.isSessionReused()).toBe(false)
    const answers: Buffer[] = []
    resumed.on('data', (bytes: Buffer) => answers.push(bytes))
    const over = gone(resumed)
    resumed.write(connectPacket(tls.name))
    await over
    // CONNACK with 0 is an accepted connection.
    return Buffer.concat(answers)[3] === 0
  }

  test('a session of an old epoch leaves nothing for the next one: no subscription, no message', async () => {
    const [first, second] = [await world.at.home(), await world.at.home()]
    const camera = await world.at.camera(first)
    const before = await world.join((await camera.enrol()).tls, { clean: false })
    await before.subscribeAsync(`${camera.topic}/command`, { qos: 1 })
    await before.endAsync()
    const member = await world.join((await world.at.member(first)).tls)
    await world.publish(member, `${camera.topic}/command`, 'waiting')

    await world.at.release(camera)
    const again = await world.at.camera(second, { signer: camera.signer, epoch: 3 })
    const { tls } = await again.enrol()
    // Listening before the connection is made: what waited would come at once.
    const got: string[] = []
    const after = await world.join(tls, { clean: false })
    after.on('message', (_topic, payload) => got.push(payload.toString()))
    await world.publish(member, `${camera.topic}/command`, 'later')
    await after.subscribeAsync(`${again.topic}/command`, { qos: 1 })
    await world.publish(
      await world.join((await world.at.member(second)).tls),
      `${again.topic}/command`,
      'own',
    )
    await expect.poll(() => got, PATIENT).toContain('own')
    expect(got).toEqual(['own'])
  })

  test('a session ends with its certificate: superseded, released, blocked, member removed', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const camera = await world.at.camera(home)
    const first = await world.join((await camera.enrol()).tls)
    const again = await camera.enrol()
    await world.hasEnded(first)

    const second = await world.join(again.tls)
    await world.at.release(camera)
    await world.hasEnded(second)
    await world.isRefused(again.tls)
    await expect(camera.enrol()).rejects.toMatchObject({ code: 'enrol.claim' })

    const theirs = await world.at.camera(other, { signer: camera.signer, epoch: 3 })
    const third = await world.join((await theirs.enrol()).tls)
    const kept = await world.at.camera(other)
    const beside = await world.join((await kept.enrol()).tls)
    const order = (number: number, blocked: boolean) => other.block(number, [[camera.signer, 3]], { blocked })
    const block = async (number: number, blocked = true) =>
      world.at.client.request(other.id, { action: 'block', block: await order(number, blocked) }, other.root)
    await block(1)
    await world.hasEnded(third)
    await expect(theirs.enrol()).rejects.toMatchObject({ code: 'enrol.blocked' })
    await block(2, false)
    expect((await world.join((await theirs.enrol()).tls)).connected).toBe(true)
    expect(beside.connected).toBe(true)

    const guest = newSigner()
    const withGuest = await home.roster({ number: 2, members: [home.founder, guest], prev: home.first })
    const send = (text: string) =>
      world.at.client.request(home.id, { action: 'roster', roster: text, successions: [] }, home.root)
    await send(withGuest)
    const { tls } = await world.at.member(home, guest)
    const owner = await world.join((await world.at.member(home)).tls)
    const removed = await world.join(tls)
    await send(await home.roster({ number: 3, prev: withGuest }))
    await world.hasEnded(removed)
    await world.isRefused(tls)
    await expect(world.at.member(home, guest)).rejects.toMatchObject({ code: 'enrol.member' })
    // Only sessions that lose rights end.
    expect(owner.connected).toBe(true)
  })

  test('a home that is erased has no session any more, and begins none', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, beside] = [await world.at.camera(home), await world.at.camera(other)]
    const mine = [(await camera.enrol()).tls, (await world.at.member(home)).tls]
    const sessions = [await world.join(mine[0] as TlsIdentity), await world.join(mine[1] as TlsIdentity)]
    const neighbour = await world.join((await beside.enrol()).tls)
    const operator = await operatorOf(disk, join(world.at.folder, 'hub'))
    await operator.hub.request(null, { action: 'erase', householdId: home.id }, operator.signer)
    for (const session of sessions) await world.hasEnded(session)
    for (const tls of mine) await world.isRefused(tls)
    expect(neighbour.connected).toBe(true)
  })

  test('an order ends the sessions of all ten cameras that it names, and no other', async () => {
    const home = await world.at.home()
    const cameras = await Promise.all(Array.from({ length: 11 }, () => world.at.camera(home)))
    const sessions = await Promise.all(cameras.map(async camera => world.join((await camera.enrol()).tls)))
    const named = cameras.slice(0, 10).map(({ signer }): [typeof signer, number] => [signer, 1])
    const block = await home.block(1, named)
    await world.at.client.request(home.id, { action: 'block', block }, home.root)
    for (const session of sessions.slice(0, 10)) await world.hasEnded(session)
    expect(sessions.at(-1)?.connected).toBe(true)
  })

  test('each camera’s newest status is kept for its household while it is its camera', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, second] = [await world.at.camera(home), await world.at.camera(home)]
    const { tls } = await world.at.member(home)
    const kept = async (who = tls, id = home.id) =>
      (await world.at.client.getJson(`/households/${id}/status`, who, statusesAnswer)).statuses.map(
        ({ deviceId, epoch, sealed }) => ({
          deviceId,
          epoch,
          text: Buffer.from(sealed, 'base64').toString(),
        }),
      )
    const client = await world.join((await camera.enrol()).tls)
    for (const text of ['first', 'second', 'third'])
      await world.publish(client, `${camera.topic}/status`, text)
    await world.publish(await world.join((await second.enrol()).tls), `${second.topic}/status`, 'other')
    const expected = [
      { deviceId: camera.id, epoch: 1, text: 'third' },
      { deviceId: second.id, epoch: 1, text: 'other' },
    ]
    const sorted = async () =>
      (await kept()).sort(
        (one, two) =>
          expected.findIndex(({ deviceId }) => deviceId === one.deviceId) -
          expected.findIndex(({ deviceId }) => deviceId === two.deviceId),
      )
    await expect.poll(sorted, PATIENT).toEqual(expected)
    expect(await kept((await world.at.member(other)).tls, other.id)).toEqual([])
    await world.at.release(camera)
    expect(await kept()).toEqual([expected[1]])
  })

  test('a session ends when its certificate ends', async () => {
    const camera = await world.at.camera(await world.at.home())
    world.at.ahead = -DAY + 5 * 60_000 + 4000
    const { tls } = await camera.enrol()
    world.at.ahead = 0
    expect(tls.notAfter.getTime() - Date.now()).toBeGreaterThan(0)
    const client = await world.join(tls)
    const sessions: Buffer[] = []
    const line = await rawLine(world.url, tls)
    line.on('session', session => sessions.push(session))
    await expect.poll(() => sessions.length, PATIENT).toBeGreaterThan(0)
    line.destroy()
    await world.hasEnded(client)
    await world.isRefused(tls)
    // Nor does a TLS session from while it was good let it in.
    for (const session of sessions) expect(await admits(tls, session)).toBe(false)
  })

  test('no TLS session is resumed into a certificate that counts no more, and none below TLS 1.3 begins', async () => {
    const camera = await world.at.camera(await world.at.home())
    const { tls } = await camera.enrol()
    const sessions: Buffer[] = []
    const socket = await rawLine(world.url, tls)
    socket.on('session', session => sessions.push(session))
    socket.write(connectPacket(camera.id))
    await once(socket, 'data')
    socket.destroy()
    await camera.enrol()
    for (const session of sessions) expect(await admits(tls, session)).toBe(false)
    expect(sessions.length).toBeGreaterThan(0)
    await expect(rawLine(world.url, tls, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).rejects.toThrow()
  })

  test('many come at once', async () => {
    const home = await world.at.home()
    const cameras = await Promise.all(Array.from({ length: 30 }, () => world.at.camera(home)))
    const sessions = await Promise.all(cameras.map(async camera => world.join((await camera.enrol()).tls)))
    await Promise.all(
      sessions.map((client, index) => world.publish(client, `${cameras[index]?.topic}/status`)),
    )
    await expect
      .poll(() => cameras.filter(({ topic }) => world.passed.includes(`${topic}/status`)).length, PATIENT)
      .toBe(cameras.length)
    expect(sessions.filter(client => client.connected)).toHaveLength(30)
  })

  test.runIf(broker === 'mosquitto')(
    'a broker that dies comes back with the rights of that moment',
    async () => {
      const camera = await world.at.camera(await world.at.home())
      const { tls: old } = await camera.enrol()
      const client = await world.join(old)
      process.kill(childOf(process.pid, 'mosquitto'), 'SIGKILL')
      await world.hasEnded(client)
      const { tls } = await camera.enrol()
      await expect
        .poll(async () => (await world.join(tls).catch(() => undefined))?.connected, PATIENT)
        .toBe(true)
      await world.isRefused(old)
      await world.settled(camera)
    },
  )
})
