import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes, type AuthenticateError, type Client, type Connection } from 'aedes'
import type { Logger } from 'pino'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { mayPublish, maySubscribe } from './access.ts'
import type { PemIdentity } from './authority.ts'
import type { Admission, Broker, MessageHandler } from './broker.ts'
import { serialOf } from './certificates.ts'
import { Door } from './door.ts'
import { authority, listen } from './listen.ts'
import { MqttLine } from './mqtt-line.ts'
import { type Session, Sessions } from './sessions.ts'
import { serverTls } from './tls-options.ts'

export interface AedesBrokerOptions {
  readonly host: string
  readonly port: number
  /** The name that clients are told. */
  readonly publicHost: string
  readonly tls: PemIdentity
  readonly ca: string
  readonly admission: Admission
  readonly log: Logger
  /** Takes every message from the first one on. */
  readonly take: MessageHandler
  /** Handed every message that passes; for tests and the demo's stranger. */
  readonly tap?: (topic: string, payload: Uint8Array, clientId: string) => void
  /** `none` takes the second lock away: everybody may publish and read everything. For drills. */
  readonly rules?: 'none'
}

const CONNECT_MS = 10_000
const KEEPALIVE_MAX_S = 120
/** So many filters one client may subscribe to at once. */
const FILTERS_MAX = 64
/** Strangers: connections of which it is not known yet who is there. */
const DOOR = { perNetwork: 512, inAll: 2048 }

/** The embedded broker: MQTT 3.1.1 over mutual TLS, its rules asked for every message. It keeps nothing for the absent. */
export async function aedesBroker(options: AedesBrokerOptions): Promise<Broker> {
  const { admission, log, take, tap, rules } = options
  const sessionOf = new WeakMap<Client, Session>()
  const sessions = new Sessions((_session, why) => log.info({ why }, 'session ended'))
  const handlers: MessageHandler[] = [take]
  const withWill = new WeakSet<Client>()
  const free = rules === 'none'
  const door = new Door(DOOR)

  const refuse = (what: string): AuthenticateError => {
    log.warn({ code: 'broker.refused', what }, 'refused')
    return Object.assign(new Error('refused'), { returnCode: 5 })
  }

  const aedes = new Aedes({
    connectTimeout: CONNECT_MS,
    keepaliveLimit: KEEPALIVE_MAX_S,
    queueLimit: 16,
    preConnect(client, packet, callback) {
      if (packet.will !== undefined) withWill.add(client)
      // Nothing waits here for who is not there: no queue grows, and no subscription outlives the rights it was made under.
      packet.clean = true
      callback(null, true)
    },
    authenticate(client, _username, _password, done) {
      admit(client).then(
        () => done(null, true),
        error => done(refuse((error as Error).message), false),
      )
    },
    authorizePublish(client, packet, callback) {
      const name = client === null ? undefined : sessionOf.get(client)?.name
      packet.retain = false
      if (name === undefined || packet.payload.length > MESSAGE_MAX) return callback(refuse('message'))
      // QoS 2 would have to be kept until its sender comes back to it.
      if (packet.qos === 2) return callback(refuse('QoS 2'))
      callback(free || mayPublish(name, packet.topic) ? null : refuse('publish'))
    },
    authorizeSubscribe(client, subscription, callback) {
      const session = sessionOf.get(client)
      const { topic } = subscription
      const granted =
        session !== undefined && (free || maySubscribe(session.name, topic)) && session.hears(topic)
      if (!granted) refuse('subscription')
      // A null subscription is answered with 0x80 (MQTT 3.1.1 §3.9.3).
      callback(null, granted ? subscription : null)
    },
    authorizeForward(client, packet) {
      const session = sessionOf.get(client)
      return session !== undefined && sessions.mayWait(session) ? packet : null
    },
    published(packet, client, callback) {
      if (client === null || !packet.topic.startsWith('ownlens/')) return callback(null)
      const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload)
      tap?.(packet.topic, payload, client.id)
      // aedes reads on from this client when it is called back.
      const waits = handlers.flatMap(handler => handler(packet.topic, payload) ?? [])
      if (waits.length === 0) callback(null)
      else Promise.all(waits).finally(() => callback(null))
    },
  })
  await aedes.listen()

  async function admit(client: Client): Promise<void> {
    const line = client.conn as unknown as MqttLine
    const { socket } = line
    // A will would speak after its sender has lost its rights.
    if (withWill.has(client)) throw new Error('it has a will')
    if (!socket.authorized) throw new Error(`TLS: ${socket.authorizationError ?? 'not authorised'}`)
    const peer = socket.getPeerX509Certificate()
    if (peer === undefined || socket.getPeerCertificate().subject.CN !== client.id)
      throw new Error('the client id is not the certificate’s name')
    const serial = serialOf(peer)
    const name = await admission.nameOf(serial)
    if (name === undefined) throw new Error('the certificate does not count')
    const notAfter = Date.parse(peer.validTo)
    const { id: clientId } = client
    const end = () => {
      client.close()
      line.destroy()
    }
    const filters = new Set<string>()
    const hears = (filter: string) => filters.add(filter).size <= FILTERS_MAX || !filters.delete(filter)
    sessionOf.set(client, { clientId, name, serial, notAfter, hears, behind: () => line.behind, end })
    line.open()
    door.known(socket)
  }

  /** Its rights may have gone since, or while it came in. */
  async function checkAgain(session: Session): Promise<void> {
    try {
      if ((await admission.nameOf(session.serial)) === undefined) sessions.end(session, 'it lost its rights')
    } catch {
      sessions.end(session, 'its rights are not known')
    }
  }

  aedes.on('client', client => {
    const session = sessionOf.get(client)
    if (session === undefined || client.closed) return
    sessions.add(session)
    void checkAgain(session)
  })
  aedes.on('clientDisconnect', client => {
    const session = sessionOf.get(client)
    if (session !== undefined) sessions.remove(session)
  })
  const sweeping = setInterval(() => sessions.sweep(Date.now()), 1000)
  sweeping.unref()

  const server = createServer(serverTls(options.tls, options.ca), (socket: TLSSocket) => {
    socket.setKeepAlive(true, 60_000)
    aedes.handle(new MqttLine(socket) as unknown as Connection)
  })
  door.guard(server)
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  try {
    await listen(server, options.host, options.port)
  } catch (error) {
    clearInterval(sweeping)
    aedes.close()
    throw error
  }
  const { port } = server.address() as AddressInfo

  return {
    url: `mqtts://${authority(options.publicHost, port)}`,
    onMessage: handler => void handlers.push(handler),
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
        const packet = { cmd: 'publish', topic, payload: bytes, qos: 1, retain: false, dup: false } as const
        aedes.publish(packet, error => (error ? reject(error) : resolve()))
      }),
    async changed(owners) {
      await Promise.all(owners.flatMap(owner => sessions.of(owner)).map(checkAgain))
    },
    connected: () => sessions.clientIds,
    async close() {
      clearInterval(sweeping)
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      sessions.endAll('the hub stops')
      await new Promise<void>(resolve => aedes.close(resolve))
      door.endAll()
      await closed
    },
  }
}
