import { type ChildProcess, spawn } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import { OwnlensError } from '../../protocol/errors.ts'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { readCertificateUri } from '../../protocol/registrar.ts'
import { type Disk, replaceFile } from '../../storage/disk.ts'
import { hubTls } from '../../wire/tls.ts'
import { rightsOf } from './access.ts'
import type { Authority, PemIdentity } from './authority.ts'
import type { Broker } from './broker.ts'
import type { Tables } from './database.ts'

type Row = Tables['certificates']

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
  /** Path of the program. */
  readonly program?: string
}

const START_MS = 10_000

/**
 * Debian's mosquitto as the broker, run by the hub. It asks nobody: its rights are a file that the hub writes anew with
 * every certificate, before the answer that carries it; certificates that count no more stand in a CRL, and their sessions
 * are pushed out by a connection under the same name (ARCHITECTURE, "mosquitto").
 */
export async function mosquittoBroker(wanted: MosquittoBrokerOptions): Promise<Broker> {
  const options = { ...wanted, port: wanted.port === 0 ? await freePort(wanted.host) : wanted.port }
  const { disk, folder, authority, log } = options
  await disk.makeFolder(folder)
  const at = (name: string) => join(folder, name)
  await replaceFile(disk, at('ca.pem'), authority.caPem)
  await replaceFile(disk, at('server.pem'), authority.tls.certificate)
  await replaceFile(disk, at('server.key'), authority.tls.key)
  await replaceFile(disk, at('mosquitto.conf'), configuration(options, at))
  const ended = new Set<string>()
  let chain: Promise<void> = Promise.resolve()
  let closing = false

  /** Writes what counts now. Returns the client ids whose certificates count no more and were not pushed out yet. */
  async function writeRights(): Promise<readonly string[]> {
    const now = Date.now()
    const rows = await options.certificates()
    const over = rows.filter(row => row.superseded_at !== null || Date.parse(row.not_after) <= now)
    // The CRL first: nobody may come in under an old certificate with new rights.
    const revoked = over.map(row => ({
      serial: row.serial,
      at: new Date(row.superseded_at ?? row.not_after),
    }))
    await replaceFile(disk, at('crl.pem'), await authority.crl(revoked))
    await replaceFile(disk, at('acl'), aclText(rows.filter(row => !over.includes(row))))
    const fresh = over.filter(row => !ended.has(row.serial))
    for (const { serial } of fresh) ended.add(serial)
    return [...new Set(fresh.map(row => row.common_name))]
  }

  await writeRights()
  let running = await start(options, at('mosquitto.conf'))
  const handlers: ((topic: string, payload: Uint8Array) => void)[] = []
  const address = { host: options.host === '0.0.0.0' ? '127.0.0.1' : options.host, port: options.port }
  const connect = (identity: PemIdentity, clientId: string) =>
    connectAs(identity, authority.caPem, clientId, address)
  let client = await hubClient()

  async function hubClient(): Promise<MqttClient> {
    const connected = await connect(authority.client, 'hub')
    connected.on('message', (topic, payload) => {
      for (const handler of handlers) handler(topic, payload)
    })
    await connected.subscribeAsync('ownlens/1/#', { qos: 1 })
    return connected
  }

  async function apply(): Promise<void> {
    const out = await writeRights()
    const reloaded = running.nextReload()
    running.process.kill('SIGHUP')
    await reloaded
    for (const name of out) await pushOut(name)
    schedule()
  }

  async function pushOut(name: string): Promise<void> {
    try {
      const pusher = await connect(await authority.pushOut(name), name)
      await pusher.endAsync()
    } catch (error) {
      log.error({ code: 'broker.failed', cause: (error as Error).message }, 'a session could not be ended')
    }
  }

  /** One after the other; each sees everything that was committed before it. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const result = chain.then(work)
    chain = result.catch(error => log.error({ cause: (error as Error).message }, 'rights not written'))
    return result
  }

  let timer: NodeJS.Timeout | undefined
  function schedule(): void {
    clearTimeout(timer)
    void options.certificates().then(rows => {
      const ends = rows.map(row => Date.parse(row.not_after)).filter(end => end > Date.now())
      if (ends.length === 0 || closing) return
      timer = setTimeout(() => void inTurn(apply), Math.min(Math.min(...ends) - Date.now() + 50, 2 ** 31 - 1))
      timer.unref()
    })
  }
  schedule()

  const watch = () =>
    running.process.once('exit', code => {
      if (closing) return
      log.error({ code: 'broker.failed', exit: code }, 'mosquitto ended, starting it again')
      void inTurn(async () => {
        client.end(true)
        running = await start(options, at('mosquitto.conf'))
        client = await hubClient()
        watch()
      })
    })
  watch()

  return {
    url: `mqtts://${options.publicHost}:${options.port}`,
    onMessage: handler => void handlers.push(handler),
    async publish(topic, payload) {
      await client.publishAsync(topic, Buffer.from(payload), { qos: 1 })
    },
    changed: () => inTurn(apply),
    connected: () => [],
    async close() {
      closing = true
      clearTimeout(timer)
      await chain
      client.end(true)
      const gone = new Promise(resolve => running.process.once('exit', resolve))
      if (running.process.exitCode === null && running.process.kill('SIGTERM')) await gone
    },
  }
}

/** One block of lines for each certificate, out of the same table that the embedded broker asks. */
export function aclText(rows: readonly Pick<Row, 'common_name' | 'uri'>[]): string {
  const hub = ['user hub', 'topic readwrite ownlens/1/#']
  const blocks = rows.flatMap(({ common_name, uri }) => {
    const name = readCertificateUri(uri)
    if (name === undefined) return []
    const { write, read } = rightsOf(name)
    return [
      '',
      `user ${common_name}`,
      ...write.map(filter => `topic write ${filter}`),
      ...read.map(filter => `topic read ${filter}`),
    ]
  })
  return `${[...hub, ...blocks].join('\n')}\n`
}

function configuration({ host, port }: MosquittoBrokerOptions, at: (name: string) => string): string {
  return `${[
    // Started by root it would become another user, who may not read its keys.
    `user ${userInfo().username}`,
    'per_listener_settings false',
    `listener ${port} ${host}`,
    `cafile ${at('ca.pem')}`,
    `certfile ${at('server.pem')}`,
    `keyfile ${at('server.key')}`,
    `crlfile ${at('crl.pem')}`,
    'tls_version tlsv1.2',
    'require_certificate true',
    'use_identity_as_username true',
    'use_username_as_clientid true',
    'allow_anonymous false',
    `acl_file ${at('acl')}`,
    'persistence false',
    'retain_available false',
    `message_size_limit ${MESSAGE_MAX}`,
    'max_queued_messages 1000',
    'max_queued_bytes 67108864',
    'max_inflight_messages 64',
    'max_keepalive 120',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    'log_type information',
    'connection_messages false',
  ].join('\n')}\n`
}

/** mosquitto does not choose a port by itself. */
async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

interface Running {
  readonly process: ChildProcess
  /** Resolves at the next "Reloading config." */
  nextReload(): Promise<void>
}

async function start({ log, program = 'mosquitto' }: MosquittoBrokerOptions, conf: string): Promise<Running> {
  // Whatever ends the hub ends its broker: an orphan would hold the port, with rights that nobody updates.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, '-c', conf], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const waiting: { pattern: RegExp; resolve: () => void }[] = []
  const said = (pattern: RegExp) =>
    new Promise<void>(resolve => {
      waiting.push({ pattern, resolve })
    })
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', cause => reject(new OwnlensError('broker.failed', program, { cause })))
    child.once('exit', code => reject(new OwnlensError('broker.failed', `${program} ended with ${code}`)))
  })
  failed.catch(() => undefined)
  createInterface({ input: child.stderr }).on('line', line => {
    if (/error|warning/i.test(line)) log.warn({ mosquitto: line.slice(0, 200) }, 'mosquitto')
    for (const wait of waiting.splice(0)) {
      if (wait.pattern.test(line)) wait.resolve()
      else waiting.push(wait)
    }
  })
  const late = AbortSignal.timeout(START_MS)
  const timeout = new Promise<never>((_resolve, reject) => {
    late.addEventListener('abort', () =>
      reject(new OwnlensError('broker.failed', `${program} does not start`)),
    )
  })
  timeout.catch(() => undefined)
  await Promise.race([said(/mosquitto version .* running/), failed, timeout])
  return {
    process: child,
    nextReload: () => Promise.race([said(/Reloading config/), failed]),
  }
}

async function connectAs(
  identity: PemIdentity,
  ca: string,
  clientId: string,
  { host, port }: { host: string; port: number },
): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host,
    port,
    protocolVersion: 4,
    clientId,
    clean: true,
    keepalive: 30,
    reconnectPeriod: 0,
    ...hubTls(ca),
    cert: identity.certificate,
    key: identity.key,
  })
}
