import 'reflect-metadata'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { MqttClient } from 'mqtt'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ALGORITHM, type Certified, certifyAuthority, makeAuthority } from '../../deploy/hub/certificates.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { connectHub } from '../../wire/hub-line.ts'
import { connectBroker, publish, subscribe } from '../../wire/mqtt.ts'
import { keyIdOf, makeTlsRequest, type TlsIdentity } from '../../wire/tls.ts'
import { newSigner } from '../support/people.ts'
import { certified, leafOf, listener, posedHub, type Shown, shown, YEAR } from '../support/posed-hub.ts'

const SECRET = 'what only the hub may hear'
const CONNACK = Buffer.from([0x20, 2, 0, 0])
/** RFC 8446 §5.1: the type of whatever is encrypted. */
const APPLICATION_DATA = 23
const HOUR = 3_600_000
const signal = new AbortController().signal

let ca: Certified
let foreign: Certified
const ends: (() => Promise<void>)[] = []

beforeAll(async () => {
  ca = await makeAuthority(new Date())
  foreign = await makeAuthority(new Date())
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A certificate with a field that our hub never writes. */
async function odd(by: Certified, extensions: Extension[], name = 'CN=hub'): Promise<Certified> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create({
    ...{ serialNumber: '01', subject: name, issuer: by.certificate.subject },
    ...{ notBefore: new Date(Date.now() - HOUR), notAfter: new Date(Date.now() + HOUR) },
    ...{ signingAlgorithm: ALGORITHM, signingKey: by.privateKey, publicKey: keys.publicKey, extensions },
  })
  return { certificate, privateKey: keys.privateKey as never }
}
const notCa = () => new BasicConstraintsExtension(false, undefined, true)
const signs = () => new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true)
const serves = () => new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth])
const past = () => new Date(Date.now() - 2 * YEAR)

const impostors: Record<string, () => Promise<Shown>> = {
  'a CA of one’s own, named like the hub’s': async () => shown(await certified(foreign)),
  'the same, shown with the right CA’s certificate': async () =>
    shown(await certified(foreign), ca.certificate),
  'an ended certificate of a foreign CA': async () =>
    shown(await certified(foreign, { now: past(), lifetimeMs: YEAR })),
  'another name, of the right CA': async () => shown(await certified(ca, { name: 'camera' })),
  'a client’s certificate of the right CA': async () => shown(await certified(ca, { purpose: 'client' })),
  'the hub key’s certificate': async () => shown(await certified(ca, { purpose: 'hub-key' })),
  'the right CA itself': async () => shown(ca),
  'a foreign CA itself': async () => shown(foreign),
  'a CA named hub, of the right CA': async () =>
    shown(
      await odd(ca, [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
        serves(),
      ]),
    ),
  'no word on whether it is a CA': async () => shown(await odd(ca, [signs(), serves()])),
  'two names': async () => shown(await odd(ca, [notCa(), signs(), serves()], 'CN=hub, CN=camera')),
  'a key that may not sign': async () =>
    shown(await odd(ca, [notCa(), new KeyUsagesExtension(KeyUsageFlags.keyAgreement, true), serves()])),
  'a demand that nobody knows': async () =>
    shown(
      await odd(ca, [
        notCa(),
        signs(),
        serves(),
        new Extension('1.3.6.1.4.1.99999.1', true, new Uint8Array([5, 0])),
      ]),
    ),
  'one signed by a client’s certificate of the right CA': async () => {
    const client = await certified(ca, { name: 'Ownlens hub CA', purpose: 'client' })
    return shown(await certified(client), client.certificate)
  },
  'a new CA that only certifies itself': async () => shown(await certified(foreign), foreign.certificate),
  'a new CA certified by a foreign one': async () => {
    const next = await makeAuthority(new Date())
    return shown(await certified(next), await certifyAuthority(foreign, next, new Date()))
  },
  'a new CA of the right one, and a leaf of somebody else': async () => {
    const next = await makeAuthority(new Date())
    return shown(await certified(foreign), await certifyAuthority(ca, next, new Date()))
  },
  'a CA under a CA under the right one': async () => {
    const [one, two] = [await makeAuthority(new Date()), await makeAuthority(new Date())]
    const chain = [await certifyAuthority(one, two, new Date()), await certifyAuthority(ca, one, new Date())]
    return shown(await certified(two), ...chain)
  },
  'the right CA’s certificate with another key': async () => {
    const { certificate } = await leafOf(foreign, foreign)
    return shown({ certificate, privateKey: foreign.privateKey }, ca.certificate)
  },
}

