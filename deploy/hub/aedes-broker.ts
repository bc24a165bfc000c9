import { constants } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes, type AuthenticateError, type Client, type Connection } from 'aedes'
import type { Logger } from 'pino'
import { OwnlensError } from '../../protocol/errors.ts'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import { mayPublish, maySubscribe } from './access.ts'
import type { PemIdentity } from './authority.ts'
import type { Admission, Broker } from './broker.ts'

export interface AedesBrokerOptions {
  readonly host: string
  readonly port: number
  /** The name that clients are told. */
  readonly publicHost: string
  readonly tls: PemIdentity
  readonly ca: string
  readonly admission: Admission
  readonly log: Logger
  /** Handed every message that passes; for tests and the demo's stranger. */
  readonly tap?: (topic: string, payload: Uint8Array, clientId: string) => void
  /** `none` takes the second lock away: everybody may publish and read everything. For drills. */
  readonly rules?: 'none'
}

/** A client that does not read for so long is cut off, before it costs memory. */
const DRAIN_MS = 3000
const PACKET_MAX = MESSAGE_MAX + 1024

interface Session {
  readonly client: Client
  readonly name: CertificateName
  readonly serial: string
  readonly timer: NodeJS.Timeout
}

/** The embedded broker: MQTT 3.1.1 over mutual TLS, its rules asked for every message. */
export async function aedesBroker(options: AedesBrokerOptions): Promise<Broker> {
  const { admission, log, tap, rules } = options
  const sessions = new Map<string, Session>()
  const handlers: ((topic: string, payload: Uint8Array) => void)[] = []
  const withWill = new WeakSet<Client>()
  const free = rules === 'none'

  const aedes = new Aedes({
    drainTimeout: DRAIN_MS,
    connectTimeout: 10_000,
    queueLimit: 1000,
    keepaliveLimit: 0,
    preConnect(client, packet, callback) {
      if (packet.will !== undefined) withWill.add(client)
      callback(null, true)
    },
    authenticate(client, _username, _password, done) {
      admit(client).then(
        () => done(null, true),
        error => {
          log.warn({ code: 'broker.refused', cause: (error as Error).message }, 'connection refused')
          done(refusal(5), false)
        },
      )
    },
    authorizePublish(client, packet, callback) {
      const name = client === null ? undefined : sessions.get(client.id)?.name
      packet.retain = false
      if (client === null || packet.payload.length > MESSAGE_MAX) return callback(refusal(5))
      if (free || (name !== undefined && mayPublish(name, packet.topic))) return callback(null)
      log.warn({ code: 'broker.refused' }, 'publish refused')
      callback(refusal(5))
    },
    authorizeSubscribe(client, subscription, callback) {
      const name = sessions.get(client.id)?.name
      if (free || (name !== undefined && maySubscribe(name, subscription.topic)))
        return callback(null, subscription)
      log.warn({ code: 'broker.refused' }, 'subscription refused')
      // A null subscription is answered with 0x80 (MQTT 3.1.1 §3.9.3).
      callback(null, null)
    },
    published(packet, client, callback) {
      if (client !== null && packet.topic.startsWith('ownlens/')) {
        const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload)
        tap?.(packet.topic, payload, client.id)
        for (const handler of handlers) handler(packet.topic, payload)
      }
      callback(null)
    },
  })
  await aedes.listen()

  async function admit(client: Client): Promise<void> {
    const socket = client.conn as TLSSocket
    // A will would speak after its sender has lost its rights.
    if (withWill.has(client)) throw new Error('it has a will')
    if (!socket.authorized) throw new Error(`TLS: ${socket.authorizationError?.message ?? 'not authorised'}`)
    const peer = socket.getPeerX509Certificate()
    const serial = (peer?.serialNumber ?? '').toLowerCase().replace(/^0+/, '')
    if (peer === undefined || socket.getPeerCertificate().subject.CN !== client.id)
      throw new Error('the client id is not the certificate’s name')
    const name = await admission.nameOf(serial)
    if (name === undefined) throw new Error('the certificate does not count')
    const left = Date.parse(peer.validTo) - Date.now()
    const timer = setTimeout(
      () => end(client.id, 'its certificate has ended'),
      Math.max(0, Math.min(left, 2 ** 31 - 1)),
    )
    clearTimeout(sessions.get(client.id)?.timer)
    sessions.set(client.id, { client, name, serial, timer })
  }

  function end(clientId: string, why: string): void {
    const session = sessions.get(clientId)
    if (session === undefined) return
    log.info({ why }, 'session ended')
    session.client.close()
    ;(session.client.conn as TLSSocket).destroy()
  }

  aedes.on('clientDisconnect', client => {
    const session = sessions.get(client.id)
    if (session?.client !== client) return
    clearTimeout(session.timer)
    sessions.delete(client.id)
  })

  const server = createServer(
    {
      key: options.tls.key,
      cert: options.tls.certificate,
      ca: options.ca,
      requestCert: true,
      // Refused after the handshake instead, so that the client hears why.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      // A resumed session would keep an expired certificate alive.
      secureOptions: constants.SSL_OP_NO_TICKET,
    },
    socket => {
      socket.on('error', () => socket.destroy())
      guardPacketSize(socket)
      aedes.handle(socket as unknown as Connection)
    },
  )
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(new OwnlensError('broker.failed', `${options.host}:${options.port}`, { cause })),
    )
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    url: `mqtts://${options.publicHost}:${port}`,
    onMessage: handler => void handlers.push(handler),
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const packet = {
          cmd: 'publish',
          topic,
          payload: Buffer.from(payload),
          qos: 1,
          retain: false,
          dup: false,
        } as const
        aedes.publish(packet, error => (error ? reject(error) : resolve()))
      }),
    async changed(owner) {
      for (const [clientId, { name, serial }] of sessions) {
        if (name.id === owner && (await admission.nameOf(serial)) === undefined)
          end(clientId, 'it lost its rights')
      }
    },
    connected: () => [...sessions.keys()],
    async close() {
      for (const clientId of [...sessions.keys()]) end(clientId, 'the hub stops')
      await new Promise<void>(resolve => aedes.close(resolve))
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

function refusal(returnCode: number): AuthenticateError {
  return Object.assign(new Error('refused'), { returnCode })
}

/** Ends a connection whose packet announces more than a message may have, before it is held in memory. */
function guardPacketSize(socket: TLSSocket): void {
  let skip = 0
  let header: number[] = []
  socket.on('data', (bytes: Buffer) => {
    let at = 0
    while (at < bytes.length) {
      if (skip > 0) {
        const step = Math.min(skip, bytes.length - at)
        skip -= step
        at += step
        continue
      }
      header.push(bytes[at++] ?? 0)
      const last = header.at(-1) ?? 0
      // Fixed header: one byte of type, one to four of length, the last without its high bit (MQTT 3.1.1 §2.2).
      if (header.length < 2 || ((last & 0x80) !== 0 && header.length < 5)) continue
      skip = header.slice(1).reduce((length, byte, index) => length + (byte & 0x7f) * 128 ** index, 0)
      header = []
      if (skip > PACKET_MAX) return void socket.destroy()
    }
  })
}
