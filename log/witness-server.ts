import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { REQUEST_MAX, type Witness, type WitnessAnswer } from './witness.ts'

const REQUEST_MS = 10_000
const CONNECTIONS_MAX = 256

interface Refused {
  readonly status: 404 | 413 | 500
  readonly body: string
}

/** A witness over HTTP: `POST /add-checkpoint`, nothing else. Behind a proxy it may be reached over TLS; what it says is signed. */
export async function serveWitness(
  witness: Witness,
  { host, port, log }: { host: string; port: number; log: Logger },
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const answer = async (request: IncomingMessage): Promise<WitnessAnswer | Refused> => {
    if (request.method !== 'POST' || request.url !== '/add-checkpoint')
      return { status: 404, body: 'POST /add-checkpoint\n' }
    const body = await bodyOf(request)
    return body === undefined ? { status: 413, body: 'too long\n' } : witness.add(body)
  }
  const respond = (response: ServerResponse, told: WitnessAnswer | Refused) => {
    log.info({ event: 'asked', status: told.status })
    const type = 'type' in told ? told.type : 'text/plain; charset=utf-8'
    // What was not read to its end must not be taken for the next request.
    const close = told.status === 413 ? { connection: 'close' } : {}
    response.writeHead(told.status, { 'content-type': type, ...close }).end(told.body)
  }
  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    answer(request)
      .catch((error: unknown): Refused => {
        log.error({ event: 'failed', error: String(error) })
        return { status: 500, body: 'the witness cannot keep a head\n' }
      })
      .then(told => respond(response, told))
  })
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > REQUEST_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