const good: Record<string, () => Promise<Shown>> = {
  'the hub’s certificate': async () => shown(await certified(ca)),
  'the same with its CA behind it': async () => shown(await certified(ca), ca.certificate),
  'one of the CA that the pinned one has certified to follow it': async () => {
    const next = await makeAuthority(new Date())
    return shown(await certified(next), await certifyAuthority(ca, next, new Date()))
  },
  'an ended one, as long as nobody knows the time': async () =>
    shown(await certified(ca, { now: past(), lifetimeMs: YEAR })),
  'one of the far future, as long as nobody knows the time': async () =>
    shown(await certified(ca, { now: new Date(Date.UTC(2035, 0)), lifetimeMs: HOUR })),
}

const pem = () => ca.certificate.toString('pem')

async function identity(): Promise<TlsIdentity> {
  const { key } = await makeTlsRequest('camera')
  const { certificate, key: own } = await certified(ca, { name: 'camera', purpose: 'client' }).then(
    async made => ({
      certificate: made.certificate.toString('pem'),
      key: (await shown(made)).key,
    }),
  )
  return { name: 'camera', certificate, key: own ?? key, ca: pem(), notAfter: new Date(Date.now() + HOUR) }
}

describe.each(Object.entries(impostors))('who shows %s', (_what, shows) => {
  test('hears nothing by any of our lines', async () => {
    const server = await listener(await shows(), CONNACK)
    ends.push(server.close)
    const { host, port } = server
    const speaking = connectHub({ host, port, ca: pem(), signal }).then(({ socket }) => socket.end(SECRET))
    await expect(speaking).rejects.toMatchObject({ code: 'hub.ca' })
    const mqtt = connectBroker(`mqtts://${host}:${port}`, await identity(), { signal })
    await expect(mqtt).rejects.toMatchObject({ code: 'hub.ca' })
    const hub = await posedHub(ca, await shows(), { time: () => new Date() })
    ends.push(hub.close)
    const client = new HubClient({ url: hub.url, caId: keyIdOf(ca.certificate) })
    const asking = client.request(newSigner().id, { action: 'claim', claim: 'a.b.c' }, newSigner())
    await expect(asking).rejects.toMatchObject({ code: 'hub.ca' })
    // The CA is fetched without trust.
    expect(hub.requests).toEqual(['GET /ca.pem'])
    expect(server.heard.toString()).toBe('')
    // A greeting, and nothing encrypted: the client's certificate did not leave either.
    const records = await server.records()
    expect(records).toHaveLength(2)
    for (const types of records) expect(types).not.toContain(APPLICATION_DATA)
  })
})

describe.each(Object.entries(good))('who shows %s', (_what, shows) => {
  test('is the hub', async () => {
    const server = await listener(await shows(), CONNACK)
    ends.push(server.close)
    const { host, port } = server
    const { socket } = await connectHub({ host, port, ca: pem(), signal })
    const answered = new Promise(resolve => socket.once('data', resolve))
    socket.write(SECRET)
    await answered
    socket.destroy()
    expect(server.heard.toString()).toBe(SECRET)
    expect((await server.records())[0]).toContain(APPLICATION_DATA)
    const client = await connectBroker(`mqtts://${host}:${port}`, await identity(), { signal })
    client.end(true)
  })
})

describe('once a time is known', () => {
  const cases = [
    ['an ended certificate', { now: past(), lifetimeMs: YEAR }],
    ['one that is not good yet', { now: new Date(Date.now() + HOUR), lifetimeMs: YEAR }],
  ] as const

  test.each(cases)('%s is refused', async (_what, wanted) => {
    const old = await makeAuthority(past())
    const server = await listener(await shown(await certified(old, wanted)), CONNACK)
    ends.push(server.close)
    const signed = { time: Date.now(), heardAt: performance.now() }
    const line = { host: server.host, port: server.port, ca: old.certificate.toString('pem'), signal }
    await expect(connectHub({ ...line, signed })).rejects.toMatchObject({ code: 'hub.ca' })
    const tls = { ...(await identity()), ca: line.ca, signed }
    const mqtt = connectBroker(`mqtts://${server.host}:${server.port}`, tls, { signal })
    await expect(mqtt).rejects.toMatchObject({ code: 'hub.ca' })
    expect(server.heard.toString()).toBe('')
    const { socket } = await connectHub(line)
    socket.destroy()
  })

  test.each(cases)('%s is refused by the very answer that says the time', async (_what, wanted) => {
    const old = await makeAuthority(past())
    const hub = await posedHub(old, await shown(await certified(old, wanted)), { time: () => new Date() })
    ends.push(hub.close)
    const client = new HubClient({ url: hub.url, caId: keyIdOf(old.certificate) })
    const asking = client.request(newSigner().id, { action: 'claim', claim: 'a.b.c' }, newSigner())
    await expect(asking).rejects.toMatchObject({ code: 'hub.ca' })
    expect(hub.requests).toEqual(['GET /ca.pem', 'GET /nonce'])
    expect(hub.bodies).toEqual([])
  })

  test('a hub key or a CA that has ended vouches for nothing', async () => {
    const old = await makeAuthority(past())
    const hubKey = await certified(old, { purpose: 'hub-key', now: past(), lifetimeMs: YEAR })
    const ended = await makeAuthority(new Date(Date.now() - 11 * YEAR))
    for (const [by, options] of [
      [old, { hubKey, time: () => new Date() }],
      [ended, { time: () => new Date() }],
    ] as const) {
      const hub = await posedHub(by, await shown(await certified(by)), options)
      ends.push(hub.close)
      const client = new HubClient({ url: hub.url, caId: keyIdOf(by.certificate) })
      await expect(client.nonce(newSigner().id)).rejects.toMatchObject({ code: 'hub.ca' })
    }
  })
})

