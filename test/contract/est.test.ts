import { execFileSync } from 'node:child_process'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enrolmentKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { makeTlsRequest, type TlsIdentity } from '../../wire/tls.ts'
import { type Answer, call } from '../support/https-call.ts'
import type { Home } from '../support/hub-people.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

const EST = '/.well-known/est'
let world: TestHub
let home: Home
let camera: Camera
let counter = 1

beforeAll(async () => {
  world = await startTestHub()
  home = await world.home()
  camera = await world.camera(home)
})
afterAll(() => world.close())

interface Wishes {
  readonly tls?: TlsIdentity
  readonly epoch?: number
  readonly of?: Camera
  readonly type?: string
  /** How the request travels. */
  readonly write?: (csr: Buffer) => string
}

async function enrol(operation: 'simpleenroll' | 'simplereenroll', wishes: Wishes = {}): Promise<Answer> {
  const { of = camera, epoch = 1, type = 'application/pkcs10' } = wishes
  const { write = csr => csr.toString('base64') } = wishes
  const made = await makeTlsRequest(of.id)
  const { nonce } = await world.client.nonce(of.id)
  const payload = {
    ...{ id: of.id, householdId: of.home.id, tlsKey: made.keyHash, caId: world.hub.caId, nonce },
    role: { kind: 'device', epoch, counter: ++counter, boot: 'a'.repeat(26) },
  } as const
  const statement = await makeStatement(enrolmentKind, payload, of.signer)
  return call(world.hub.url, `${EST}/${operation}`, {
    method: 'POST',
    body: write(Buffer.from(made.csr)),
    headers: { 'content-type': type, 'ownlens-statement': statement },
    ...(wishes.tls && { tls: wishes.tls }),
  })
}

function headers(path: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    request(world.hub.url + path, { rejectUnauthorized: false, agent: false }, response => {
      response.resume()
      resolve(response.headers)
    })
      .on('error', reject)
      .end()
  })
}

describe('what is told', () => {
  test('the CA and the wanted attributes have their types, in base64 of short lines', async () => {
    const types = {
      cacerts: 'application/pkcs7-mime; smime-type=certs-only',
      csrattrs: 'application/csrattrs',
    }
    for (const [name, type] of Object.entries(types)) {
      expect(await headers(`${EST}/${name}`)).toMatchObject({
        'content-type': type,
        'content-transfer-encoding': 'base64',
      })
      const { body } = await call(world.hub.url, `${EST}/${name}`)
      expect(body).toMatch(/^([A-Za-z0-9+/=]{1,64}\n)+$/)
    }
  })

  test('openssl reads the attributes: a P-256 key, signed with SHA-256', async () => {
    const { body } = await call(world.hub.url, `${EST}/csrattrs`)
    const input = Buffer.from(body, 'base64')
    const text = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input, encoding: 'utf8' })
    const shape = [...text.matchAll(/d=(\d).*?(SEQUENCE|SET|OBJECT)\s*(?::(\S+))?/g)].map(
      ([, ...found]) => found,
    )
    expect(shape).toEqual([
      ['0', 'SEQUENCE', undefined],
      ['1', 'SEQUENCE', undefined],
      ['2', 'OBJECT', 'id-ecPublicKey'],
      ['2', 'SET', undefined],
      ['3', 'OBJECT', 'prime256v1'],
      ['1', 'OBJECT', 'ecdsa-with-SHA256'],
    ])
  })
})

describe('a request', () => {
  test('is read in base64, with or without line ends and PEM’s marks', async () => {
    const lines = (csr: Buffer) => csr.toString('base64').replace(/.{64}/g, '$&\r\n')
    const pem = (csr: Buffer) =>
      `-----BEGIN CERTIFICATE REQUEST-----\n${lines(csr)}\n-----END CERTIFICATE REQUEST-----\n`
    for (const write of [lines, pem]) expect((await enrol('simpleenroll', { write })).status).toBe(200)
    expect((await enrol('simpleenroll', { type: 'application/PKCS10; charset=x' })).status).toBe(200)
  })

  test('of another type is refused, whatever is in it', async () => {
    const { tls } = await (await world.camera(home)).enrol()
    for (const type of ['application/pkcs7-mime', 'text/plain', 'application/pkcs10x'])
      for (const operation of ['simpleenroll', 'simplereenroll'] as const)
        expect(await enrol(operation, { type, tls })).toMatchObject({
          status: 400,
          code: 'enrol.csr',
        })
  })
})

describe('a renewal', () => {
  test('is for who shows the certificate that is renewed, while it counts', async () => {
    const of = await world.camera(home)
    const { tls } = await of.enrol(++counter)
    expect((await enrol('simplereenroll', { of, tls })).status).toBe(200)
    // That one was superseded by the renewal.
    expect(await enrol('simplereenroll', { of, tls })).toMatchObject({ status: 403, code: 'enrol.renewal' })
    expect(await enrol('simplereenroll', { of })).toMatchObject({ status: 403, code: 'enrol.renewal' })
    expect((await enrol('simpleenroll', { of })).status).toBe(200)
  })

  test('changes neither household nor epoch nor who it is', async () => {
    const [of, other] = [await world.camera(home), await world.camera(home)]
    const member = (await world.member(home)).tls
    const theirs = (await other.enrol(1)).tls
    for (const shown of [theirs, member])
      expect((await enrol('simplereenroll', { of, tls: shown })).code).toBe('enrol.renewal')
    const { tls } = await of.enrol(++counter)
    const elsewhere = { ...of, home: await world.home() }
    expect((await enrol('simplereenroll', { of: elsewhere, tls })).code).toBe('enrol.renewal')
    const again = await world.camera(home, { signer: of.signer, epoch: 2 })
    expect((await enrol('simplereenroll', { of: again, epoch: 2, tls })).code).toBe('enrol.renewal')
    expect((await enrol('simplereenroll', { of, tls })).code).toBe('enrol.renewal')
    expect((await enrol('simpleenroll', { of: again, epoch: 2 })).status).toBe(200)
  })
})
