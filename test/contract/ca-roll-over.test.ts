import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { base32 } from '../../protocol/ids.ts'
import { HubClient } from '../../wire/hub-client.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import { call } from '../support/https-call.ts'
import type { Home } from '../support/hub-people.ts'
import { connectMqtt } from '../support/mqtt-client.ts'
import { temporaryFolder } from '../support/places.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

const run = promisify(execFile)

describe.each(['aedes', 'mosquitto'] as const)('one CA follows another, with %s', broker => {
  let folder: string
  let remove: () => Promise<void>
  let world: TestHub
  let home: Home
  let camera: Camera
  /** From before the roll-over. */
  let before: { caId: string; camera: TlsIdentity; member: TlsIdentity }
  /** Clients that pin the old CA and the new one. */
  let clients: { old: HubClient; new: HubClient }
  const open = (ca?: 'new' | 'retire-old') => startTestHub({ broker, data: join(folder, 'hub'), ca })
  const at = (name: string) => join(folder, name)
  let counter = 10

  beforeAll(async () => {
    const made = await temporaryFolder()
    folder = made.path
    remove = made.remove
    world = await open()
    home = await world.home()
    camera = await world.camera(home)
    before = {
      caId: world.hub.caId,
      camera: (await camera.enrol()).tls,
      member: (await world.member(home)).tls,
    }
    await world.close()
    await rollOver('new')
    const { url, caId } = world.hub
    clients = { old: new HubClient({ url, caId: before.caId }), new: new HubClient({ url, caId }) }
    await writeFile(at('old.pem'), await clients.old.ca())
    await writeFile(at('new.pem'), await clients.new.ca())
  })
  afterAll(async () => {
    await world.close()
    await remove()
  })

  async function rollOver(ca?: 'new' | 'retire-old') {
    world = await open(ca)
  }

  const boot = base32(randomBytes(16))
  async function enrol(client: HubClient): Promise<TlsIdentity> {
    const role = { kind: 'device', epoch: 1, counter: counter++, boot } as const
    const { tls } = await client.enrol({
      ...{ commonName: camera.id, householdId: home.id, role },
      signer: camera.signer,
    })
    return tls
  }

  async function reaches(tls: TlsIdentity): Promise<{ https: number; mqtt: boolean }> {
    const { status } = await call(world.hub.url, `/households/${home.id}/roster`, { tls })
    const client = await connectMqtt(world.hub.brokerUrl, tls).catch(() => undefined)
    client?.end(true)
    return { https: status, mqtt: client !== undefined }
  }
  const EVERYTHING = { https: 200, mqtt: true }

  test('certificates of the old CA count on, at both ports', async () => {
    expect(world.hub.caId).not.toBe(before.caId)
    expect(world.hub.oldCaId).toBe(before.caId)
    expect(await reaches(before.camera)).toEqual(EVERYTHING)
    expect(await reaches(before.member)).toEqual(EVERYTHING)
  })

  test('who pins the old CA and who pins the new one both get certificates, of the new CA', async () => {
    for (const client of [clients.old, clients.new]) {
      const tls = await enrol(client)
      expect(await reaches(tls)).toEqual(EVERYTHING)
      await writeFile(at('client.pem'), tls.certificate)
      await run('openssl', ['verify', '-x509_strict', '-CAfile', at('new.pem'), at('client.pem')])
      expect(await client.nonce(camera.id)).toMatchObject({ epoch: 1 })
    }
  })

  test('what was superseded stands in the list of whichever CA made it', async () => {
    const [first, second] = [await enrol(clients.old), await enrol(clients.new)]
    expect(await reaches(first)).toEqual({ https: 403, mqtt: false })
    expect(await reaches(before.camera)).toEqual({ https: 403, mqtt: false })
    expect(await reaches(second)).toEqual(EVERYTHING)
    // Only sessions that lose rights end.
    expect(await reaches(before.member)).toEqual(EVERYTHING)
  })

  test('openssl and curl reach the hub with either CA alone, and with a foreign one not', async () => {
    const { port } = new URL(world.hub.url)
    const mqtt = new URL(world.hub.brokerUrl).port
    await writeFile(at('client.key'), before.member.key)
    await writeFile(at('client.pem'), before.member.certificate)
    const foreign = await startTestHub()
    await writeFile(at('foreign.pem'), await foreign.client.ca())
    await foreign.close()
    const curl = (ca: string) =>
      run('curl', ['-sS', '--fail', '--cacert', at(ca), `https://localhost:${port}/ca.pem`])
    const handshake = (ca: string, to: string) =>
      run('sh', [
        '-c',
        `openssl s_client -connect 127.0.0.1:${to} -CAfile "$1" -cert "$2" -key "$3" -verify_return_error </dev/null 2>&1`,
        ...['-', at(ca), at('client.pem'), at('client.key')],
      ])
    for (const ca of ['old.pem', 'new.pem']) {
      expect((await curl(ca)).stdout).toContain('BEGIN CERTIFICATE')
      for (const to of [port, mqtt]) expect((await handshake(ca, to)).stdout).toContain('Verification: OK')
    }
    await expect(curl('foreign.pem')).rejects.toThrow()
    for (const to of [port, mqtt]) await expect(handshake('foreign.pem', to)).rejects.toThrow()
  })

  test('cacerts carries old, new, new with old and old with new', async () => {
    const { body } = await call(world.hub.url, '/.well-known/est/cacerts')
    await writeFile(at('cacerts.p7'), Buffer.from(body, 'base64'))
    const { stdout } = await run('openssl', [
      ...['pkcs7', '-inform', 'DER', '-in', at('cacerts.p7'), '-print_certs'],
    ])
    const all = stdout.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
    expect(all).toHaveLength(4)
    const verifies = async (trusted: string, pem: string) => {
      await writeFile(at('one.pem'), `${pem}\n`)
      const args = ['verify', '-x509_strict', '-CAfile', at(trusted), at('one.pem')]
      return run('openssl', args).then(
        () => true,
        () => false,
      )
    }
    // Each root stands for itself and for the other, as the first of them certified it.
    for (const root of ['old.pem', 'new.pem']) {
      const good: string[] = []
      for (const pem of all) if (await verifies(root, pem)) good.push(pem)
      expect(good).toHaveLength(2)
    }
    expect((await call(world.hub.url, '/ca.pem')).body.match(/BEGIN/g)).toHaveLength(4)
  })

  test('a second one makes nothing, a plain start keeps both, and a retired CA opens nothing', async () => {
    const tls = await enrol(clients.new)
    const { caId } = world.hub
    for (const change of ['new', undefined] as const) {
      await world.close()
      await rollOver(change)
      expect([world.hub.caId, world.hub.oldCaId]).toEqual([caId, before.caId])
    }
    await world.close()
    await rollOver('retire-old')
    expect([world.hub.caId, world.hub.oldCaId]).toEqual([caId, undefined])
    const old = new HubClient({ url: world.hub.url, caId: before.caId })
    await expect(old.nonce(camera.id)).rejects.toMatchObject({ code: 'hub.ca' })
    const ofOld = { ...before.member, ca: tls.ca }
    expect(await reaches(ofOld)).toEqual({ https: 403, mqtt: false })
    expect(await reaches(tls)).toEqual(EVERYTHING)
    expect(await reaches(await enrol(world.client))).toEqual(EVERYTHING)
    expect((await call(world.hub.url, '/ca.pem')).body.match(/BEGIN/g)).toHaveLength(1)
  })
})
