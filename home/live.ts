import { randomBytes } from 'node:crypto'
import type { MqttClient } from 'mqtt'
import type { CameraCommand } from '../protocol/command.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import {
  type LiveEnd,
  LiveReader,
  type LiveThing,
  liveEnd,
  liveKind,
  readLiveMessage,
} from '../protocol/live.ts'
import { statusKind } from '../protocol/messages.ts'
import { statusesAnswer } from '../protocol/registrar.ts'
import { openStatement } from '../protocol/sealed.ts'
import { writeTopic } from '../protocol/topics.ts'
import { connectBroker, publish, subscribe } from '../wire/mqtt.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { blockedNow, mustBeBefore } from './blocks.ts'
import { openStatus } from './camera-reports.ts'
import { type HomeCamera, mustBeOf } from './cameras.ts'
import type { Household } from './household.ts'
import { sealCommand } from './order-camera.ts'

/** How often the camera is told that somebody watches, and how long it may be silent. */
const KEEP_MS = 2000
const SILENT_MS = 10_000
/** A request that was not answered is made again. */
const ASK_MS = 1500

/** What a live view tells whoever watches. */
export interface LiveSink {
  /** The fMP4's start (before each key picture), or a fragment of it, in order. */
  show(thing: LiveThing): void
  /** A message was refused, by code: damaged, of another session, come twice. The view goes on. */
  refused(error: OwnlensError): void
}

/** How a view ended, and how many pieces of it never came. */
export interface LiveResult {
  readonly why: LiveEnd | 'left'
  readonly lost: number
}

/**
 * Watches a camera live (PROTOCOL 7.5, 7.6) until the signal, or until the camera ends it. Shows nothing but what the camera's key
 * has signed for this very request; the hub can hold it up, and that shows.
 *
 * @throws OwnlensError `live.silent`, `hub.unreachable`, `clip.blocked`, and what enrolment throws.
 */
export async function watchLive(
  household: Household,
  camera: HomeCamera,
  sink: LiveSink,
  { signal }: { signal: AbortSignal },
): Promise<LiveResult> {
  const { tls, broker } = await household.enrol()
  const over = new AbortController()
  const client = await connectBroker(broker, tls, { signal: over.signal })
  const view = new View(household, camera, sink, client)
  const leave = () => view.end('left')
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  try {
    await view.begin(tls)
    return { why: await view.ended, lost: view.lost }
  } finally {
    signal.removeEventListener('abort', leave)
    await view.close()
    over.abort()
  }
}

interface Settle {
  readonly resolve: (why: LiveEnd | 'left') => void
  readonly reject: (error: unknown) => void
}

class View {
  readonly #household: Household
  readonly #camera: HomeCamera
  readonly #sink: LiveSink
  readonly #client: MqttClient
  readonly #session = base32(randomBytes(16))
  readonly #timers: NodeJS.Timeout[] = []
  #boot: string | undefined
  #reader: LiveReader | undefined
  #heardAt = performance.now()
  #turn: Promise<unknown> = Promise.resolve()
  #left = false
  readonly ended: Promise<LiveEnd | 'left'>
  #settle: Settle

  constructor(household: Household, camera: HomeCamera, sink: LiveSink, client: MqttClient) {
    this.#household = household
    this.#camera = camera
    this.#sink = sink
    this.#client = client
    let settle: Settle = { resolve: () => undefined, reject: () => undefined }
    this.ended = new Promise((resolve, reject) => {
      settle = { resolve, reject }
    })
    this.ended.catch(() => undefined)
    this.#settle = settle
  }

  get lost(): number {
    return this.#reader?.lost ?? 0
  }

  end(why: LiveEnd | 'left'): void {
    this.#left ||= why === 'left'
    this.#settle.resolve(why)
  }

