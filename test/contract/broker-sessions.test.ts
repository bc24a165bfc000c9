import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { BrokerWorld, PATIENT } from '../support/broker-world.ts'
import { connectPacket, gone, rawLine } from '../support/mqtt-client.ts'
import { newSigner } from '../support/people.ts'
import { childOf } from '../support/processes.ts'

const DAY = 24 * 3600_000

describe.each(['aedes', 'mosquitto'] as const)('sessions at %s', broker => {
  const world = new BrokerWorld(broker)

  test('a session of an old epoch leaves nothing for the next one: no subscription, no message', async () => {
    const [first, second] = [await world.at.home(), await world.at.home()]
    const camera = await world.at.camera(first)
    const before = await world.join((await camera.enrol()).tls, { clean: false })
    await before.subscribeAsync(`${camera.topic}/command`, { qos: 1 })
    await before.endAsync()
    const member = await world.join((await world.at.member(first)).tls)
    await world.publish(member, `${camera.topic}/command`, 'waiting')

    const again = await world.at.camera(second, { signer: camera.signer, epoch: 2 })
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

  test('a session ends with its certificate: superseded, taken over by another home, member removed', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const camera = await world.at.camera(home)
    const first = await world.join((await camera.enrol()).tls)
    const again = await camera.enrol()
    await world.hasEnded(first)

    const second = await world.join(again.tls)
    await world.at.camera(other, { signer: camera.signer, epoch: 2 })
    await world.hasEnded(second)
    await world.isRefused(again.tls)

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

  test('a session ends when its certificate ends', async () => {
    const camera = await world.at.camera(await world.at.home())
    world.at.ahead = -DAY + 5 * 60_000 + 4000
    const { tls } = await camera.enrol()
    world.at.ahead = 0
    expect(tls.notAfter.getTime() - Date.now()).toBeGreaterThan(0)
    const client = await world.join(tls)
    await world.hasEnded(client)
    await world.isRefused(tls)
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
    for (const session of sessions) {
      const resumed = await rawLine(world.url, tls, { session }).catch(() => undefined)
      if (resumed === undefined) continue
      if (broker === 'aedes') expect(resumed.isSessionReused()).toBe(false)
      const answers: Buffer[] = []
      resumed.on('data', (bytes: Buffer) => answers.push(bytes))
      const over = gone(resumed)
      resumed.write(connectPacket(camera.id))
      await over
      // CONNACK with 0 would be an accepted connection.
      expect(Buffer.concat(answers)[3]).not.toBe(0)
    }
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
