import { randomBytes } from 'node:crypto'
import type { MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { base32 } from '../../protocol/ids.ts'
import { writePart } from '../../protocol/part.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import { type Attempt, closed, connectMqtt } from './mqtt-client.ts'
import { type Camera, startTestHub, type TestHub } from './test-hub.ts'

/** For what happens in its own time, on a busy machine too. */
export const PATIENT = { timeout: 20_000, interval: 50 }

export const newClipId = (): string => base32(randomBytes(16))
/** A part as cameras send it; nothing in it can be opened. */
export const openingPart = (): Buffer => Buffer.from(writePart('open', randomBytes(64)))

/** One hub for all tests of a `describe`, and what they do at its broker. */
export class BrokerWorld {
  readonly #clients: MqttClient[] = []
  #hub: TestHub | undefined
  /** Topics of all messages that passed the broker since the test began. */
  passed: string[] = []

  constructor(broker: 'aedes' | 'mosquitto') {
    beforeAll(async () => {
      this.#hub = await startTestHub({ broker: broker })
      this.#hub.hub.broker.onMessage(topic => void this.passed.push(topic))
    })
    afterEach(() => {
      for (const client of this.#clients.splice(0)) client.end(true)
      this.passed = []
      this.at.ahead = 0
    })
    afterAll(() => this.#hub?.close())
  }

  /** Homes, cameras and members at the hub. */
  get at(): TestHub {
    if (this.#hub === undefined) throw new Error('the hub has not started')
    return this.#hub
  }

  get url(): string {
    return this.at.hub.brokerUrl
  }

  async join(tls: TlsIdentity, options?: Attempt): Promise<MqttClient> {
    const client = await connectMqtt(this.url, tls, options)
    this.#clients.push(client)
    return client
  }

  async isRefused(tls: TlsIdentity, options?: Attempt): Promise<void> {
    await expect(this.join(tls, options)).rejects.toThrow()
  }

  async hasEnded(client: MqttClient): Promise<void> {
    await expect.poll(() => client.connected, PATIENT).toBe(false)
  }

  /** Publishes at QoS 1; returns when it is acknowledged or the connection is closed for it. */
  async publish(client: MqttClient, topic: string, payload: Buffer | string = 'x'): Promise<void> {
    await Promise.race([
      client.publishAsync(topic, payload, { qos: 1 }).catch(() => undefined),
      closed(client),
    ])
  }

  /** Returns when the broker is done with everything that came before: a message of the camera's own gets through. */
  async settled(camera: Camera): Promise<void> {
    const { tls } = await camera.enrol()
    const mark = `${camera.topic}/live/${newClipId()}`
    await this.publish(await this.join(tls), mark)
    await expect.poll(() => this.passed, PATIENT).toContain(mark)
  }

  /** How many clips the store has of this camera's home. */
  async stored(camera: Camera): Promise<number> {
    return (await this.at.hub.store.list(camera.home.id, '', 500)).clips.length
  }
}
