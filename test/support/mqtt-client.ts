import { connect as connectTls, type TLSSocket } from 'node:tls'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import type { TlsIdentity } from '../../wire/tls.ts'
import { hubTls } from './hub-tls.ts'

/** How somebody tries to come in: each field may be wrong. */
export type Attempt = Omit<IClientOptions, 'will'> & {
  readonly will?: { topic: string; payload: Buffer; qos: 0 | 1 | 2; retain: boolean }
}

/** One connection that stays down when it is cut off. Rejects when the broker does not let it in. */
export async function connectMqtt(url: string, tls: TlsIdentity, options: Attempt = {}): Promise<MqttClient> {
  const { hostname: host, port } = new URL(url)
  const client = await connectAsync({
    protocol: 'mqtts',
    host,
    port: Number(port),
    protocolVersion: 4,
    clientId: tls.name,
    clean: true,
    keepalive: 60,
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    ...hubTls(tls.ca),
    cert: tls.certificate,
    key: tls.key,
    ...options,
  })
  client.on('error', () => undefined)
  return client
}

/** Every message that a client gets, as `topic payload`. */
export function heard(client: MqttClient): string[] {
  const all: string[] = []
  client.on('message', (topic, payload) => all.push(`${topic} ${payload.toString()}`))
  return all
}

/** A TLS connection to the broker on which bytes are written by hand. */
export function rawLine(url: string, tls: TlsIdentity | undefined, options: object = {}): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const identity = tls && { ...hubTls(tls.ca), cert: tls.certificate, key: tls.key }
    const socket = connectTls(
      { host, port: Number(port), rejectUnauthorized: false, ...identity, ...options },
      () => resolve(socket),
    )
    socket.on('error', reject)
  })
}

/** MQTT 3.1.1 §3.1: CONNECT with a clean session. */
export function connectPacket(clientId: string, keepalive = 60): Buffer {
  const variable = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, keepalive >> 8, keepalive & 0xff])
  return packet(0x10, Buffer.concat([variable, text(clientId)]))
}

/** MQTT 3.1.1 §3.8: SUBSCRIBE. */
export function subscribePacket(filter: string, qos: 0 | 1 = 0): Buffer {
  return packet(0x82, Buffer.concat([Buffer.from([0, 1]), text(filter), Buffer.from([qos])]))
}

/** Any packet: its first byte, then what follows the length. */
export function packet(first: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([first]), remainingLength(body.length), body])
}

/** MQTT 3.1.1 §2.2.3. */
export function remainingLength(length: number): Buffer {
  const bytes: number[] = []
  do {
    const more = length >= 128 ? 0x80 : 0
    bytes.push((length % 128) | more)
    length = Math.floor(length / 128)
  } while (length > 0)
  return Buffer.from(bytes)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

/** Resolves when the connection is gone. */
export function closed(client: MqttClient): Promise<void> {
  return new Promise(resolve => (client.connected ? client.once('close', () => resolve()) : resolve()))
}

/** The next message. */
export function nextMessage(client: MqttClient): Promise<{ topic: string; payload: Buffer }> {
  return new Promise(resolve => client.once('message', (topic, payload) => resolve({ topic, payload })))
}

/** Resolves when the connection is gone, by whatever error. */
export function gone(socket: TLSSocket): Promise<void> {
  socket.on('error', () => undefined)
  return new Promise(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve())))
}
