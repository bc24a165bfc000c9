import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import type { WitnessPlace } from '../../log/ask-witness.ts'
import type { MakerRoot } from '../../protocol/maker-chain.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import { type Disk, replaceFile } from '../../storage/disk.ts'
import { aedesBroker } from './aedes-broker.ts'
import { Authority } from './authority.ts'
import type { Broker, MessageHandler } from './broker.ts'
import type { CaChange } from './ca-files.ts'
import { certificateBehind } from './caller.ts'
import { Checks } from './checks.ts'
import { ClipStore } from './clip-store.ts'
import { openDatabase } from './database.ts'
import { Deletions } from './deletions.ts'
import { Erasure } from './erasure.ts'
import { Evidence } from './evidence.ts'
import { FactoryDesk } from './factory-desk.ts'
import { nameSuccessors } from './households.ts'
import { httpsServer } from './https.ts'
import { HubLog } from './hub-log.ts'
import { Incidents } from './incidents.ts'
import { Intake } from './intake.ts'
import { authority as hostAndPort, portError } from './listen.ts'
import { mosquittoBroker } from './mosquitto-broker.ts'
import { Nonces } from './nonces.ts'
import { OperatorDesk } from './operator-desk.ts'
import { openOperatorKey } from './operator-key.ts'
import { OrderJournal } from './order-journal.ts'
import { Registrar } from './registrar.ts'
import { replayOrders } from './replay.ts'
import { Reports } from './reports.ts'
import { Statuses } from './statuses.ts'
import { StoreCare } from './store-care.ts'

const DAY_MS = 24 * 3_600_000

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
  /** What is to be done about the CA before anything else. */
  readonly ca?: CaChange | undefined
  /** Of each household: over it its oldest clips give way. */
  readonly storeBytes: number
  /** Clips are kept for so many days; undefined or 0: until there is no more room. */
  readonly keepDays?: number
  readonly requestsPerMinute: number
  /** Who is asked to cosign the log's heads. */
  readonly witnesses?: readonly WitnessPlace[]
  readonly log: Logger
  /** Profile `maker`: only cameras that this maker's stations have registered are paired. Without it, all are. */
  readonly makerRoot?: MakerRoot
  /** The registrar's clock; the machine's unless a test sets it. */
  readonly now?: () => Date
  /** Told the next registration code when a household has used the one before. */
  readonly codeUsed?: (next: string) => void
  /** For the demo and drills only; on no command line. */
  readonly tap?: (topic: string, payload: Uint8Array, clientId: string) => void
  readonly rules?: 'none'
  /** Another story of the log for this asker; undefined: the true one. */
  readonly story?: (asker: CertificateName | undefined) => Story | undefined
}

/** The log as somebody is told it. */
export type Story = Pick<HubLog, 'head' | 'consistency'>

