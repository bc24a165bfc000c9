import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FaceDetector } from '../models/face-detector.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { chance } from './chance.ts'
import { Device } from './device.ts'
import { FleetHome, type OpenedOf } from './home.ts'
import type { FleetHub } from './hub-process.ts'
import type { DeviceOutcome, FleetOutcome } from './outcome.ts'
import { type DevicePlan, matches, type Plan, planOf } from './plan.ts'
import { Play } from './play.ts'
import type { Scenario } from './scenario.ts'
import { type PreparedScene, prepareScene } from './scene/prepared.ts'
import { sharedDetector } from './scene/shared-detector.ts'
import { OPEN, Way } from './way.ts'

/** Pairings at a time: reading codes is work. */
const PAIRING = 4
/** Homes that are founded or open their clips at a time. */
const HOMES = 2

export interface FleetOptions {
  readonly scenario: Scenario
  readonly seed: number
  readonly hub: FleetHub
  /** Cards and homes are in it; who calls removes it. */
  readonly folder: string
  readonly detector: FaceDetector
  /** Each device has an encoder and a detector at work of its own. */
  readonly encode: boolean
  /** Only devices that this pattern matches (`HOME/CAMERA`). */
  readonly only: string
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Runs a scenario: homes are founded, devices paired through their lenses, then what is planned happens; at the end each home
 * opens its clips, and tries to open those of another one.
 *
 * @throws OwnlensError `fleet.*`, `hub.*`, `camera.*`, `models.*`: what keeps the scenario from being run at all.
 */
export async function runFleet(options: FleetOptions): Promise<FleetOutcome> {
  const { scenario, seed, hub, say, signal, encode } = options
  const plan = chosen(planOf(scenario, seed), options.only)
  const scenes = encode ? new Map<string, PreparedScene>() : await prepareAll(plan, options)
  const homes = await foundAll(plan, options)
  const devices = await makeDevices(plan, scenes, options)
  try {
    const began = performance.now()
    // A home pairs one camera after the other, as a person does.
    await eachOf([...homes], PAIRING, async ([name, home]) => {
      for (const device of devices.filter(({ plan: { home: whose } }) => whose === name)) {
        await device.start()
        await home.pair(device, { signal })
      }
    })
    const pairingMs = Math.round(performance.now() - began)
    say(`${devices.length} cameras are paired after ${Math.round(pairingMs / 1000)} s. The scenario begins.`)
    const play = new Play({ plan, devices, hub, runs: scenario.runs, say, signal })
    await play.run()
    say('The homes open what has arrived.')
    const opened = new Map<string, OpenedOf>()
    const each = [...homes.values()]
    await eachOf(each, HOMES, async home => {
      for (const [deviceId, of] of await home.open()) opened.set(deviceId, of)
    })
    const foreign = await spyAll(each)
    return {
      ...{
        scenario: scenario.name,
        seed,
        runs: scenario.runs,
        encode,
        homes: homes.size,
        pairingMs,
        foreign,
      },
      scenes: [...scenes.values()].map(({ name, detected }) => ({ name, detected })),
      devices: devices.map(device => outcomeOf(device, { scenario, plan, play, opened })),
      ...{ samples: play.samples, events: plan.events },
    }
  } finally {
    await Promise.all(devices.map(device => device.close()))
  }
}

/** What is left when only some devices are wanted; what happens to them stays the same. */
function chosen(plan: Plan, only: string): Plan {
  const devices = plan.devices.filter(({ name }) => matches(name, only))
  if (devices.length === 0) throw new OwnlensError('fleet.only', only)
  const names = new Set(devices.map(({ name }) => name))
  return {
    devices,
    homes: plan.homes.filter(({ name }) => devices.some(({ home }) => home === name)),
    events: plan.events.filter(({ device }) => device === null || names.has(device)),
  }
}

async function prepareAll(plan: Plan, { detector, say }: FleetOptions): Promise<Map<string, PreparedScene>> {
  const scenes = new Map<string, PreparedScene>()
  for (const { plan: camera } of plan.devices) {
    if (scenes.has(camera.scene)) continue
    const scene = await prepareScene(camera.scene === 'built-in' ? undefined : camera.scene, detector)
    const { frames, meanMs } = scene.detected
    say(
      `Scene “${scene.name}” is encoded once for all; the detector has looked at its ${frames} frames, ${meanMs.toFixed(1)} ms each.`,
    )
    scenes.set(camera.scene, scene)
  }
  return scenes
}

async function foundAll(plan: Plan, { hub, folder, say }: FleetOptions): Promise<Map<string, FleetHome>> {
  const homes = new Map<string, FleetHome>()
  // A code lets one in: one after the other.
  for (const [index, home] of plan.homes.entries())
    homes.set(home.name, await FleetHome.found(hub, join(folder, `home-${index + 1}`), home))
  say(`${homes.size} homes are registered.`)
  return homes
}

async function makeDevices(
  plan: Plan,
  scenes: ReadonlyMap<string, PreparedScene>,
  { folder, scenario, seed, hub, detector, encode }: FleetOptions,
): Promise<readonly Device[]> {
  const shared = encode ? detector : sharedDetector([...scenes.values()], detector.runtime)
  return Promise.all(
    plan.devices.map(async (device, index) => {
      const data = join(folder, `device-${index + 1}`)
      await mkdir(data, { recursive: true })
      const network = { ...OPEN, ...(device.plan.network && scenario.networks[device.plan.network]) }
      let packet = 0
      const way = new Way(network, {
        needed: device.plan.network !== undefined || meetsNetworkFaults(plan, device, hub),
        jitter: () => chance(seed, device.name, 'packet', packet++),
      })
      await way.open(hub.places)
      const scene = scenes.get(device.plan.scene)
      return new Device({ plan: device, data, scene, detector: shared, network, way })
    }),
  )
}

/** A way costs something: only who needs one gets it. */
function meetsNetworkFaults(plan: Plan, { name }: DevicePlan, hub: FleetHub): boolean {
  return plan.events.some(
    event =>
      event.what === 'begins' &&
      (event.device === name || (event.device === null && !hub.own)) &&
      /^(network|hub)\./.test(event.fault),
  )
}

/** Each home tries what is its neighbour's. */
async function spyAll(homes: readonly FleetHome[]): Promise<FleetOutcome['foreign']> {
  let [tried, opened] = [0, 0]
  const refusals = new Set<string>()
  if (homes.length > 1)
    await eachOf(homes, HOMES, async home => {
      const victim = homes[(homes.indexOf(home) + 1) % homes.length] ?? home
      const found = await home.spyOn(victim)
      tried += found.tried
      opened += found.opened
      for (const code of found.refusals) refusals.add(code)
    })
  return { tried, opened, refusals: [...refusals].sort() }
}

function outcomeOf(
  device: Device,
  parts: { scenario: Scenario; plan: Plan; play: Play; opened: ReadonlyMap<string, OpenedOf> },
): DeviceOutcome {
  const { scenario, plan, play, opened } = parts
  const { name, home } = device.plan
  const has = opened.get(device.deviceId) ?? { clips: 0, faces: 0, sound: 0, thumbnails: 0, refused: {} }
  const faults = play.faultsOf(device).map(fault => ({ ...fault }))
  const about = {
    ...{
      name,
      home,
      deviceId: device.deviceId,
      faults,
      opened: has,
      codes: Object.fromEntries(device.codes),
    },
    visits: plan.events.filter(event => event.what === 'visit' && event.device === name).length,
    keptAt: device.keptAt.map(at => Math.round(at - play.startedAt)),
  }
  return { ...about, wrong: wrongWith(about, scenario) }
}

function wrongWith(
  { opened, faults }: Pick<DeviceOutcome, 'opened' | 'faults'>,
  { expect }: Scenario,
): readonly string[] {
  const refused = Object.entries(opened.refused).map(([code, times]) => `${times} clips do not open: ${code}`)
  const late = faults.flatMap(({ fault, backMs }) => {
    if (backMs === null || (backMs !== 'never' && backMs <= expect.back)) return []
    const how = backMs === 'never' ? 'not back' : `back after ${(backMs / 1000).toFixed(1)} s`
    return [`${fault}: ${how}; ${expect.back / 1000} s are allowed`]
  })
  return [
    ...(opened.clips < expect.clips ? [`${opened.clips} clips opened; ${expect.clips} are expected`] : []),
    ...(expect.faces && opened.faces === 0 ? ['no clip with a face'] : []),
    ...refused,
    ...late,
  ]
}

/** Does `work` for each, so many at a time. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
