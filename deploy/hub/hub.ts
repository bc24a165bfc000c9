import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import type { Disk } from '../../storage/disk.ts'
import { aedesBroker } from './aedes-broker.ts'
import { Authority } from './authority.ts'
import type { Broker, MessageHandler } from './broker.ts'
import { ClipStore } from './clip-store.ts'
import { openDatabase } from './database.ts'
import { httpsServer } from './https.ts'
import { Intake } from './intake.ts'
import { authority as hostAndPort, portError } from './listen.ts'
import { mosquittoBroker } from './mosquitto-broker.ts'
import { Nonces } from './nonces.ts'
import { Registrar } from './registrar.ts'

export interface HubOptions {
  readonly data: string
  readonly disk: Disk
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly mqttPort: number
  readonly broker: 'aedes' | 'mosquitto'
  /** Under which names the hub is reached; the first one is told to clients. */
  readonly names: readonly string[]
  readonly storeBytes: number
  readonly requestsPerMinute: number
  readonly log: Logger
  /** The registrar's clock; the machine's unless a test sets it. */
  readonly now?: () => Date
  /** Told the next registration code when a household has used the one before. */
  readonly codeUsed?: (next: string) => void
  /** For the demo and drills only; on no command line. */
  readonly tap?: (topic: string, payload: Uint8Array, clientId: string) => void
  readonly rules?: 'none'
}

export interface Hub {
  readonly url: string
  readonly caId: string
  /** `https://host:port#caId`. */
  readonly address: string
  readonly brokerUrl: string
  readonly broker: Broker
  readonly store: ClipStore
  readonly registrar: Registrar
  registrationCode(): Promise<string>
  close(): Promise<void>
}

/**
 * Registrar, broker and clip store in one process. When one of them cannot start, the others are closed again.
 *
 * @throws OwnlensError `hub.port`, `hub.damaged`, `broker.absent`, `broker.failed`.
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const opened: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end()
  }
  try {
    return await assemble(options, opened, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function assemble(
  options: HubOptions,
  opened: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Hub> {
  const { data, disk, host, log } = options
  const now = options.now ?? (() => new Date())
  await disk.makeFolder(data)
  await disk.syncFolder(dirname(data))
  const authority = await Authority.open(disk, data, options.names, now())
  const database = await openDatabase(join(data, 'registrar.db'))
  opened.push(() => database.destroy())
  const nonces = new Nonces()
  // The registrar tells the broker, the broker asks the registrar, the store answers through the broker: it comes last.
  let broker: Broker | undefined
  const registrar = new Registrar({
    database,
    authority,
    nonces,
    now,
    changed: async owner => broker?.changed(owner),
    ...(options.codeUsed && { codeUsed: options.codeUsed }),
  })
  const store = await ClipStore.open({
    disk,
    folder: join(data, 'clips'),
    maxBytes: options.storeBytes,
    log: log.child({ part: 'store' }),
    claimed: async ({ householdId, deviceId, epoch }) => {
      const device = await registrar.device(deviceId)
      return device?.household_id === householdId && device.epoch === epoch
    },
  })
  const intake = new Intake({
    store,
    rosterNumber: householdId => registrar.rosterNumber(householdId),
    hubKey: authority.hubKey,
    publish: async (topic, payload) => broker?.publish(topic, payload),
    log: log.child({ part: 'store' }),
  })
  const publicHost = options.names[0] ?? (host === '0.0.0.0' ? 'localhost' : host)
  broker = await startBroker(options, { authority, registrar, publicHost, intake })
  opened.push(() => registrar.idle())
  opened.push(() => intake.idle())
  opened.push(async () => broker?.close())
  const { url: brokerUrl } = broker
  const https = await httpsServer({
    authority,
    registrar,
    nonces,
    store,
    brokerUrl: () => brokerUrl,
    now,
    requestsPerMinute: options.requestsPerMinute,
    log: log.child({ part: 'https' }),
  })
  opened.push(() => https.close())
  await https.listen({ host, port: options.port }).catch(cause => {
    throw portError(host, options.port, cause)
  })
  const { port } = https.server.address() as AddressInfo
  const url = new URL(`https://${hostAndPort(publicHost, port)}`).origin
  return {
    url,
    caId: authority.caId,
    address: `${url}#${authority.caId}`,
    brokerUrl,
    broker,
    store,
    registrar,
    registrationCode: () => registrar.registrationCode(),
    close,
  }
}

function startBroker(
  options: HubOptions,
  parts: { authority: Authority; registrar: Registrar; publicHost: string; intake: Intake },
): Promise<Broker> {
  const { host, mqttPort: port, disk, data, tap, rules } = options
  const { authority, registrar, publicHost, intake } = parts
  const log = options.log.child({ part: 'broker' })
  const take: MessageHandler = (topic, payload) => intake.take(topic, payload)
  const common = { host, port, publicHost, take, log }
  if (options.broker === 'mosquitto') {
    const certificates = () => registrar.certificates()
    return mosquittoBroker({ ...common, disk, folder: join(data, 'mosquitto'), authority, certificates })
  }
  const { tls, caPem: ca } = authority
  return aedesBroker({
    ...common,
    tls,
    ca,
    admission: registrar,
    ...(tap && { tap }),
    ...(rules && { rules }),
  })
}
