import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import type { DeviceAddress } from '../protocol/topics.ts'
import { deviceTopic } from '../protocol/topics.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import type { Home } from './home.ts'

/** Something that was tried at a broker. `taken`: the broker did it. */
export interface Attempt {
  readonly what: string
  readonly outcome: 'refused' | 'taken' | 'ignored'
}

const PATIENCE_MS = 5000

/** With its own good certificate, a home tries what MQTT offers to get into another one's topics. */
export async function pushAtBroker(home: Home, victim: DeviceAddress): Promise<readonly Attempt[]> {
  const topic = deviceTopic(victim)
  const publish =
    (rest: string, retain = false) =>
    (client: MqttClient) =>
      client.publishAsync(`${topic}/${rest}`, Buffer.from('opened?'), { qos: 1, retain })
  const tries: readonly [string, Partial<IClientOptions>, (client: MqttClient) => Promise<unknown>][] = [
    ['sent a command to Home A’s camera', {}, publish('command')],
    ['sent an alert as Home A’s camera', {}, publish('alert')],
    ['left a retained message under Home A’s topics', {}, publish('alert', true)],
    ['acknowledged a part as the store', {}, publish('ack')],
    [
      'left a will for Home A’s topics',
      { will: { topic: `${topic}/alert`, payload: Buffer.from('opened?'), qos: 1, retain: true } },
      async () => undefined,
    ],
    ['came under the client id of Home A’s camera', { clientId: victim.deviceId }, async () => undefined],
  ]
  const attempts: Attempt[] = []
  for (const [what, options, act] of tries) {
    const { tls, broker } = await home.household.enrol()
    attempts.push({ what, outcome: await attempt(broker, tls, options, act) })
  }
  return [...attempts, await comeBack(home)]
}

/** A session that asks to be kept, left, and taken up again: does anything wait in it? */
async function comeBack(home: Home): Promise<Attempt> {
  const { tls, broker } = await home.household.enrol()
  const once = () => {
    const client = open(broker, tls, { clean: false })
    return new Promise<boolean>((resolve, reject) => {
      client.once('connect', ({ sessionPresent }) => {
        client.subscribeAsync(`ownlens/1/${home.id}/#`, { qos: 1 }).then(() => {
          client.end(true)
          resolve(sessionPresent)
        }, reject)
      })
      client.once('error', reject)
    })
  }
  await once()
  const kept = await once()
  return { what: 'left a session with a queue and came back', outcome: kept ? 'taken' : 'ignored' }
}

async function attempt(
  broker: string,
  tls: TlsIdentity,
  options: Partial<IClientOptions>,
  act: (client: MqttClient) => Promise<unknown>,
): Promise<Attempt['outcome']> {
  const client = open(broker, tls, options)
  const outcome = new Promise<Attempt['outcome']>(resolve => {
    const timer = setTimeout(() => resolve('ignored'), PATIENCE_MS)
    const say = (text: Attempt['outcome']) => {
      clearTimeout(timer)
      resolve(text)
    }
    client.once('error', () => say('refused'))
    client.once('close', () => say('refused'))
    client.once('connect', () =>
      act(client).then(
        () => say('taken'),
        () => say('refused'),
      ),
    )
  })
  const found = await outcome
  client.end(true)
  return found
}

function open(broker: string, tls: TlsIdentity, options: Partial<IClientOptions>): MqttClient {
  const { hostname: host, port } = new URL(broker)
  const client = connect({
    protocol: 'mqtts',
    host,
    port: Number(port),
    protocolVersion: 4,
    clientId: tls.name,
    clean: true,
    keepalive: 15,
    reconnectPeriod: 0,
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    ...options,
  })
  client.on('error', () => undefined)
  return client
}
