import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { ackKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { readTopic, writeTopic } from '../../protocol/topics.ts'
import type { Disk } from '../../storage/disk.ts'
import { aedesBroker } from './aedes-broker.ts'
import { Authority } from './authority.ts'
import type { Broker } from './broker.ts'
import { ClipStore } from './clip-store.ts'
import { openDatabase } from './database.ts'
import { httpsServer } from './https.ts'
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

/** Registrar, broker and clip store in one process. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { data, disk, log } = options
  const now = () => new Date()
  await disk.makeFolder(data)
  const authority = await Authority.open(disk, data, options.names, now())
  const database = await openDatabase(join(data, 'registrar.db'))
  const nonces = new Nonces()
  // The registrar tells the broker, and the broker asks the registrar: the broker comes second.
  let broker: Broker | undefined
  const registrar = new Registrar({
    database,
    authority,
    nonces,
    disk,
    codePath: join(data, 'registration-code'),
    now,
    changed: async ({ owner }) => broker?.changed(owner),
  })
  const publicHost = options.names[0] ?? (options.host === '0.0.0.0' ? 'localhost' : options.host)
  broker = await startBroker(options, { authority, registrar, publicHost })
  const { url: brokerUrl } = broker
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
  storeWhatIsPublished({ broker, store, registrar, authority, log })
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
  await https.listen({ host: options.host, port: options.port })
  const { port } = https.server.address() as AddressInfo
  const url = `https://${publicHost}${port === 443 ? '' : `:${port}`}`
  return {
    url,
    caId: authority.caId,
    address: `${url}#${authority.caId}`,
    brokerUrl,
    broker,
    store,
    registrar,
    registrationCode: () => registrar.registrationCode(),
    async close() {
      await https.close()
      await broker?.close()
      await database.destroy()
    },
  }
}

function startBroker(
  options: HubOptions,
  { authority, registrar, publicHost }: { authority: Authority; registrar: Registrar; publicHost: string },
): Promise<Broker> {
  const { host, mqttPort: port, disk, data, tap, rules } = options
  const log = options.log.child({ part: 'broker' })
  if (options.broker === 'mosquitto') {
    const certificates = () => registrar.certificates()
    return mosquittoBroker({
      disk,
      folder: join(data, 'mosquitto'),
      host,
      port,
      publicHost,
      authority,
      certificates,
      log,
    })
  }
  const { tls, caPem: ca } = authority
  return aedesBroker({
    host,
    port,
    publicHost,
    tls,
    ca,
    admission: registrar,
    log,
    ...(tap && { tap }),
    ...(rules && { rules }),
  })
}

/** Parts of clips go to the store; what it has on its disk is acknowledged to the device (PROTOCOL 6.6). */
function storeWhatIsPublished(parts: {
  broker: Broker
  store: ClipStore
  registrar: Registrar
  authority: Authority
  log: Logger
}): void {
  const { broker, store, registrar, authority, log } = parts
  broker.onMessage((text, payload) => {
    const topic = readTopic(text)
    if (topic?.kind !== 'clip') return
    const { householdId, epoch, deviceId, clipId, part } = topic
    const acknowledge = async () => {
      const sha256 = await store.take(text, payload)
      if (sha256 === undefined) return
      const roster = (await registrar.roster(householdId))?.number ?? 0
      const ack = await makeStatement(ackKind, { deviceId, clipId, part, sha256, roster }, authority.hubKey)
      await broker.publish(writeTopic({ householdId, epoch, deviceId, kind: 'ack' }), Buffer.from(ack))
    }
    acknowledge().catch(error => log.error({ cause: (error as Error).message }, 'not acknowledged'))
  })
}
