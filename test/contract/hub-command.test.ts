import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HubClient } from '../../wire/hub-client.ts'
import { PATIENT } from '../support/broker-world.ts'
import { type Running, runCommand, startCommand } from '../support/command.ts'
import { connectMqtt } from '../support/mqtt-client.ts'
import { temporaryFolder } from '../support/places.ts'
import { childOf } from '../support/processes.ts'
import { people } from '../support/test-hub.ts'

const FREE = ['--port', '0', '--mqtt-port', '0', '--log-level', 'warn']
let folder: string
let remove: () => Promise<void>
const running: Running[] = []
beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
})
afterEach(async () => {
  for (const command of running.splice(0)) await command.kill('SIGKILL')
  await remove()
})

const data = () => join(folder, 'hub')
function start(...args: string[]): Running {
  const command = startCommand(['hub', '--data', data(), ...args])
  running.push(command)
  return command
}
async function told(command: Running): Promise<{ hub: string; code: string; broker: string }> {
  const [, line = ''] = await command.says(/^(\{"hub".*\})$/m)
  return JSON.parse(line)
}
/** A port that somebody else has. */
async function taken(): Promise<{ port: string; close: () => void }> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { port: String((server.address() as AddressInfo).port), close: () => server.close() }
}

test('it says where it is, how to go on, where its files are, and how to stop it', async () => {
  const hub = start(...FREE)
  await hub.says(/Stop the hub/)
  expect(hub.output()).toMatch(
    /ownlens home init --hub https:\/\/127\.0\.0\.1:\d+#[a-z2-7]{52} --code [a-z2-7-]{19}/,
  )
  expect(hub.output()).toContain(data())
  expect(hub.output()).toContain('Only this machine reaches it')
  expect(await hub.kill('SIGTERM')).toEqual({ code: 0, signal: null })
})

test('a used code is followed by the next one, said at once', async () => {
  const hub = start(...FREE, '--json')
  const { hub: address, code } = await told(hub)
  const [url = '', caId = ''] = address.split('#')
  await people(new HubClient({ url, caId }), async () => code).home()
  const [, next] = await hub.says(/^\{"code":"([a-z2-7-]{19})"\}$/m)
  expect(next).not.toBe(code)
})

test('it keeps its identity and its code over a restart, and makes a new code when asked', async () => {
  const before = await told(start(...FREE, '--json'))
  await running[0]?.kill('SIGTERM')
  const after = await told(start(...FREE, '--json'))
  await running[1]?.kill('SIGKILL')
  const fresh = await told(start(...FREE, '--json', '--new-code'))
  const ca = (address: string) => address.split('#')[1]
  expect([ca(after.hub), ca(fresh.hub)]).toEqual([ca(before.hub), ca(before.hub)])
  expect(after.code).toBe(before.code)
  expect(fresh.code).not.toBe(before.code)
})

test('a second hub on the same data folder refuses', async () => {
  await told(start(...FREE, '--json'))
  const { code, output } = await runCommand(['hub', '--data', data(), ...FREE])
  expect(code).toBe(1)
  expect(output).toContain('data.in_use')
})

describe.each(['aedes', 'mosquitto'])('with %s', broker => {
  test('a port that is taken is named, and nothing of the hub stays', async () => {
    const { port, close } = await taken()
    for (const ports of [
      ['--port', port, '--mqtt-port', '0'],
      ['--port', '0', '--mqtt-port', port],
    ]) {
      const { code, output } = await runCommand([
        'hub',
        '--data',
        data(),
        '--broker',
        broker,
        '--log-level',
        'silent',
        ...ports,
      ])
      expect(code).toBe(1)
      expect(output).toContain('hub.port')
      expect(output).toContain('--mqtt-port')
    }
    close()
    await told(start(...FREE, '--broker', broker, '--json'))
  })

  test('SIGTERM ends it with cameras connected, and its broker with it', async () => {
    const hub = start(...FREE, '--broker', broker, '--json')
    const { hub: address, code, broker: url } = await told(hub)
    const [hubUrl = '', caId = ''] = address.split('#')
    const at = people(new HubClient({ url: hubUrl, caId }), async () => code)
    const camera = await at.camera(await at.home())
    const client = await connectMqtt(url, (await camera.enrol()).tls)
    const pid = broker === 'mosquitto' ? childOf(hub.process.pid ?? 0, 'mosquitto') : 0
    expect(await hub.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    await expect.poll(() => client.connected, PATIENT).toBe(false)
    if (pid > 0) expect(() => process.kill(pid, 0)).toThrow()
  })
})

test('a broker does not outlive a hub that was killed', async () => {
  const hub = start(...FREE, '--broker', 'mosquitto', '--json')
  await told(hub)
  const pid = childOf(hub.process.pid ?? 0, 'mosquitto')
  await hub.kill('SIGKILL')
  const alive = () => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await expect.poll(alive, PATIENT).toBe(false)
})

test('a missing mosquitto is named, with what to do', async () => {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  for (const name of ['setpriv', 'flock', 'dirname', 'readlink'])
    await symlink(`/usr/bin/${name}`, join(bin, name))
  await symlink(process.execPath, join(bin, 'node'))
  const { code, output } = await runCommand(['hub', '--data', data(), ...FREE, '--broker', 'mosquitto'], {
    PATH: bin,
  })
  expect(code).toBe(1)
  expect(output).toContain('broker.absent')
  expect(output).toContain('apt install mosquitto')
})

test('a damaged database and a damaged key are named, and nothing is made anew', async () => {
  await mkdir(join(data(), 'ca'), { recursive: true })
  await writeFile(
    join(data(), 'registrar.db'),
    'this is no database, and it is long enough to be looked at'.repeat(10),
  )
  const first = await runCommand(['hub', '--data', data(), ...FREE])
  expect(first).toMatchObject({ code: 1 })
  expect(first.output).toMatch(/registrar\.db[\s\S]*hub\.damaged/)
  await writeFile(join(data(), 'ca', 'ca.key.pem'), 'no key')
  const second = await runCommand(['hub', '--data', data(), ...FREE])
  expect(second.output).toMatch(/ca\/ca[\s\S]*hub\.damaged/)
})
