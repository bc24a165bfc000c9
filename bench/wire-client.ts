import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { Acks } from '../agent/acks.ts'
import { HUB_GONE_MS, jittered, waitAfter } from '../agent/pause.ts'
import { seal } from '../agent/seal.ts'
import { codeOf } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import { privateKeyFromPem, type Signer, signerOf } from '../protocol/keys.ts'
import { writePart } from '../protocol/part.ts'
import { writeTopic } from '../protocol/topics.ts'
import type { HubClient } from '../wire/hub-client.ts'
import { connectBroker, publish, subscribe } from '../wire/mqtt.ts'
import type { WireCamera } from './wire-homes.ts'

const CHUNKS = 2
const CHUNK = 64 * 1024
const ACK_MS = 120_000

export interface WireClientOptions {
  readonly hub: HubClient
  /** Made anew at every start of its process. */
  readonly boot: string
  /** From the beginning of one clip to that of the next. */
  readonly everyMs: number
  readonly onAck: (bytes: number) => void
}

/**
 * A camera on the wire, without a picture: the agent's own statements, TLS, seals and acknowledgements, with random bytes in the
 * place of video.
 */
export class WireClient {
  readonly #camera: WireCamera
  readonly #signer: Signer
  readonly #options: WireClientOptions
  #counter = 0
  #clips = 0

  constructor(camera: WireCamera, options: WireClientOptions) {
    this.#camera = camera
    this.#signer = signerOf(privateKeyFromPem(camera.key))
    this.#options = options
  }

  /**
   * Gets a certificate, connects, and uploads a clip every so often until the broker ends the session. Where the hub does not
   * answer in time it tries again, as the agent does.
   *
   * @param closed told as soon as the connection's end is here.
   */
  async join(closed: () => void): Promise<void> {
    for (let failures = 0; ; ) {
      try {
        await this.#connect(closed)
        return
      } catch (error) {
        if (codeOf(error) !== 'hub.unreachable') throw error
        await rest(jittered(waitAfter(failures++, HUB_GONE_MS)), new AbortController().signal)
      }
    }
  }

  async #connect(closed: () => void): Promise<void> {
    const { hub, boot } = this.#options
    const { deviceId, householdId, epoch } = this.#camera
    const role = { kind: 'device', epoch, counter: ++this.#counter, boot } as const
    const { tls, hub: hello } = await hub.enrol({
      ...{ commonName: deviceId, householdId, role, signer: this.#signer },
    })
    const over = new AbortController()
    setMaxListeners(0, over.signal)
    const client = await connectBroker(hello.broker, tls, { signal: over.signal })
    client.once('close', () => over.abort(new Error('closed')))
    const acks = new Acks(deviceId, hello.hubKeyId)
    client.on('message', (_topic, message) => {
      acks.take(message).catch(() => undefined)
    })
    await subscribe(client, writeTopic({ householdId, epoch, deviceId, kind: 'ack' }))
    client.once('close', closed)
    this.#upload(client, acks, over.signal).catch(() => client.end(true))
  }

  async #upload(client: Parameters<typeof publish>[0], acks: Acks, signal: AbortSignal): Promise<void> {
    const { everyMs, onAck } = this.#options
    const { deviceId, householdId, epoch } = this.#camera
    let due = performance.now() + Math.random() * everyMs
    for (;;) {
      await rest(due - performance.now(), signal)
      due += everyMs
      const clipId = base32(randomBytes(16))
      for await (const { name, kind, payload, parts } of this.#clip(clipId)) {
        const bytes = writePart(kind, payload, parts)
        const { sha256 } = JSON.parse(Buffer.from(bytes.subarray(0, bytes.indexOf(0x0a))).toString())
        const acknowledged = acks.wait({ clipId, part: name, sha256 }, { signal, timeoutMs: ACK_MS })
        acknowledged.catch(() => undefined)
        const topic = writeTopic({ householdId, epoch, deviceId, kind: 'clip', clipId, part: name })
        await publish(client, topic, bytes)
        await acknowledged
        onAck(bytes.length)
      }
    }
  }

  #clip(clipId: string) {
    const { deviceId, householdId, epoch, recipients } = this.#camera
    const envelope = { audience: 'household', householdId, deviceId, epoch, roster: 1 } as const
    const head = { clipId, counter: ++this.#clips, startedAt: new Date(), clockSure: true, audio: false }
    const tail = {
      ...{ durationMs: 5000, triggers: ['motion' as const], end: 'event' as const },
      ...{ faces: [], previous: null, thumbnail: undefined },
    }
    const parts = {
      ...{ member: { recipients, envelope }, signer: this.#signer },
      monotonic: () => performance.now(),
    }
    return seal(
      video(),
      { ...head, trigger: 'motion' },
      async () => tail,
      parts,
      async () => undefined,
    )
  }
}

async function* video(): AsyncGenerator<Uint8Array> {
  for (let chunk = 0; chunk < CHUNKS; chunk++) yield randomBytes(CHUNK)
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const aborted = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', aborted)
      resolve()
    }, ms)
    signal.addEventListener('abort', aborted, { once: true })
  })
}
