import { describe, expect, test } from 'vitest'
import { BrokerWorld, newClipId, openingPart, PATIENT } from '../support/broker-world.ts'
import { closed, heard } from '../support/mqtt-client.ts'

describe.each(['aedes', 'mosquitto'] as const)('topics at %s', broker => {
  const world = new BrokerWorld(broker)

  test('a camera writes its own topics and nothing else, whatever is acknowledged', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, second, foreign] = [
      await world.at.camera(home),
      await world.at.camera(home),
      await world.at.camera(other),
    ]
    const { tls } = await camera.enrol()
    const clip = `clip/${newClipId()}/open`
    const base = `ownlens/1/${home.id}`
    const forbidden = [
      `${foreign.topic}/${clip}`,
      `${second.topic}/${clip}`,
      `${base}/2/${camera.id}/${clip}`,
      `${base}/01/${camera.id}/${clip}`,
      `ownlens/1/${other.id}/1/${camera.id}/${clip}`,
      `ownlens/2/${home.id}/1/${camera.id}/${clip}`,
      `${camera.topic}/ack`,
      `${camera.topic}/command`,
      `${camera.topic}/people`,
      `${camera.topic}/clip/${newClipId()}/../open`,
      `${camera.topic}/${clip}/x`,
      `/${camera.topic}/${clip}`,
      `${camera.topic}/status/`,
      '$SYS/broker/clients',
      `$share/all/${camera.topic}/status`,
      'ownlens',
      'x',
    ]
    for (const topic of forbidden) {
      const client = await world.join(tls)
      await world.publish(client, topic, openingPart())
      client.end(true)
    }
    await world.settled(camera)
    expect(world.passed.filter(topic => forbidden.includes(topic))).toEqual([])
    expect([await world.stored(camera), await world.stored(second), await world.stored(foreign)]).toEqual([
      0, 0, 0,
    ])
  })

  test('a member writes commands and people of its own household and nothing else', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [camera, foreign] = [await world.at.camera(home), await world.at.camera(other)]
    const { tls } = await world.at.member(home)
    const forbidden = [
      `${foreign.topic}/command`,
      `${camera.topic}/clip/${newClipId()}/open`,
      `${camera.topic}/alert`,
      `${camera.topic}/ack`,
      `${camera.topic}/status`,
    ]
    for (const topic of forbidden) {
      const client = await world.join(tls)
      await world.publish(client, topic, openingPart())
      client.end(true)
    }
    const client = await world.join(tls)
    await world.publish(client, `${camera.topic}/command`)
    await world.publish(client, `${camera.topic}/people`)
    await world.settled(camera)
    expect(world.passed.filter(topic => forbidden.includes(topic))).toEqual([])
    expect(world.passed).toEqual(
      expect.arrayContaining([`${camera.topic}/command`, `${camera.topic}/people`]),
    )
    expect(await world.stored(camera)).toBe(0)
  })

  test('no filter of a member or a camera reaches into another home', async () => {
    const [home, other] = [await world.at.home(), await world.at.home()]
    const [victim, own] = [await world.at.camera(home), await world.at.camera(other)]
    const filters = [
      '#',
      '+/#',
      '/#',
      'ownlens/#',
      'ownlens/1/#',
      'ownlens/1/+/#',
      `ownlens/1/${home.id}/#`,
      `+/1/${home.id}/#`,
      `ownlens/+/${home.id}/+/+/alert`,
      `ownlens/1/+/1/${victim.id}/alert`,
      `ownlens/1/+/+/+/alert`,
      `ownlens/1/+/+/+/clip/+/+`,
      `$share/all/ownlens/1/${home.id}/#`,
      `$share/all/ownlens/1/${other.id}/#`,
      '$share/all/#',
      '$SYS/#',
      `${victim.topic}/command`,
    ]
    const got: string[] = []
    for (const tls of [(await world.at.member(other)).tls, (await own.enrol()).tls])
      for (const filter of filters) {
        // One connection each: a refusal may close it. The next one pushes out the one before.
        const name = tls.name.includes('.')
        const client = await world.join(name ? (await world.at.member(other)).tls : tls)
        client.on('message', topic => got.push(topic))
        await client.subscribeAsync(filter, { qos: 1 }).catch(() => undefined)
      }
    const device = await world.join((await victim.enrol()).tls)
    await world.publish(device, `${victim.topic}/alert`, 'private')
    await world.publish(device, `${victim.topic}/clip/${newClipId()}/open`, openingPart())
    const member = await world.join((await world.at.member(home)).tls)
    await world.publish(member, `${victim.topic}/command`, 'private')
    await world.settled(victim)
    await world.settled(own)
    expect(got.filter(topic => !topic.includes(other.id))).toEqual([])
  })

  test('a camera hears its own commands, people and acknowledgements, not the household', async () => {
    const home = await world.at.home()
    const [camera, neighbour] = [await world.at.camera(home), await world.at.camera(home)]
    const device = await world.join((await camera.enrol()).tls)
    const got = heard(device)
    for (const filter of [
      `ownlens/1/${home.id}/#`,
      `${neighbour.topic}/+`,
      `${camera.topic}/#`,
      `${camera.topic}/alert`,
    ])
      await device.subscribeAsync(filter, { qos: 1 }).catch(() => undefined)
    await device.subscribeAsync([`${camera.topic}/command`, `${camera.topic}/people`], { qos: 1 })
    const member = await world.join((await world.at.member(home)).tls)
    await world.publish(member, `${neighbour.topic}/command`, 'no')
    await world.publish(await world.join((await neighbour.enrol()).tls), `${neighbour.topic}/alert`, 'no')
    await world.publish(member, `${camera.topic}/command`, 'yes')
    await expect.poll(() => got, PATIENT).toContain(`${camera.topic}/command yes`)
    expect([...new Set(got)]).toEqual([`${camera.topic}/command yes`])
  })

  test('nothing is retained for who comes later', async () => {
    const home = await world.at.home()
    const camera = await world.at.camera(home)
    const device = await world.join((await camera.enrol()).tls)
    const kept = device.publishAsync(`${camera.topic}/status`, 'kept', { qos: 1, retain: true })
    await Promise.race([kept.catch(() => undefined), closed(device)])
    const member = await world.join((await world.at.member(home)).tls)
    const got = heard(member)
    await member.subscribeAsync(`ownlens/1/${home.id}/#`, { qos: 1 })
    await world.settled(camera)
    await expect.poll(() => got.length, PATIENT).toBeGreaterThan(0)
    expect(got.filter(line => line.includes('kept'))).toEqual([])
  })
})
