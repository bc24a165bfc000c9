import { connect, type MqttClient } from 'mqtt'
import { OwnlensError } from '../protocol/errors.ts'
import { MESSAGE_MAX } from '../protocol/part.ts'
import { PacketGauge } from './packet-gauge.ts'
import { hubTls, type TlsIdentity } from './tls.ts'

/** A message with its topic and header. */
const PACKET_MAX = MESSAGE_MAX + 1024

/**
 * One connection to the broker: mutual TLS, MQTT 3.1.1, client id = the certificate's CN. It never reconnects by itself:
 * mqtt.js would send a refused message again for ever, so who wants to come back takes a fresh connection and its own
 * queue.
 *
 * @throws OwnlensError `hub.unreachable`, `broker.refused`.
 */
export async function connectBroker(
  url: string,
  tls: TlsIdentity,
  options: { signal: AbortSignal; timeoutMs?: number },
): Promise<MqttClient> {
  options.signal.throwIfAborted()
  const { host, port } = brokerAddress(url)
  const client = connect({
    protocol: 'mqtts',
    host,
    port,
    protocolVersion: 4,
    clientId: tls.name,
    clean: true,
    keepalive: 15,
    reconnectPeriod: 0,
    connectTimeout: options.timeoutMs ?? 10_000,
    queueQoSZero: false,
    ...hubTls(tls.ca),
    cert: tls.certificate,
    key: tls.key,
  })
  client.setMaxListeners(256)
  const gauge = new PacketGauge(PACKET_MAX)
  client.stream.on('data', (bytes: Uint8Array) => {
    if (!gauge.accepts(bytes)) client.stream.destroy(new OwnlensError('part.size', 'a packet of the broker'))
  })
  // A broker that takes the connection and then says nothing must not hold up who wants to stop.
  let giveUp: (cause: unknown) => void = () => undefined
  const stop = () => {
    client.end(true)
    giveUp(new Error('stopped'))
  }
  options.signal.addEventListener('abort', stop, { once: true })
  client.once('close', () => options.signal.removeEventListener('abort', stop))
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve())
      client.once('error', reject)
      client.once('close', () => reject(new Error('closed')))
      giveUp = reject
    })
  } catch (cause) {
    client.on('error', () => undefined)
    stop()
    options.signal.throwIfAborted()
    if (isRefusal(cause)) throw new OwnlensError('broker.refused', url, { cause })
    throw new OwnlensError('hub.unreachable', url, { cause })
  }
  client.on('error', stop)
  return client
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
  // mqtt.js keeps a message whose connection closed and never says so: the close is what tells.
  const { promise: gone, reject } = withReject()
  const close = () => reject(new OwnlensError('hub.unreachable', 'the broker has gone'))
  client.once('close', close)
  try {
    if (!client.connected) throw new OwnlensError('hub.unreachable', 'the broker has gone')
    await Promise.race([client.publishAsync(topic, bytes, { qos: 1 }), gone])
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
