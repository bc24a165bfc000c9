import { constants } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { z } from 'zod'
import { errorTable, OwnlensError } from '../../protocol/errors.ts'
import { clipId, epoch, id } from '../../protocol/fields.ts'
import { type CertificateName, nonceKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import type { Authority } from './authority.ts'
import { type ClipStore, cursorOf } from './clip-store.ts'
import type { Nonces } from './nonces.ts'
import type { Registrar } from './registrar.ts'

export interface HttpsParts {
  readonly authority: Authority
  readonly registrar: Registrar
  readonly nonces: Nonces
  readonly store: ClipStore
  readonly brokerUrl: () => string
  readonly now: () => Date
  readonly requestsPerMinute: number
  readonly log: Logger
}

const REQUEST_MAX = 256 * 1024
const CSR_MAX = 8 * 1024

/** The hub's HTTPS side: registrar (PROTOCOL 5) and the way to stored clips (PROTOCOL 6.7). */
export async function httpsServer(parts: HttpsParts): Promise<FastifyInstance> {
  const { authority, log } = parts
  const server = fastify({
    https: {
      key: authority.tls.key,
      cert: authority.tls.certificate,
      ca: authority.caPem,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET,
    },
    bodyLimit: REQUEST_MAX,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 200 },
  }) as unknown as FastifyInstance
  // Nothing is parsed here but by the protocol's own readers.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error, _request, reply) => {
    const answer = readable(error)
    if (answer.code === 'hub.request' && !(error instanceof OwnlensError))
      log.error({ error }, 'request failed')
    else log.info({ code: answer.code }, 'request refused')
    void reply
      .code(statusOf(answer.code))
      .send({ error: { code: answer.code, message: answer.message, todo: answer.todo } })
  })
  await server.register(rateLimit, {
    max: parts.requestsPerMinute,
    timeWindow: 60_000,
    cache: 10_000,
    errorResponseBuilder: () => new OwnlensError('hub.busy'),
  })
  registrarRoutes(server, parts)
  clipRoutes(server, parts)
  return server
}

function registrarRoutes(server: FastifyInstance, parts: HttpsParts): void {
  const { authority, registrar, nonces } = parts
  server.get('/ca.pem', (_request, reply) => reply.type('application/x-pem-file').send(authority.caPem))
  // RFC 7030 §4.1
  server.get('/.well-known/est/cacerts', (_request, reply) =>
    reply
      .type('application/pkcs7-mime; smime-type=certs-only')
      .header('content-transfer-encoding', 'base64')
      .send(Buffer.from(authority.certsOnly()).toString('base64')),
  )
  server.get('/nonce', async request => {
    const asker = parse(z.object({ for: id }), request.query).for
    const statement = {
      nonce: nonces.make(asker),
      for: asker,
      time: parts.now().toISOString(),
      epoch: await registrar.epochOf(asker),
      broker: parts.brokerUrl(),
    }
    const nonce = await makeStatement(nonceKind, statement, authority.hubKey)
    return { nonce, hub: Buffer.from(authority.hubCertificate).toString('base64') }
  })
  server.post('/request', async request => {
    await registrar.request(bodyOf(request))
    return { ok: true }
  })
  // RFC 7030 §4.2
  for (const path of ['simpleenroll', 'simplereenroll'])
    server.post(`/.well-known/est/${path}`, { bodyLimit: CSR_MAX }, async (request, reply) => {
      const csr = Buffer.from(bodyOf(request).replace(/-----[^-\n]+-----/g, ''), 'base64')
      const answer = await registrar.enrol(csr, String(request.headers['ownlens-statement'] ?? ''))
      return reply
        .type('application/pkcs7-mime; smime-type=certs-only')
        .header('content-transfer-encoding', 'base64')
        .send(Buffer.from(answer).toString('base64'))
    })
  server.get('/households/:householdId/roster', async request => {
    const { householdId } = parse(z.object({ householdId: id }), request.params)
    await nameOf(request, registrar, householdId, 'anyone of the household')
    return registrar.published(householdId)
  })
  server.get('/households/:householdId/claims', async request => {
    const { householdId } = parse(z.object({ householdId: id }), request.params)
    await nameOf(request, registrar, householdId, 'member')
    return { claims: await registrar.claims(householdId) }
  })
}

function clipRoutes(server: FastifyInstance, { registrar, store }: HttpsParts): void {
  const page = z.object({
    after: z.string().max(80).default(''),
    limit: z.coerce.number().int().min(1).max(500).default(200),
  })
  server.get('/clips/:householdId', async request => {
    const { householdId } = parse(z.object({ householdId: id }), request.params)
    await nameOf(request, registrar, householdId, 'member')
    const { after, limit } = parse(page, request.query)
    const clips = store.list(householdId, after, limit)
    const last = clips.at(-1)
    return { clips, next: last === undefined || clips.length < limit ? null : cursorOf(last) }
  })
  const path = z.object({
    householdId: id,
    epoch: z.coerce.number().pipe(epoch),
    deviceId: id,
    clipId,
    part: z.string().max(8),
  })
  server.get('/clips/:householdId/:epoch/:deviceId/:clipId/:part', async (request, reply) => {
    const asked = parse(path, request.params)
    await nameOf(request, registrar, asked.householdId, 'member')
    return reply
      .type('application/octet-stream')
      .send(Buffer.from(await store.read(asked, asked.clipId, asked.part)))
  })
}

/** Who asks, by TLS certificate, if it lets them into this household now. Throws `hub.forbidden`. */
async function nameOf(
  request: FastifyRequest,
  registrar: Registrar,
  householdId: string,
  who: 'member' | 'anyone of the household',
): Promise<CertificateName> {
  const socket = request.raw.socket as TLSSocket
  const serial = socket.authorized ? socket.getPeerX509Certificate()?.serialNumber : undefined
  const name = serial && (await registrar.nameOf(serial.toLowerCase().replace(/^0+/, '')))
  if (!name || name.householdId !== householdId) throw new OwnlensError('hub.forbidden')
  if (who === 'member' && name.kind !== 'member') throw new OwnlensError('hub.forbidden')
  return name
}

function bodyOf(request: FastifyRequest): string {
  if (typeof request.body !== 'string') throw new OwnlensError('hub.request', 'no body')
  return request.body
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new OwnlensError('hub.request', parsed.error.issues[0]?.path.join('.'))
  return parsed.data
}

/** What the asker is told: codes of our table, nothing of the inside. */
function readable(error: unknown): { code: keyof typeof errorTable; message: string; todo: string } {
  if (error instanceof OwnlensError) return { code: error.code, message: error.message, todo: error.todo }
  const { says, todo } = errorTable['hub.request']
  return { code: 'hub.request', message: says, todo }
}

function statusOf(code: string): number {
  if (code === 'hub.busy') return 429
  if (code === 'store.absent') return 404
  return code === 'hub.forbidden' || code === 'hub.household' ? 403 : 400
}
