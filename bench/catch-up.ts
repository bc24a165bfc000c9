import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Outbox } from '../agent/outbox.ts'
import type { SealedPart } from '../agent/seal.ts'
import { base32 } from '../protocol/ids.ts'
import { PART_MAX } from '../protocol/part.ts'
import { writeTopic } from '../protocol/topics.ts'
import { disk } from '../storage/disk.ts'
import { type BenchContext, type Row, row } from './row.ts'
import { type Side, startSide } from './side.ts'
import { video } from './sources.ts'

const CLIPS = 16
const PARTS = 64
const MEGABYTES = (CLIPS * PARTS * PART_MAX) / 1e6

/**
 * Megabytes a second after an outage, until the store has acknowledged them from its disk; against `mosquitto_pub` of the
 * same bytes over the same TLS broker, which waits for the broker alone.
 */
export async function measureCatchUp(
  { folder, tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('catchup.rate')) return []
  tell(`catchup.rate: ${Math.round(MEGABYTES)} MB through mosquitto`)
  const side = await startSide(folder, 'mosquitto')
  try {
    const settings = { camera: await video(folder, 'quiet.avi') }
    await side.stop(await side.start(settings))
    await fillOutbox(side)
    const ours = MEGABYTES / (await secondsToDrain(side, settings))
    const peer = await mosquittoPub(side).catch(error => {
      tell(`mosquitto_pub: ${(error as Error).message}`)
      return null
    })
    return [row('catchup.rate', 'MB/s', ours, { name: 'mosquitto_pub', value: peer }, 'higher')]
  } finally {
    await side.close()
  }
}

async function fillOutbox({ data }: Side): Promise<void> {
  const outbox = await Outbox.open(disk, data, { maxBytes: 2 ** 40, lost: async () => undefined })
  for (let clip = 0; clip < CLIPS; clip++) {
    const key = { epoch: 1, counter: clip + 1, clipId: base32(randomBytes(16)) }
    await outbox.put(key, parts())
  }
}

async function* parts(): AsyncGenerator<SealedPart> {
  for (let index = 0; index < PARTS; index++)
    yield { name: String(index), kind: 'video', payload: randomBytes(PART_MAX) }
}

/** From the first part at the hub to the last one acknowledged. */
async function secondsToDrain(side: Side, settings: object): Promise<number> {
  let first = 0
  side.hub.broker.onMessage(topic => {
    if (topic.includes('/clip/')) first ||= performance.now()
  })
  const agent = await side.start(settings)
  const clips = join(side.data, 'outbox', 'clips')
  while ((await disk.list(clips)).length > 0) await new Promise(resolve => setTimeout(resolve, 20))
  const seconds = (performance.now() - first) / 1000
  await side.stop(agent)
  return seconds
}

async function mosquittoPub({ hub, household, folder }: Side): Promise<number> {
  const { tls } = await household.enrol()
  const [claim] = await household.claims()
  if (claim === undefined) throw new Error('no camera')
  const at = (name: string) => join(folder, name)
  await writeFile(at('ca.pem'), tls.ca)
  await writeFile(at('cert.pem'), tls.certificate)
  await writeFile(at('key.pem'), tls.key)
  await writeFile(at('part'), randomBytes(PART_MAX))
  const { householdId, epoch, deviceId } = claim
  const topic = writeTopic({ householdId, epoch, deviceId, kind: 'command' })
  const { hostname, port } = new URL(hub.brokerUrl)
  const from = performance.now()
  await promisify(execFile)('mosquitto_pub', [
    ...[
      '-h',
      hostname,
      '-p',
      port,
      '--cafile',
      at('ca.pem'),
      '--cert',
      at('cert.pem'),
      '--key',
      at('key.pem'),
    ],
    ...['-i', tls.name, '-t', topic, '-q', '1', '-f', at('part'), '--repeat', String(CLIPS * PARTS)],
  ])
  return MEGABYTES / ((performance.now() - from) / 1000)
}
