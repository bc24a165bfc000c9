import type { TLSSocket } from 'node:tls'
import { MqttClient } from 'mqtt'
import { OwnlensError } from '../protocol/errors.ts'
import { MESSAGE_MAX } from '../protocol/part.ts'
import { connectHub, type HubLine } from './hub-line.ts'
import { PacketGauge } from './packet-gauge.ts'
import type { TlsIdentity } from './tls.ts'

/** A message with its topic and header. */
const PACKET_MAX = MESSAGE_MAX + 1024

const TIMEOUT_MS = 10_000

/**
 * One connection to the broker: mutual TLS, MQTT 3.1.1, client id = the certificate's CN. It never reconnects by itself:
 * mqtt.js would send a refused message again for ever, so who wants to come back takes a fresh connection and its own
 * queue.
 *
 * @throws OwnlensError `hub.unreachable`, `hub.ca`, `broker.refused`.
 */
export async function connectBroker(
  url: string,
  tls: TlsIdentity,
  options: { signal: AbortSignal; timeoutMs?: number },
): Promise<MqttClient> {
  const { signal, timeoutMs = TIMEOUT_MS } = options
  try {
    const line = { ...brokerAddress(url), ca: tls.ca, identity: tls, signed: tls.signed, signal }
    const client = await openMqtt(line, { clientId: tls.name, keepalive: 15, timeoutMs })
    client.on('error', () => client.end(true))
    return client
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof OwnlensError) throw cause
    if (isRefusal(cause)) throw new OwnlensError('broker.refused', url, { cause })
    throw new OwnlensError('hub.unreachable', url, { cause })
  }
}

/**
 * An MQTT 3.1.1 session over a line whose other end was checked first: mqtt.js would send its CONNECT before. Rejects with
 * what the line, TLS or the broker says.
 */
export async function openMqtt(
  line: HubLine,
  options: { clientId: string; keepalive: number; timeoutMs?: number },
): Promise<MqttClient> {
  const { clientId, keepalive, timeoutMs = TIMEOUT_MS } = options
  const opening = AbortSignal.any([line.signal, AbortSignal.timeout(timeoutMs)])
  const { socket } = await connectHub({ ...line, signal: opening })
  const client = new MqttClient(() => socket, {
    ...{ clientId, keepalive, protocolVersion: 4, clean: true },
    ...{ reconnectPeriod: 0, connectTimeout: timeoutMs, queueQoSZero: false },
  })
  client.setMaxListeners(256)
  watchPackets(socket)
  // A broker that takes the connection and then says nothing must not hold up who wants to stop.
  let giveUp: (cause: unknown) => void = () => undefined
  const stop = () => {
    client.end(true)
    giveUp(new Error('stopped'))
  }
  line.signal.addEventListener('abort', stop, { once: true })
  client.once('close', () => line.signal.removeEventListener('abort', stop))
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve())
      client.once('error', reject)
      client.once('close', () => reject(new Error('closed')))
      giveUp = reject
      if (line.signal.aborted) stop()
    })
    return client
  } catch (cause) {
    client.on('error', () => undefined)
    stop()
    throw cause
  }
}

function watchPackets(socket: TLSSocket): void {
  const gauge = new PacketGauge(PACKET_MAX)
  socket.on('data', (bytes: Uint8Array) => {
    if (!gauge.accepts(bytes)) socket.destroy(new OwnlensError('part.size', 'a packet of the broker'))
  })
}

/**
 * Whether the other side says no: CONNACK 2 or 5 (MQTT 3.1.1 §3.2.2.3), or TLS's own word for a certificate that does not
 * count. A hub that is merely not there says neither.
 */
function isRefusal(cause: unknown): boolean {
  const { code } = cause as { code?: unknown }
  return code === 5 || code === 2 || (typeof code === 'string' && /^ERR_SSL_.*ALERT/.test(code))
}

/** Publishes at QoS 1 and returns when the broker has acknowledged. Throws `hub.unreachable` when it has gone. */
export async function publish(client: MqttClient, topic: string, payload: Uint8Array): Promise<void> {
  if (payload.length > MESSAGE_MAX) throw new OwnlensError('part.size', `${payload.length} bytes`)
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  await whileConnected(client, () => client.publishAsync(topic, bytes, { qos: 1 }))
}

/** Bytes that a line holds back at most; then it is slower than what is shown on it. */
const HELD_BACK_MAX = 3 * 1024 * 1024

/** Publishes at QoS 0 what is worth nothing later. False, and nothing is sent, when the line holds too much back already. */
export function publishLive(client: MqttClient, topic: string, payload: Uint8Array): boolean {
  const { stream } = client as { stream?: { readonly writableLength?: number } }
  if (!client.connected || (stream?.writableLength ?? 0) > HELD_BACK_MAX) return false
  client.publish(topic, Buffer.from(payload.buffer, payload.byteOffset, payload.length), { qos: 0 })
  return true
}

/**
 * Subscribes at QoS 1 and returns when the broker has granted it.
 *
 * @throws OwnlensError `hub.unreachable` when the broker goes before it has answered, `broker.refused` when it says no.
 */
export async function subscribe(client: MqttClient, topic: string): Promise<void> {
  await whileConnected(client, () =>
    client.subscribeAsync(topic, { qos: 1 }).catch((cause: unknown) => {
      if (!client.connected) throw cause
      throw new OwnlensError('broker.refused', topic, { cause })
    }),
  )
}

/** mqtt.js keeps what it sent over a connection that closed, and never says so: the close is what tells. */
async function whileConnected(client: MqttClient, send: () => Promise<unknown>): Promise<void> {
  const { promise: gone, reject } = withReject()
  const close = () => reject(new OwnlensError('hub.unreachable', 'the broker has gone'))
  client.once('close', close)
  try {
    if (!client.connected) throw new OwnlensError('hub.unreachable', 'the broker has gone')
    await Promise.race([send(), gone])
  } catch (cause) {
    if (cause instanceof OwnlensError) throw cause
    throw new OwnlensError('hub.unreachable', 'the broker has gone', { cause })
  } finally {
    client.off('close', close)
  }
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<never>((_resolve, refuse) => {
    reject = refuse
  })
  promise.catch(() => undefined)
  return { promise, reject }
}

function brokerAddress(url: string): { host: string; port: number } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'mqtts:') throw new OwnlensError('hub.answer', `not a broker’s address: ${url}`)
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 8883) }
}
