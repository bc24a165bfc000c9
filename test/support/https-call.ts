import type { IncomingHttpHeaders } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import type { TlsIdentity } from '../../wire/tls.ts'
import { hubTls } from './hub-tls.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  /** The code of a refusal. */
  readonly code: string | undefined
  readonly headers: IncomingHttpHeaders
}

/** One request with a path that nobody tidies up. */
export function call(
  url: string,
  path: string,
  options: {
    tls?: TlsIdentity
    ca?: string
    method?: string
    body?: string | Buffer
    headers?: Record<string, string>
  } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const { tls, method = 'GET', body, headers } = options
  const secure: RequestOptions = tls
    ? { ...hubTls(tls.ca), cert: tls.certificate, key: tls.key }
    : { rejectUnauthorized: false }
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: hostname, port, path, method, agent: false, ...secure, ...(headers && { headers }) },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const { statusCode: status = 0, headers: answered } = response
          resolve({ status, body: text, code: codeIn(text), headers: answered })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** A TLS connection on which HTTP is written by hand. */
export function rawHttps(url: string, options: object = {}): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...options }, () =>
      resolve(socket),
    )
    socket.on('error', reject)
  })
}

function codeIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code
  } catch {
    return undefined
  }
}