test('who takes a connection and says nothing is left at once when the client is to stop', async () => {
  const server = createServer()
  ends.push(() => new Promise(resolve => server.close(() => resolve())))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const caId = keyIdOf(ca.certificate)
  const tls = await identity()
  for (const call of [
    (signal: AbortSignal) => new HubClient({ url: `https://${address}`, caId }, { signal }).nonce(caId),
    (signal: AbortSignal) => connectBroker(`mqtts://${address}`, tls, { signal }),
  ]) {
    const stop = new AbortController()
    const calling = call(stop.signal)
    const [socket] = (await once(server, 'connection')) as [Socket]
    const closed = once(
      socket.resume().on('error', () => undefined),
      'close',
    )
    stop.abort()
    await expect(calling).rejects.toThrow()
    await closed
  }
})

test('a broker that goes before it has answered is told as gone', async () => {
  const server = await listener(await shown(await certified(ca)), CONNACK, { onlyOnce: true })
  ends.push(server.close)
  const tls = await identity()
  for (const ask of [
    (client: MqttClient) => subscribe(client, 'ownlens/1/a/b/1/ack'),
    (client: MqttClient) => publish(client, 'ownlens/1/a/b/1/status', Buffer.from('x')),
  ]) {
    const client = await connectBroker(`mqtts://${server.host}:${server.port}`, tls, { signal })
    await expect(ask(client)).rejects.toMatchObject({ code: 'hub.unreachable' })
    await expect(ask(client)).rejects.toMatchObject({ code: 'hub.unreachable' })
  }
})

test('an answer of before is no answer: the clock is not turned back', async () => {
  let time = Date.now()
  const options = { time: () => new Date(time), replays: true }
  const hub = await posedHub(ca, await shown(await certified(ca)), options)
  ends.push(hub.close)
  const client = new HubClient({ url: hub.url, caId: keyIdOf(ca.certificate) })
  const signer = newSigner()
  expect((await client.nonce(signer.id)).time).toBe(time)
  time += HOUR
  const asking = client.request(signer.id, { action: 'claim', claim: 'a.b.c' }, signer)
  await expect(asking).rejects.toMatchObject({ code: 'hub.answer' })
  expect(hub.bodies).toEqual([])
})

// To OpenSSL the two are one: a machine in 1970 at a hub of today, and one of today at a hub of 2080.
test.each([
  ['1970', Date.UTC(2080, 5)],
  ['2099', Date.UTC(1975, 5)],
])('a board whose own clock says %s, far from the hub’s, reaches it', async (_year, hubTime) => {
  const time = new Date(hubTime)
  const by = await makeAuthority(time)
  const hub = await posedHub(by, await shown(await certified(by, { now: time })), { time: () => time })
  ends.push(hub.close)
  const told: number[] = []
  const onTime = (signed: { time: number }) => told.push(signed.time)
  const client = new HubClient({ url: hub.url, caId: keyIdOf(by.certificate) }, { onTime })
  const signer = newSigner()
  expect((await client.nonce(signer.id)).time).toBe(hubTime)
  expect(told).toEqual([hubTime])
  await client.request(signer.id, { action: 'claim', claim: 'a.b.c' }, signer)
  expect(hub.bodies).toHaveLength(1)
  const { host, port, ...broker } = await listener(await shown(await certified(by, { now: time })), CONNACK)
  ends.push(broker.close)
  const signed = { time: hubTime, heardAt: performance.now() }
  const tls = { ...(await identity()), ca: by.certificate.toString('pem'), signed }
  const mqtt = await connectBroker(`mqtts://${host}:${port}`, tls, { signal })
  mqtt.end(true)
})
