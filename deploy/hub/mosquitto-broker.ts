import type { MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { Disk } from '../../storage/disk.ts'
import { openMqtt, publish, subscribe } from '../../wire/mqtt.ts'
import type { Authority, PemIdentity } from './authority.ts'
import type { Broker, MessageHandler } from './broker.ts'
import { freePort, authority as hostAndPort } from './listen.ts'
import { MosquittoFiles, type Row } from './mosquitto-files.ts'
import { type MosquittoProcess, startMosquitto } from './mosquitto-process.ts'
import { PushOut } from './push-out.ts'

export interface MosquittoBrokerOptions {
  readonly disk: Disk
  /** Configuration, ACL, CRL and keys are written here. */
  readonly folder: string
  readonly host: string
  readonly port: number
  readonly publicHost: string
  readonly authority: Authority
  readonly certificates: () => Promise<readonly Row[]>
  readonly log: Logger
  /** Takes every message from the first one on. */
  readonly take: MessageHandler
  /** Path of the program. */
  readonly program?: string
}

/** A session that could not be ended is tried again after this. */
const PUSH_AGAIN_MS = 1000
const ALL = 'ownlens/1/#'
const AGAIN_MS = [0, 1000, 2000, 5000, 15_000, 30_000]

/**
 * Debian's mosquitto as the broker, run by the hub. It asks nobody: its rights are files that the hub writes anew before the
 * answer that carries a certificate; certificates that count no more stand in a CRL, and their sessions are pushed out by a
 * connection under the same name (ARCHITECTURE, "mosquitto").
 */
export async function mosquittoBroker(options: MosquittoBrokerOptions): Promise<Broker> {
  // It does not choose a port by itself.
  const port = options.port === 0 ? await freePort(options.host) : options.port
  const broker = new MosquittoBroker({ ...options, port })
  await broker.open()
  return broker
}

class MosquittoBroker implements Broker {
  readonly url: string
  readonly #options: MosquittoBrokerOptions
  readonly #files: MosquittoFiles
  readonly #handlers: MessageHandler[]
  readonly #over = new AbortController()
  readonly #pushOut: PushOut
  #process: MosquittoProcess | undefined
  /** The hub is a client of its own broker. */
  #link: MqttClient | undefined
  #chain: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #returning: Promise<void> | undefined
  /** A start that is under way, and whether it came to something. */
  #attempt: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: MosquittoBrokerOptions) {
    const { disk, folder, authority, publicHost, port, take, log } = options
    this.#options = options
    this.#files = new MosquittoFiles(disk, folder, authority)
    this.#handlers = [take]
    this.#pushOut = new PushOut(async name => {
      const pusher = await this.#connect(await authority.pushOut(name), name)
      await pusher.endAsync()
    }, log)
    this.url = `mqtts://${hostAndPort(publicHost, port)}`
  }

  async open(): Promise<void> {
    await this.#files.writeConfiguration(this.#options.host, this.#options.port)
    try {
      await this.#start()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  onMessage(handler: MessageHandler): void {
    this.#handlers.push(handler)
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#link !== undefined) await publish(this.#link, topic, payload)
  }

  async changed(): Promise<void> {
    const applied = this.#applySoon()
    // While the broker is gone nobody has a session, and it starts with what counts then. One that is starting may have read
    // its files before this change.
    if (this.#returning === undefined || (await this.#attempt)) await applied
  }

  connected(): readonly string[] {
    return []
  }

  async close(): Promise<void> {
    this.#over.abort()
    clearTimeout(this.#timer)
    await this.#chain
    this.#link?.end(true)
    await this.#process?.stop()
  }

  async #start(): Promise<void> {
    const { program = 'mosquitto', log, authority } = this.#options
    const { rows, over } = await this.#writeRights()
    this.#pushOut.begin(over)
    this.#process = await startMosquitto({ program, configuration: this.#files.configuration, log })
    void this.#process.ended.then(() => this.#bringBack('mosquitto has ended'))
    const link = await this.#connect(authority.client, 'hub')
    link.setMaxListeners(0)
    link.on('message', (topic, payload) => {
      for (const handler of this.#handlers) void handler(topic, payload)
    })
    await subscribe(link, ALL)
    this.#link = link
    link.once('close', () => this.#bringBack('the hub lost its broker'))
    this.#schedule(rows)
  }

  /** Whatever is gone comes back, sooner or later. */
  #bringBack(why: string): void {
    if (this.#over.signal.aborted || this.#returning !== undefined) return
    this.#options.log.error({ code: 'broker.failed', why }, 'starting the broker again')
    const returning = this.#inTurn(() => this.#restart())
    this.#returning = returning
    void returning.then(() => {
      this.#returning = undefined
    })
  }

  async #restart(): Promise<void> {
    const { signal } = this.#over
    for (let attempt = 0; !signal.aborted; attempt++) {
      await pause(AGAIN_MS[Math.min(attempt, AGAIN_MS.length - 1)] ?? 0, signal)
      this.#link?.end(true)
      await this.#process?.stop()
      if (signal.aborted) return
      this.#attempt = this.#starts()
      const up = await this.#attempt
      this.#attempt = undefined
      if (up) return
    }
  }

  async #starts(): Promise<boolean> {
    try {
      await this.#start()
      return this.#link?.connected === true
    } catch (error) {
      this.#options.log.error({ cause: (error as Error).message }, 'the broker does not start')
      return false
    }
  }

  /** Everything that was committed before counts when it returns. */
  async #apply(): Promise<void> {
    const { rows, over } = await this.#writeRights()
    try {
      await this.#process?.reload()
      // It forgets a signal that comes while it reads its files. It does one thing at a time: this is answered after them.
      if (this.#link !== undefined) await subscribe(this.#link, ALL)
    } catch (error) {
      // It reads them when it starts.
      return this.#bringBack((error as Error).message)
    }
    const ended = await this.#pushOut.end(over)
    this.#schedule(rows, !ended)
  }

  /** Of one reading of the table: all rows, and the certificates among them that count no more. */
  async #writeRights(): Promise<{ rows: readonly Row[]; over: readonly Row[] }> {
    const rows = await this.#options.certificates()
    this.#pushOut.meet(rows)
    return { rows, over: await this.#files.writeRights(rows, Date.now()) }
  }

  /** One after the other. Never rejects. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const { log } = this.#options
    this.#chain = this.#chain
      .then(work)
      .catch(error => log.error({ cause: (error as Error).message }, 'rights not written'))
    return this.#chain
  }

  /** Whoever comes while another change is being applied shares the next one: reloads do not pile up. */
  #applySoon(): Promise<void> {
    this.#next ??= this.#inTurn(async () => {
      this.#next = undefined
      if (!this.#over.signal.aborted) await this.#apply()
    })
    return this.#next
  }

  /** mosquitto does not end a session at its certificate's end. @param again whether a session is left that had to end. */
  #schedule(rows: readonly Row[], again = false): void {
    clearTimeout(this.#timer)
    if (this.#over.signal.aborted) return
    const ends = rows.map(row => Date.parse(row.not_after)).filter(end => end > Date.now())
    const soonest = ends.reduce((least, end) => Math.min(least, end), Number.POSITIVE_INFINITY)
    // At most a minute: the clock may be set.
    const wait = again ? PUSH_AGAIN_MS : Math.min(soonest - Date.now() + 50, 60_000)
    this.#after(wait, () => (again || soonest <= Date.now() ? this.#applySoon() : this.#schedule(rows)))
  }

  #after(ms: number, work: () => unknown): void {
    this.#timer = setTimeout(work, ms)
    this.#timer.unref()
  }

  #connect(identity: PemIdentity, clientId: string): Promise<MqttClient> {
    const { host, port, authority } = this.#options
    const local = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
    return connectAs(identity, authority.trustPem, clientId, { host: local, port })
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
  })
}

async function connectAs(
  identity: PemIdentity,
  ca: string,
  clientId: string,
  { host, port }: { host: string; port: number },
): Promise<MqttClient> {
  const { signal } = new AbortController()
  const client = await openMqtt({ host, port, ca, identity, signal }, { clientId, keepalive: 30 })
  client.on('error', () => client.end(true))
  return client
}
