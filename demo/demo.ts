import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseConfig } from '../agent/config.ts'
import { hardwareFor } from '../agent/main.ts'
import { pause } from '../agent/pause.ts'
import { runAgent } from '../agent/run.ts'
import { makeLog } from '../cli/log.ts'
import { emptyCoreDumps } from '../cli/no-core.ts'
import { startLoopbackHub } from '../deploy/hub/loopback.ts'
import { microphones } from '../hardware/pi/alsa.ts'
import { parseSource } from '../hardware/source.ts'
import { Ledger } from '../home/ledger.ts'
import { createFaceDetector } from '../models/detector.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import { disk } from '../storage/disk.ts'
import { foundAt } from './found-at.ts'
import { HomeSide } from './home-side.ts'
import { pairCamera, WatchedLamp } from './pair-camera.ts'
import { Stranger } from './stranger.ts'
import { describeSummary, type Summary, summarise } from './summary.ts'

export interface DemoOptions {
  readonly camera: string
  readonly seconds: number
  readonly out: string
  readonly verbose: boolean
  readonly json: boolean
}

/** How long the camera may go on finishing and sending after its time. */
const FINISH_MS = 30_000

/**
 * The main job on one machine: hub, household, stranger and one camera, each the real thing; the camera is paired through its lens.
 *
 * @returns whether a clip with a face was opened at home and nothing by the stranger.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  emptyCoreDumps()
  const out = resolve(options.out)
  await mkdir(out, { recursive: true })
  const work = await mkdtemp(join(tmpdir(), 'ownlens-demo-'))
  const over = new AbortController()
  const interrupt = () => over.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const summary = await play(options, { out, work, over })
    await writeFile(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
    process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : describeSummary(summary, out))
    return summary.clips.some(({ faces }) => faces.length > 0) && summary.strangers.opened === 0
  } finally {
    over.abort()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await rm(work, { recursive: true, force: true })
  }
}

async function play(
  options: DemoOptions,
  { out, work, over }: { out: string; work: string; over: AbortController },
): Promise<Summary> {
  const began = performance.now()
  const tell = (text: string) => {
    const time = `${((performance.now() - began) / 1000).toFixed(1)} s`
    if (!options.json) process.stdout.write(`${time.padStart(7)}  ${text}\n`)
  }
  const log = makeLog(options.verbose ? 'info' : 'silent', 'demo')
  const mqtt = { messages: 0, bytes: 0 }
  let stranger: Stranger | undefined
  let detector: FaceDetector | undefined
  const listening = new AbortController()
  const hub = await startLoopbackHub(join(work, 'hub'), {
    log,
    tap: (topic, payload) => {
      mqtt.messages++
      mqtt.bytes += payload.length
      stranger?.tap(topic, payload)
    },
  })
  try {
    tell(`hub at ${hub.url}, broker at ${hub.brokerUrl}`)
    const { household, passphrase } = await foundAt(hub, join(work, 'home'))
    const other = await foundAt(hub, join(work, 'stranger'), { name: 'Stranger' })
    stranger = new Stranger(other.household)
    tell('a household, and a stranger beside it')

    detector = await createFaceDetector({ runtime: 'litert', minScore: 0.5 })
    const data = join(work, 'camera')
    const config = parseConfig({
      name: 'Demo camera',
      camera: options.camera,
      microphone: await microphoneFor(options.camera),
    })
    const own = hardwareFor(config, { disk, data })
    const lamp = new WatchedLamp(own.lamp)
    const hardware = { ...own, lamp }
    let paired: (() => void) | undefined
    const isPaired = new Promise<void>(done => {
      paired = done
    })
    const finished = runAgent({
      config,
      hardware,
      disk,
      data,
      detector,
      log,
      signal: over.signal,
      graceMs: FINISH_MS,
      onPaired: () => paired?.(),
    })
    const failed = finished.then(() => Promise.reject(new Error('the camera ended before it was paired')))
    failed.catch(() => undefined)
    const root = await household.unlockRoot(passphrase)
    const { kind } = parseSource(options.camera)
    const isEmulated = kind !== 'v4l2' && kind !== 'rtsp'
    const where = { lamp, isEmulated, data, out, tell, signal: over.signal }
    const { deviceId } = await Promise.race([pairCamera(household, root, where), failed])
    await Promise.race([isPaired, failed])
    tell(`camera ${deviceId.slice(0, 12)}… paired; it sees ${hardware.camera.name}`)

    const home = new HomeSide(household, await Ledger.open(disk, join(work, 'home')), out, tell)
    const listens = home.listen({ signal: listening.signal })
    const spies = stranger.listen(household.id, { signal: listening.signal })
    await Promise.race([pause(options.seconds * 1000, over.signal), finished])
    tell('time is up: the camera finishes its clip')
    over.abort()
    await finished
    await home.openRest()
    await spies
    await stranger.askStore(household.id)
    listening.abort()
    await listens
    const { asked, granted, received, fetched } = stranger
    tell(
      `the stranger asked for ${asked} subscriptions and got ${granted}, with ${received} messages; the store gave it ${fetched} things`,
    )
    tell('now it tries all that a tap on the broker has handed it')
    const strangers = await stranger.tryAll()
    return summarise({ clips: home.opened, alerts: home.alerts, mqtt, strangers })
  } finally {
    // Also after a failure: the detector's thread and whoever listens would keep the process alive.
    over.abort()
    listening.abort()
    await detector?.close()
    await hub.close()
  }
}

/** Sound where there is any. */
async function microphoneFor(camera: string): Promise<string> {
  if (!camera.startsWith('/dev/')) return 'auto'
  return (await microphones()).length > 0 ? 'auto' : 'none'
}
