import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HubClient } from '../../wire/hub-client.ts'
import { newClipId, PATIENT } from '../support/broker-world.ts'
import { startCommand } from '../support/command.ts'
import { connectMqtt, connectPacket, gone, heard, rawLine, subscribePacket } from '../support/mqtt-client.ts'
import { temporaryFolder } from '../support/places.ts'
import { childOf, residentMb } from '../support/processes.ts'
import { people } from '../support/test-hub.ts'

const MESSAGES = 3000
const PAYLOAD = Buffer.alloc(120 * 1024)
/** Much less than what is published (350 MiB), more than what a process's memory goes up and down by itself. */
const GROWTH_MB = 200

test.each(['aedes', 'mosquitto'] as const)(
  'a member who reads nothing costs %s little, and other homes nothing',
  async broker => {
    const { path, remove } = await temporaryFolder()
    const ports = ['--port', '0', '--mqtt-port', '0']
    const running = startCommand(['hub', '--data', join(path, 'hub'), ...ports, '--broker', broker, '--json'])
    try {
      const [, line = ''] = await running.says(/^(\{"hub".*\})$/m)
      const told = JSON.parse(line) as { hub: string; code: string; broker: string }
      const [url = '', caId = ''] = told.hub.split('#')
      const codes = [told.code]
      const at = people(new HubClient({ url, caId }), async () => codes.shift() ?? '')
      const home = await at.home()
      const [, next = ''] = await running.says(/^\{"code":"([^"]+)"\}$/m)
      codes.push(next)
      const camera = await at.camera(home)
      const neighbour = await at.camera(await at.home())

      const { tls } = await at.member(home)
      const frozen = await rawLine(told.broker, tls)
      const over = gone(frozen)
      frozen.write(connectPacket(tls.name))
      await once(frozen, 'data')
      frozen.write(subscribePacket(`ownlens/1/${home.id}/#`, 1))
      await once(frozen, 'data')
      frozen.pause()

      const reader = await connectMqtt(told.broker, (await at.member(neighbour.home)).tls)
      const got = heard(reader)
      await reader.subscribeAsync(`${neighbour.topic}/#`, { qos: 1 })
      const bystander = await connectMqtt(told.broker, (await neighbour.enrol()).tls)
      const device = await connectMqtt(told.broker, (await camera.enrol()).tls)
      const { pid = 0 } = running.process
      const brokerPid = broker === 'mosquitto' ? childOf(pid, 'mosquitto') : pid
      const before = residentMb(brokerPid)
      for (let index = 0; index < MESSAGES; index++) {
        await device.publishAsync(`${camera.topic}/live/${newClipId()}`, PAYLOAD, { qos: 1 })
        if (index % 300 === 0)
          await bystander.publishAsync(`${neighbour.topic}/live/${newClipId()}`, 'x', { qos: 1 })
      }
      await expect.poll(() => got.length, PATIENT).toBe(MESSAGES / 300)
      expect(residentMb(brokerPid) - before).toBeLessThan(GROWTH_MB)
      // The embedded broker does not wait for somebody who does not read.
      frozen.resume()
      if (broker === 'aedes') await over
      for (const client of [reader, bystander, device]) client.end(true)
      frozen.destroy()
    } finally {
      await running.kill('SIGTERM')
      await remove()
    }
  },
)
