import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startLoopbackHub } from '../deploy/hub/loopback.ts'
import { type BenchContext, percentile, type Row, row } from './row.ts'
import { Crowd, monotonicMs } from './wire-crowd.ts'
import { settleHome, type WireCamera, type WireHome } from './wire-homes.ts'
import { foundMaker } from './wire-maker.ts'

const HOMES = 100
const CAMERAS = 10
const ORDERS = 200
const PROCESSES = 4
/** Every client uploads a clip of some 130 KiB so often. */
const EVERY_MS = 60_000

/**
 * From the sending of an owner's order to the last session of its cameras seen ended by its client: 200 orders of one to ten
 * cameras, while a thousand clients are connected and upload. Then all thousand by one order of their maker.
 */
export async function measureBlock(
  context: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const broker of ['aedes', 'mosquitto'] as const) {
    const suffix = broker === 'aedes' ? '' : '.mosquitto'
    const names = { orders: `block.p99${suffix}`, all: `block.all${suffix}` }
    if (!only(names.orders) && !only(names.all)) continue
    const { p99, all } = await measureAt(context, broker, only(names.orders) ? ORDERS : 0)
    const none = { name: 'none', value: null }
    if (only(names.orders)) rows.push(row(names.orders, 'ms', p99, none, 'lower'))
    if (only(names.all)) rows.push(row(names.all, 'ms', all, none, 'lower'))
  }
  return rows
}

async function measureAt(
  { folder, tell }: BenchContext,
  broker: 'aedes' | 'mosquitto',
  orders: number,
): Promise<{ p99: number; all: number }> {
  const place = await mkdtemp(join(folder, 'block-'))
  const maker = await foundMaker(place)
  let hub = await startLoopbackHub(join(place, 'hub'), { broker })
  let crowd: Crowd | undefined
  try {
    tell(`block: ${HOMES} homes of ${CAMERAS} cameras at ${broker}`)
    const homes: WireHome[] = []
    for (let index = 0; index < HOMES; index++)
      homes.push(await settleHome(hub, place, `home ${index}`, CAMERAS))
    const cameras = homes.flatMap(home => home.cameras)
    const address = { url: hub.url, caId: hub.caId }
    // Nobody made these cameras: they were paired while the hub did not ask.
    const [port, mqttPort] = [hub.url, hub.brokerUrl].map(url => Number(new URL(url).port))
    await hub.close()
    const again = { broker, port: port ?? 0, mqttPort: mqttPort ?? 0, makerRoot: maker.root }
    hub = await startLoopbackHub(join(place, 'hub'), again)
    await maker.announce(address)
    crowd = new Crowd(cameras, address, { processes: PROCESSES, everyMs: EVERY_MS })
    tell(`block: ${cameras.length} clients connect`)
    await crowd.join(cameras)
    tell('block: all are connected')
    const times: number[] = []
    const began = { at: monotonicMs(), ...crowd.acked }
    for (let order = 0; order < orders; order++) {
      const home = homes[order % HOMES] as WireHome
      const named = home.cameras.slice(0, 1 + ((order + Math.floor(order / HOMES)) % CAMERAS))
      times.push(await endedAfter(crowd, named, () => home.order(named, true)))
      await home.order(named, false)
      await crowd.join(named)
      if (order % 20 === 19)
        tell(`block: order ${order + 1} of ${orders}, p99 ${percentile(times, 0.99).toFixed(0)} ms`)
    }
    const seconds = (monotonicMs() - began.at) / 1000
    const pace = (value: number) => (value / seconds).toFixed(1)
    tell(
      `block: ${crowd.connected} clients connected; the store acknowledged ${pace(crowd.acked.parts - began.parts)} parts, ${pace((crowd.acked.bytes - began.bytes) / 1e6)} MB a second; median ${percentile(times, 0.5).toFixed(0)} ms, most ${Math.max(...times).toFixed(0)} ms`,
    )
    const ids = cameras.map(({ deviceId }) => deviceId)
    const all = await endedAfter(crowd, cameras, () => maker.block(address, ids))
    return { p99: percentile(times, 0.99), all }
  } finally {
    crowd?.close()
    await hub.close()
    await rm(place, { recursive: true, force: true })
  }
}

/** From the moment in which an order is sent until the last of these has seen its connection end. */
async function endedAfter(
  crowd: Crowd,
  named: readonly WireCamera[],
  order: () => Promise<void>,
): Promise<number> {
  const sentAt = monotonicMs()
  const [ended] = await Promise.all([crowd.closed(named), order()])
  return ended - sentAt
}
