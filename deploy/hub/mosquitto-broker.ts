import { type AddressInfo, createServer } from 'node:net'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { Disk } from '../../storage/disk.ts'
import { publish } from '../../wire/mqtt.ts'
import { hubTls } from '../../wire/tls.ts'
import type { Authority, PemIdentity } from './authority.ts'
import type { Broker, MessageHandler } from './broker.ts'
import { authority as hostAndPort, listen } from './listen.ts'
import { MosquittoFiles, type Row } from './mosquitto-files.ts'
import { type MosquittoProcess, startMosquitto } from './mosquitto-process.ts'

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
  /** Certificates whose sessions were pushed out, or that never had any. */
  #pushedOut = new Set<string>()
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
    const { disk, folder, authority, publicHost, port, take } = options
    this.#options = options
    this.#files = new MosquittoFiles(disk, folder, authority)
    this.#handlers = [take]
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
    const { program = 'mosquitto', log, certificates, authority } = this.#options
    const rows = await this.#files.writeRights(await certificates(), Date.now())
    this.#pushedOut = new Set(rows.map(row => row.serial))
    this.#process = await startMosquitto({ program, configuration: this.#files.configuration, log })
    void this.#process.ended.then(() => this.#bringBack('mosquitto has ended'))
    const link = await this.#connect(authority.client, 'hub')
    link.setMaxListeners(0)
    link.on('message', (topic, payload) => {
      for (const handler of this.#handlers) void handler(topic, payload)
    })
    await link.subscribeAsync('ownlens/1/#', { qos: 1 })
    this.#link = link
    link.once('close', () => this.#bringBack('the hub lost its broker'))
    await this.#schedule()
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
    const { certificates } = this.#options
    const rows = await this.#files.writeRights(await certificates(), Date.now())
    try {
      await this.#process?.reload()
    } catch (error) {
      // It reads them when it starts.
      return this.#bringBack((error as Error).message)
    }
    const out = rows.filter(row => !this.#pushedOut.has(row.serial))
    this.#pushedOut = new Set(rows.map(row => row.serial))
    for (const name of new Set(out.map(row => row.common_name))) await this.#pushOut(name)
    await this.#schedule()
  }

  async #pushOut(name: string): Promise<void> {
    const { authority, log } = this.#options
    try {
      const pusher = await this.#connect(await authority.pushOut(name), name)
      await pusher.endAsync()
    } catch (error) {
      log.error({ code: 'broker.failed', cause: (error as Error).message }, 'a session could not be ended')
    }
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

  /** mosquitto does not end a session at its certificate's end. */
  async #schedule(): Promise<void> {
    clearTimeout(this.#timer)
    const rows = await this.#options.certificates()
    const ends = rows.map(row => Date.parse(row.not_after)).filter(end => end > Date.now())
    if (ends.length === 0 || this.#over.signal.aborted) return
    const soonest = ends.reduce((least, end) => Math.min(least, end))
    // At most a minute: the clock may be set.
    const wait = Math.min(soonest - Date.now() + 50, 60_000)
    const due = () => void (soonest <= Date.now() ? this.#applySoon() : this.#inTurn(() => this.#schedule()))
    this.#timer = setTimeout(due, wait)
    this.#timer.unref()
  }

  #connect(identity: PemIdentity, clientId: string): Promise<MqttClient> {
    const { host, port, authority } = this.#options
    const local = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
    return connectAs(identity, authority.caPem, clientId, { host: local, port })
  }
}

async function freePort(host: string): Promise<number> {
  const server = createServer()
  await listen(server, host, 0)
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
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
  const client = await connectAsync({
    protocol: 'mqtts',
    host,
    port,
    protocolVersion: 4,
    clientId,
    clean: true,
    keepalive: 30,
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    ...hubTls(ca),
    cert: identity.certificate,
    key: identity.key,
  })
  client.on('error', () => client.end(true))
  return client
}