  async begin(tls: TlsIdentity): Promise<void> {
    const { deviceId, epoch } = this.#camera
    const address = { householdId: this.#household.id, epoch, deviceId }
    const statusTopic = writeTopic({ ...address, kind: 'status' })
    const liveTopic = writeTopic({ ...address, kind: 'live', session: this.#session })
    this.#client.once('close', () =>
      this.#settle.reject(new OwnlensError('hub.unreachable', 'the broker has gone')),
    )
    this.#client.on('message', (topic, message) => {
      // One after the other, in the order in which they came.
      this.#turn = this.#turn
        .then(() =>
          topic === statusTopic
            ? this.#status(message)
            : topic === liveTopic
              ? this.#live(message)
              : undefined,
        )
        .catch(error => this.#refuse(error))
    })
    await Promise.all([
      subscribe(this.#client, liveTopic),
      subscribe(this.#client, statusTopic),
      this.#firstStatus(tls),
    ])
    if (this.#boot !== undefined) await this.#ask()
    this.#timers.push(
      setInterval(() => void this.#ask().catch(error => this.#settle.reject(error)), ASK_MS),
      setInterval(() => void this.#keep(), KEEP_MS),
    )
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    // A camera that does not hear it finds out by itself.
    if (this.#left) await this.#order('live.stop').catch(() => undefined)
  }

  /** The newest status at the hub says which start of the camera is to be asked. */
  async #firstStatus(tls: TlsIdentity): Promise<void> {
    const { id, hub } = this.#household
    const { deviceId, epoch } = this.#camera
    const { statuses } = await hub.getJson(`/households/${id}/status`, tls, statusesAnswer)
    const kept = statuses.find(one => one.deviceId === deviceId && one.epoch === epoch)
    if (kept === undefined) return
    this.#boot ??= (await openStatus(this.#household, this.#camera, kept)).payload.boot
  }

  async #status(message: Uint8Array): Promise<void> {
    const { payload } = await openStatement(
      statusKind,
      message,
      this.#household.identities,
      this.#camera.deviceId,
    )
    mustBeOf(this.#camera, payload)
    if (payload.boot === this.#boot || this.#reader !== undefined) return
    this.#boot = payload.boot
    await this.#ask()
  }

  async #live(message: Uint8Array): Promise<void> {
    const { kind, bytes } = readLiveMessage(message)
    if (kind === 'offer') return this.#offer(bytes)
    if (this.#reader === undefined) throw new OwnlensError('live.frame', 'a piece before its key')
    const thing = this.#reader.take(bytes)
    this.#heardAt = performance.now()
    if (thing?.type === 'end') this.end(liveEnd.parse(new TextDecoder().decode(thing.data)))
    else if (thing !== undefined) this.#show(thing)
  }

  /** Who watches may have had enough in a way of its own: that is no fault of the message's. */
  #show(thing: LiveThing): void {
    try {
      this.#sink.show(thing)
    } catch (error) {
      this.#settle.reject(error)
    }
  }

  /** Takes the session's key: the camera's signature over this request. The first one counts, for good. */
  async #offer(sealed: Uint8Array): Promise<void> {
    if (this.#reader !== undefined) return
    const { deviceId, epoch } = this.#camera
    const { payload } = await openStatement(liveKind, sealed, this.#household.identities, deviceId)
    mustBeOf(this.#camera, payload)
    if (payload.session !== this.#session) throw new OwnlensError('clip.envelope', 'another request’s')
    mustBeBefore(await blockedNow(this.#household), { deviceId, epoch, at: payload.at })
    this.#reader = new LiveReader(Buffer.from(payload.key, 'base64'))
    this.#heardAt = performance.now()
  }

  async #ask(): Promise<void> {
    if (performance.now() - this.#heardAt > SILENT_MS) throw new OwnlensError('live.silent')
    if (this.#reader === undefined) await this.#order('live.start')
  }

  async #keep(): Promise<void> {
    if (this.#reader !== undefined) await this.#order('live.keep').catch(error => this.#settle.reject(error))
  }

  async #order(what: CameraCommand['do']): Promise<void> {
    const { deviceId, epoch } = this.#camera
    if (this.#boot === undefined) return
    const command = { do: what, session: this.#session }
    const sealed = await sealCommand(this.#household, this.#camera, this.#boot, command, Date.now())
    const topic = writeTopic({ householdId: this.#household.id, epoch, deviceId, kind: 'command' })
    await publish(this.#client, topic, sealed)
  }

  #refuse(error: unknown): void {
    // What is wrong with the camera's standing ends it; a bad message only is left out.
    if (codeOf(error) === undefined || codeOf(error) === 'clip.blocked') this.#settle.reject(error)
    else this.#sink.refused(error as OwnlensError)
  }
}
