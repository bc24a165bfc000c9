import { describe, expect, test } from 'vitest'
import { Authority } from '../../deploy/hub/authority.ts'
import { ackKind } from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { connectBroker } from '../../wire/mqtt.ts'
import { BrokerWorld, newClipId, openingPart, PATIENT } from '../support/broker-world.ts'
import { heard, nextMessage } from '../support/mqtt-client.ts'
import { temporaryFolder } from '../support/places.ts'

const DAY = 24 * 3600_000

describe.each(['aedes', 'mosquitto'] as const)('who gets in at %s', broker => {
  const world = new BrokerWorld(broker)

  test('a part is stored, acknowledged under the hub’s key, and read by a member', async () => {
    const home = await world.at.home()
    const camera = await world.at.camera(home)
    const { tls, hub } = await camera.enrol()
    const member = await world.join((await world.at.member(home)).tls)
    const read = heard(member)
    await member.subscribeAsync(`ownlens/1/${home.id}/#`, { qos: 1 })
    const device = await world.join(tls)
    const acknowledged = nextMessage(device)
    await device.subscribeAsync(`${camera.topic}/ack`, { qos: 1 })
    const clipId = newClipId()
    await world.publish(device, `${camera.topic}/clip/${clipId}/open`, openingPart())
    const { topic, payload: ack } = await acknowledged
    expect(topic).toBe(`${camera.topic}/ack`)
    const { payload } = await readStatement(ackKind, ack.toString(), hub.hubKeyId)
    expect(payload).toMatchObject({ deviceId: camera.id, clipId, part: 'open', roster: 1 })
    expect(await world.stored(camera)).toBe(1)
    await expect
      .poll(() => read.filter(line => line.startsWith(`${camera.topic}/clip/${clipId}/open`)).length, PATIENT)
      .toBe(1)
  })

  test('without a certificate of this hub’s that counts nobody comes in', async () => {
    const home = await world.at.home()
    const camera = await world.at.camera(home)
    const { tls } = await camera.enrol()
    await world.isRefused({ ...tls, certificate: '', key: '' }, { cert: undefined, key: undefined } as never)

    // The same name, the same claims, another authority.
    const { path, remove } = await temporaryFolder()
    const foreign = await (await Authority.open(disk, path, [])).pushOut(camera.id)
    await world.isRefused({ ...tls, ...foreign })
    await remove()

    const after = await camera.enrol()
    await world.isRefused(tls)
    await world.join(after.tls)
    world.at.ahead = -DAY
    const { tls: past } = await camera.enrol()
    world.at.ahead = 0
    expect(past.notAfter.getTime()).toBeLessThan(Date.now())
    await world.isRefused(past)
  })

  test('a camera that is refused is told so, and not that the hub is gone', async () => {
    const camera = await world.at.camera(await world.at.home())
    const { tls } = await camera.enrol()
    const { signal } = new AbortController()
    const client = await connectBroker(world.url, tls, { signal })
    client.end(true)
    await camera.enrol()
    const attempt = connectBroker(world.url, tls, { signal })
    await expect(attempt).rejects.toMatchObject({ code: 'broker.refused' })
  })

  test('nobody comes in under another’s client id, or pushes another out by it', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, intruder] = [await world.at.camera(home), await world.at.camera(other)]
    const victim = await world.join((await camera.enrol()).tls)
    const { tls } = await intruder.enrol()
    const attempt = world.join(tls, { clientId: camera.id })
    // mosquitto takes the certificate's name instead of the client id; the embedded broker refuses.
    if (broker === 'aedes') await expect(attempt).rejects.toThrow()
    else {
      const client = await attempt
      await client.subscribeAsync(`${camera.topic}/command`, { qos: 1 })
      const got = heard(client)
      const member = await world.join((await world.at.member(home)).tls)
      await world.publish(member, `${camera.topic}/command`, 'for the victim')
      await world.settled(camera)
      expect(got).toEqual([])
      return
    }
    expect(victim.connected).toBe(true)
    await world.settled(intruder)
    expect(victim.connected).toBe(true)
  })

  test('a will says nothing under rights that are gone', async () => {
    const [home, next] = [await world.at.home(), await world.at.home()]
    const camera = await world.at.camera(home)
    const { tls } = await camera.enrol()
    const member = await world.join((await world.at.member(home)).tls)
    const got = heard(member)
    await member.subscribeAsync(`ownlens/1/${home.id}/#`, { qos: 1 })
    const will = {
      topic: `${camera.topic}/alert`,
      payload: Buffer.from('late'),
      qos: 1,
      retain: false,
    } as const
    const attempt = world.join(tls, { will })
    if (broker === 'aedes') await expect(attempt).rejects.toThrow()
    else await attempt
    await world.at.release(camera)
    await world.at.camera(next, { signer: camera.signer, epoch: 3 })
    await world.settled(await world.at.camera(home))
    expect(got.filter(line => line.endsWith(' late'))).toEqual([])
  })
})
