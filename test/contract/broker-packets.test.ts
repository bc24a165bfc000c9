import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { BrokerWorld, newClipId, openingPart } from '../support/broker-world.ts'
import {
  closed,
  connectPacket,
  gone,
  heard,
  packet,
  rawLine,
  remainingLength,
} from '../support/mqtt-client.ts'

describe.each(['aedes', 'mosquitto'] as const)('what is sent to %s', broker => {
  const world = new BrokerWorld(broker)

  test('QoS 2 opens no other way', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, foreign] = [await world.at.camera(home), await world.at.camera(other)]
    const device = await world.join((await camera.enrol()).tls)
    const clip = `${foreign.topic}/clip/${newClipId()}/open`
    await Promise.race([
      device.publishAsync(clip, openingPart(), { qos: 2 }).catch(() => undefined),
      closed(device),
    ])
    const again = await world.join((await camera.enrol()).tls)
    const own = `${camera.topic}/status`
    await Promise.race([again.publishAsync(own, 'x', { qos: 2 }).catch(() => undefined), closed(again)])
    await world.settled(camera)
    expect(world.passed).not.toContain(clip)
    expect(await world.stored(foreign)).toBe(0)
    // Kept for a sender who may never come back: the embedded broker takes none.
    if (broker === 'aedes') expect(world.passed).not.toContain(own)
  })

  test('an MQTT 5 client gets no further than others', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, foreign] = [await world.at.camera(home), await world.at.camera(other)]
    const attempt = world.join((await world.at.member(other)).tls, {
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 3600, topicAliasMaximum: 10 },
    })
    if (broker === 'aedes') {
      await expect(attempt).rejects.toThrow()
      return
    }
    const client = await attempt
    const got = heard(client)
    await client.subscribeAsync(`ownlens/1/${home.id}/#`, { qos: 1, rap: true, rh: 0 }).catch(() => undefined)
    const wrong = client.publishAsync(`${camera.topic}/command`, 'x', {
      qos: 1,
      properties: { topicAlias: 1 },
    })
    await Promise.race([wrong.catch(() => undefined), closed(client)])
    await world.publish(await world.join((await camera.enrol()).tls), `${camera.topic}/alert`, 'private')
    await world.settled(camera)
    await world.settled(foreign)
    expect(got.filter(line => line.includes(home.id))).toEqual([])
    expect(world.passed).not.toContain(`${camera.topic}/command`)
  })

  test('a packet that is too large is not taken', async () => {
    const home = await world.at.home()
    const camera = await world.at.camera(home)
    const { tls } = await camera.enrol()
    const topic = `${camera.topic}/clip/${newClipId()}/open`
    await world.publish(await world.join(tls), topic, Buffer.alloc(MESSAGE_MAX + 1))
    // A header that announces 256 MiB ends the connection before they come.
    const socket = await rawLine(world.url, tls)
    const over = gone(socket)
    socket.write(connectPacket(camera.id))
    await once(socket, 'data')
    socket.write(Buffer.concat([Buffer.from([0x30]), remainingLength(2 ** 28 - 1), Buffer.alloc(1024)]))
    await over
    await world.settled(camera)
    expect(world.passed).not.toContain(topic)
    expect(await world.stored(camera)).toBe(0)
  })

  test('what is no MQTT ends the connection', async () => {
    const { tls } = await (await world.at.camera(await world.at.home())).enrol()
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      packet(0x00, Buffer.alloc(4)),
      Buffer.alloc(64, 0xff),
    ]) {
      const socket = await rawLine(world.url, tls)
      const over = gone(socket)
      socket.resume().write(bytes)
      await over
    }
  })
})
