import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { type ErrorCode, errorTable, OwnlensError } from '../../protocol/errors.ts'
import type { Disk } from '../../storage/disk.ts'
import type { Authority } from './authority.ts'
import { countedAs, hasCertificate } from './caller.ts'
import { clipRoutes } from './clip-routes.ts'
import type { ClipStore } from './clip-store.ts'
import { Door } from './door.ts'
import { enrolmentRoutes } from './enrolment-routes.ts'
import type { HubLog } from './hub-log.ts'
import { logRoutes } from './log-routes.ts'
import type { Nonces } from './nonces.ts'
import type { Registrar } from './registrar.ts'
import { registrarRoutes } from './registrar-routes.ts'
import type { Reports } from './reports.ts'
import type { Statuses } from './statuses.ts'
import { serverTls } from './tls-options.ts'
import { updateRoutes } from './update-routes.ts'

export interface HttpsParts {
  readonly authority: Authority
  readonly registrar: Registrar
  readonly nonces: Nonces
  readonly store: ClipStore
  /** Folder of files for everybody. */
  readonly updates: string
  readonly statuses: Statuses
  readonly reports: Reports
  readonly disk: Disk
  readonly hubLog: HubLog
  /** The log as this asker is told it: the hub's own, unless a drill has the hub lie. */
  readonly storyFor: (request: FastifyRequest) => Promise<Pick<HubLog, 'head' | 'consistency'>>
  readonly brokerUrl: () => string
  readonly now: () => Date
  /** From one network without a certificate; with one there may be `CERTIFIED_TIMES` as many. */
  readonly requestsPerMinute: number
  readonly log: Logger
}

const REQUEST_MAX = 256 * 1024
/** Opening a clip takes a request for each of its parts. */
const CERTIFIED_TIMES = 20
/** An enrolment is allowed every ten seconds, requests of a network are counted by the minute. */
const RETRY_AFTER_S = 10
const DOOR = { perNetwork: 512, inAll: 4096 }

/** The hub's HTTPS side: registrar (PROTOCOL 5) and the way to stored clips (PROTOCOL 6.7). */
export async function httpsServer(parts: HttpsParts): Promise<FastifyInstance> {
  const { authority, requestsPerMinute, log } = parts
  const server = fastify({
    https: {
      ...serverTls(authority.tls, authority.trustPem),
      headersTimeout: 10_000,
      connectionsCheckingInterval: 5000,
      maxHeaderSize: 16 * 1024,
    },
    bodyLimit: REQUEST_MAX,
    requestTimeout: 20_000,
    // Nothing came and nothing went for so long.
    connectionTimeout: 30_000,
    keepAliveTimeout: 10_000,
    maxRequestsPerSocket: 1000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    // A path that is none: answered like everything else.
    frameworkErrors: (_error, _request, reply) =>
      answer(reply as unknown as FastifyReply, new OwnlensError('hub.request')),
  }) as unknown as FastifyInstance
  new Door(DOOR).guard(server.server)
  // Nothing is parsed here but by the protocol's own readers.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error, _request, reply) => {
    const told = toTell(error)
    if (told.code === 'hub.failed') log.error({ err: error }, 'request failed')
    else log.info({ code: told.code }, 'request refused')
    answer(reply, told)
  })
  await server.register(rateLimit, {
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: countedAs,
    max: (_request: unknown, key: string) =>
      hasCertificate(key) ? requestsPerMinute * CERTIFIED_TIMES : requestsPerMinute,
    errorResponseBuilder: () => new OwnlensError('hub.busy'),
  })
  server.setNotFoundHandler({ preHandler: server.rateLimit() }, () => {
    throw new OwnlensError('hub.request', 'no such path')
  })
  // Whatever a request has changed is recorded by then.
  server.addHook('onResponse', async request => {
    if (request.method === 'POST') parts.hubLog.wake()
  })
  registrarRoutes(server, parts)
  enrolmentRoutes(server, parts)
  clipRoutes(server, parts)
  updateRoutes(server, parts.updates)
  logRoutes(server, parts)
  return server
}

function answer(reply: FastifyReply, { code, message, todo }: OwnlensError): void {
  if (code === 'hub.busy' && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_S)
  void reply.code(statusOf(code)).send({ error: { code, message, todo } })
}

/** Codes whose details say nothing of the hub's inside. */
const TOLD =
  /^(statement|roster|claim|pair|block|move|serial|station|enrol|hub|store|report|incident|log|check)\./

/** What the asker is told: an error of ours, nothing of the inside. */
function toTell(error: unknown): OwnlensError {
  if (error instanceof OwnlensError) {
    if (!TOLD.test(error.code)) return new OwnlensError('hub.failed', undefined, { cause: error })
    return errorTable[error.code].retry ? new OwnlensError(error.code) : error
  }
  // What fastify itself refuses: a body too large, a header too many.
  const { statusCode } = error as { statusCode?: unknown }
  const theirs = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  return new OwnlensError(theirs ? 'hub.request' : 'hub.failed', undefined, { cause: error })
}

function statusOf(code: ErrorCode): number {
  if (code === 'hub.busy' || code === 'station.busy') return 429
  if (code === 'hub.failed') return 500
  if (code === 'store.absent' || code === 'hub.absent' || code === 'log.tile') return 404
  return FORBIDDEN.has(code) ? 403 : 400
}

/** The request is understood and refused to this asker. */
const FORBIDDEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'hub.forbidden',
  'hub.household',
  'enrol.blocked',
  'enrol.claim',
  'enrol.cloned',
  'enrol.held',
  'enrol.member',
  'enrol.renewal',
])
