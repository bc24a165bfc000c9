import { createPrivateKey } from 'node:crypto'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, createServer as createTcp } from 'node:net'
import { createServer as createTls } from 'node:tls'
import type { X509Certificate } from '@peculiar/x509'
import {
  type Certified,
  issue,
  keyToPem,
  makeCertified,
  type Purpose,
} from '../../deploy/hub/certificates.ts'
import { listen } from '../../deploy/hub/listen.ts'
import { signerOf } from '../../protocol/keys.ts'
import { nonceKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'

const HOST = '127.0.0.1'
export const YEAR = 365 * 24 * 3_600_000

/** A key with the certificates that a server shows, the leaf first. */
export interface Shown {
  readonly key: string
  readonly chain: readonly string[]
}

export async function shown(leaf: Certified, ...more: readonly X509Certificate[]): Promise<Shown> {
  const chain = [leaf.certificate, ...more].map(certificate => certificate.toString('pem'))
  return { key: await keyToPem(leaf.privateKey), chain }
}

/** A certificate as this authority gives it, with what is wrong. */
export function certified(
  by: Certified,
  { name = 'hub', purpose = 'hub-tls', now = new Date(), lifetimeMs = YEAR }: Wanted = {},
): Promise<Certified> {
  const alternativeNames = [{ type: 'url' as const, value: 'ownlens:hub' }]
  return makeCertified(by, { name, purpose, now, lifetimeMs, alternativeNames })
}

interface Wanted {
  readonly name?: string
  readonly purpose?: Purpose
  readonly now?: Date
  readonly lifetimeMs?: number
}

/**
 * A server that takes any TLS connection, asks for a certificate, and keeps what it is told. `says` is what it answers to the
 * first bytes, and to more; with `onlyOnce` it ends the line instead.
 */
export async function listener(identity: Shown, says?: Uint8Array, { onlyOnce = false } = {}) {
  const heard: Buffer[] = []
  const tls = createTls({ ...pemOf(identity), requestCert: true, rejectUnauthorized: false }, socket => {
    socket.on('error', () => undefined)
    let told = 0
    socket.on('data', bytes => {
      heard.push(bytes)
      if (onlyOnce && told++ > 0) socket.destroy()
      else if (says) socket.write(says)
    })
  })
  await listen(tls, HOST, 0)
  const lines: Promise<Buffer>[] = []
  const tap = createTcp(outside => {
    const inside = connect((tls.address() as AddressInfo).port, HOST)
    const sent: Buffer[] = []
    outside.on('data', bytes => sent.push(bytes))
    outside.on('error', () => undefined).pipe(inside)
    inside.on('error', () => undefined).pipe(outside)
    // A pipe whose other end has gone stops reading, and so would never hear of this end’s close.
    inside.once('close', () => outside.resume())
    lines.push(new Promise(resolve => outside.once('close', () => resolve(Buffer.concat(sent)))))
  })
  await listen(tap, HOST, 0)
  return {
    ...{ host: HOST, port: (tap.address() as AddressInfo).port },
    get heard() {
      return Buffer.concat(heard)
    },
    /** For each line that has ended: the types of the TLS records that the client sent (RFC 8446 §5.1). */
    async records(): Promise<readonly (readonly number[])[]> {
      return (await Promise.all(lines)).map(recordTypes)
    },
    async close() {
      for (const server of [tap, tls]) await new Promise(resolve => server.close(resolve))
    },
  }
}

function recordTypes(bytes: Buffer): number[] {
  const types: number[] = []
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes[at] ?? 0)
  return types
}

const pemOf = ({ key, chain }: Shown) => ({ key, cert: chain.join('\n') })

/** A hub that answers nonces and takes every request. What it says and shows may be wrong. */
export async function posedHub(
  ca: Certified,
  identity: Shown,
  options: {
    readonly time: () => Date
    /** Certifies the hub key. Default: the CA, for a year from `time()`. */
    readonly hubKey?: Certified
    /** The same answer to every question. */
    readonly replays?: boolean
  },
) {
  const hubKey = options.hubKey ?? (await certified(ca, { purpose: 'hub-key', now: options.time() }))
  const signer = signerOf(createPrivateKey(await keyToPem(hubKey.privateKey)))
  const hub = Buffer.from(hubKey.certificate.rawData).toString('base64')
  const requests: string[] = []
  const bodies: string[] = []
  let recorded: string | undefined
  const server = createHttps(pemOf(identity), async (request, response) => {
    const url = new URL(request.url ?? '/', 'https://hub')
    requests.push(`${request.method} ${url.pathname}`)
    for await (const chunk of request) bodies.push(String(chunk))
    if (url.pathname === '/ca.pem') return response.end(ca.certificate.toString('pem'))
    if (url.pathname !== '/nonce') return response.end('{"ok":true}')
    const { for: id = '', challenge = '' } = Object.fromEntries(url.searchParams)
    const payload = { nonce: 'a'.repeat(26), for: id, challenge, time: options.time().toISOString() }
    const nonce = await makeStatement(
      nonceKind,
      { ...payload, epoch: 0, broker: `mqtts://${HOST}:1` },
      signer,
    )
    recorded ??= nonce
    return response.end(JSON.stringify({ nonce: options.replays ? recorded : nonce, hub }))
  })
  await listen(server, HOST, 0)
  return {
    url: `https://${HOST}:${(server.address() as AddressInfo).port}`,
    requests,
    bodies,
    close: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}

/** A CA's key certified as a leaf would be, to show to clients. */
export async function leafOf(by: Certified, keys: Certified, name = 'hub'): Promise<Certified> {
  const { publicKey } = keys.certificate
  const certificate = await issue(by, {
    ...{ name, publicKey, purpose: 'hub-tls', now: new Date(), lifetimeMs: YEAR },
    alternativeNames: [{ type: 'url', value: 'ownlens:hub' }],
  })
  return { certificate, privateKey: keys.privateKey }
}