export interface Hub {
  readonly url: string
  readonly caId: string
  /** While one CA follows another: the one that will be retired. */
  readonly oldCaId: string | undefined
  /** `https://host:port#caId`. */
  readonly address: string
  readonly brokerUrl: string
  readonly broker: Broker
  readonly store: ClipStore
  readonly registrar: Registrar
  readonly log: HubLog
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
  const authority = await Authority.open(disk, data, options.names, { now: now(), ca: options.ca })
  const operator = await openOperatorKey(disk, data)
  const database = await openDatabase(join(data, 'registrar.db'))
  opened.push(() => database.destroy())
  await nameSuccessors(database, now())
  const journal = new OrderJournal(disk, join(data, 'orders'), log.child({ part: 'orders' }))
  const lost = await replayOrders(database, journal, { now: now(), makerRootId: options.makerRoot?.id })
  if (lost > 0) log.warn({ orders: lost }, 'the database had lost orders of owners: they stand again')
  const hubLog = await HubLog.open({
    ...{ disk, data, database, authority, now },
    logger: log.child({ part: 'log' }),
    ...(options.witnesses && { witnesses: options.witnesses }),
  })
  opened.push(() => hubLog.close())
  const nonces = new Nonces()
  // The registrar tells the broker, the broker asks the registrar, the store answers through the broker: it comes last.
  let broker: Broker | undefined
  const evidence = new Evidence({
    ...{ database, disk, now, folder: join(data, 'evidence') },
    store: () => store,
    brokerRules: options.rules !== 'none',
    logged: () => hubLog.flush(),
  })
  const incidents = new Incidents({ database, operatorId: operator.id, evidence, now })
  const { hubKey, hubCertificate } = authority
  const reports = new Reports({
    ...{ database, hubKey, hubCertificate, operatorId: operator.id, evidence, incidents, now },
  })
  const changed = async (owners: readonly string[]) => broker?.changed(owners)
  const erasure: Erasure = new Erasure({
    ...{ database, disk, data, journal, changed, now },
    store: () => store,
    forgetDeletions: householdId => deletions.forget(householdId),
    settled: () => intake.idle(),
  })
  const registrar: Registrar = new Registrar({
    database,
    authority,
    nonces,
    journal,
    now,
    changed,
    reports,
    checks: new Checks({ database, hubKey, hubLog, now }),
    operator: new OperatorDesk({ operatorId: operator.id, incidents, erasure }),
    ...(options.makerRoot && {
      factory: new FactoryDesk({ database, root: options.makerRoot, journal, now }),
    }),
    ...(options.codeUsed && { codeUsed: options.codeUsed }),
    async remove(householdId, memberId, deletion) {
      const clips = await deletions.keep(householdId, memberId, deletion)
      return { deleted: await store.delete(householdId, clips) }
    },
  })
  const deletions = await Deletions.open(disk, join(data, 'deleted'), log.child({ part: 'store' }))
  const store = await ClipStore.open({
    disk,
    folder: join(data, 'clips'),
    maxBytes: options.storeBytes,
    ...(options.keepDays && { keepMs: options.keepDays * DAY_MS }),
    deleted: (householdId, clipId) => deletions.has(householdId, clipId),
    log: log.child({ part: 'store' }),
    claimed: ({ householdId, deviceId, epoch }) => registrar.maySend(deviceId, householdId, epoch),
  })
  const statuses = new Statuses(database, now, log.child({ part: 'statuses' }))
  const intake: Intake = new Intake({
    store,
    statuses,
    rosterNumber: householdId => registrar.rosterNumber(householdId),
    hubKey: authority.hubKey,
    publish: async (topic, payload) => broker?.publish(topic, payload),
    log: log.child({ part: 'store' }),
  })
  const publicHost = options.names[0] ?? (host === '0.0.0.0' ? 'localhost' : host)
  broker = await startBroker(options, { authority, registrar, publicHost, intake })
  const care = new StoreCare(store, { data, log: log.child({ part: 'store' }), now })
  opened.push(() => care.close())
  opened.push(() => registrar.idle())
  opened.push(() => intake.idle())
  opened.push(async () => broker?.close())
  const { url: brokerUrl } = broker
  const https = await httpsServer({
    authority,
    registrar,
    nonces,
    store,
    updates: join(data, 'updates'),
    statuses,
    reports,
    disk,
    hubLog,
    async storyFor(request) {
      if (options.story === undefined) return hubLog
      const serial = certificateBehind(request)?.serial
      return options.story(serial === undefined ? undefined : await registrar.nameOf(serial)) ?? hubLog
    },
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
  const address = `${url}#${authority.caId}`
  await replaceFile(
    disk,
    join(data, 'hub.json'),
    JSON.stringify({ address, operator: operator.id, log: hubLog.key }),
  )
  return {
    url,
    caId: authority.caId,
    oldCaId: authority.oldCaId,
    address,
    brokerUrl,
    broker,
    store,
    registrar,
    log: hubLog,
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
  const { tls, trustPem: ca } = authority
  return aedesBroker({
    ...common,
    tls,
    ca,
    admission: registrar,
    ...(tap && { tap }),
    ...(rules && { rules }),
  })
}
