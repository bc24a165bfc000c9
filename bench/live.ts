import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { findCamera, type HomeCamera } from '../home/cameras.ts'
import type { Household } from '../home/household.ts'
import { watchLive } from '../home/live.ts'
import { LiveFile } from '../home/live-file.ts'
import type { LiveThing } from '../protocol/live.ts'
import { type BenchContext, percentile, type Row, row } from './row.ts'
import { startSide } from './side.ts'

const REQUESTS = 8
const GLASS_SECONDS = 20
const PATIENCE_MS = 60_000

/** The clock in the picture: so many black or white squares, the lowest bit first; it counts in steps of 4 ms. */
const BITS = 20
const SQUARE = 32
const STEP_MS = 4

/**
 * A moving picture of 1280x720 at 15 a second, with the machine's clock drawn into each frame when it is made: a Gray code,
 * whose neighbours differ in one square, so that no frame is read wrongly by more than a step.
 */
function clockGraph(): string {
  const steps = (bit: string) => `floor(time(0)*${1000 / STEP_MS}/pow(2\\,${bit}))`
  const gray = `255*mod(${steps('X')}+${steps('X+1')}\\,2)`
  const clock = `color=black:s=${BITS}x1:r=15,format=gray,geq=lum='${gray}',scale=${BITS * SQUARE}:${SQUARE}:flags=neighbor,format=yuv420p[clock]`
  return `testsrc=s=1280x720:r=15,format=yuv420p[room];${clock};[room][clock]overlay=0:0`
}

/**
 * `live.first`: from the request to the first picture's bytes at home, 95th percentile over requests of one member after the other.
 * `live.glass.p95`: from a frame's making to its decoded picture at home, by the clock in it, 95th percentile over frames.
 */
export async function measureLive(
  { folder, tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('live.first') && !only('live.glass.p95')) return []
  const side = await startSide(folder)
  try {
    const agent = await side.start({
      camera: `lavfi:${clockGraph()}`,
      clip: { triggers: ['motion'], maxSeconds: 5 },
    })
    const [claim] = await side.household.claims()
    const camera = await findCamera(side.household, claim?.deviceId ?? '')
    const rows: Row[] = []
    const none = { name: 'none', value: null }
    if (only('live.first')) {
      tell(`live.first: ${REQUESTS} requests`)
      const times: number[] = []
      for (let count = 0; count < REQUESTS; count++) times.push(await firstPicture(side.household, camera))
      rows.push(row('live.first', 'ms', percentile(times, 0.95), none, 'lower'))
    }
    if (only('live.glass.p95')) {
      tell(`live.glass.p95: ${GLASS_SECONDS} s`)
      const delays = await glassToGlass(side.household, camera)
      rows.push(row('live.glass.p95', 'ms', percentile(delays, 0.95), none, 'lower'))
    }
    await side.stop(agent)
    return rows
  } finally {
    await side.close()
  }
}

/** Milliseconds from the request to the first picture. */
async function firstPicture(household: Household, camera: HomeCamera): Promise<number> {
  const began = performance.now()
  let first: number | undefined
  const over = new AbortController()
  const show = ({ type }: LiveThing) => {
    if (type !== 'key') return
    first ??= performance.now() - began
    over.abort()
  }
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(PATIENCE_MS)])
  const { why } = await watchLive(household, camera, { show, refused: fail }, { signal })
  if (first === undefined) throw new Error(`no picture came: ${why}`)
  return first
}

/** Milliseconds from each frame's making to its decoded picture. */
async function glassToGlass(household: Household, camera: HomeCamera): Promise<readonly number[]> {
  const player = startPlayer()
  const delays: number[] = []
  readClock(player, made => delays.push(age(made, Date.now())))
  const file = new LiveFile()
  const show = (thing: LiveThing) => void player.stdin.write(file.add(thing))
  const signal = AbortSignal.timeout(GLASS_SECONDS * 1000)
  await watchLive(household, camera, { show, refused: fail }, { signal })
  const gone = new Promise(resolve => player.once('close', resolve))
  player.stdin.end()
  await gone
  if (delays.length < GLASS_SECONDS * 10) throw new Error(`only ${delays.length} frames came`)
  return delays
}

function fail(error: Error): never {
  throw error
}

/** An ffmpeg that decodes as a player does, and gives out nothing but the clock: a byte for each square. */
function startPlayer(): ChildProcessWithoutNullStreams {
  const clock = `crop=${BITS * SQUARE}:${SQUARE}:0:0,scale=${BITS}:1:flags=area,format=gray`
  return spawn('ffmpeg', [
    ...['-v', 'error', '-fflags', 'nobuffer', '-flags', 'low_delay', '-threads', '1', '-f', 'mp4'],
    ...['-i', 'pipe:0', '-an', '-vf', clock, '-fps_mode', 'passthrough', '-f', 'rawvideo', 'pipe:1'],
  ])
}

/** Calls back with each frame's clock, in steps. */
function readClock(player: ChildProcessWithoutNullStreams, read: (steps: number) => void): void {
  let rest = Buffer.alloc(0)
  player.stdout.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    for (; rest.length >= BITS; rest = rest.subarray(BITS)) {
      let [steps, bit] = [0, 0]
      for (let at = BITS - 1; at >= 0; at--) {
        bit ^= (rest[at] ?? 0) > 127 ? 1 : 0
        steps = steps * 2 + bit
      }
      read(steps)
    }
  })
}

/** How long ago that was; the clock begins anew every 70 minutes. */
function age(steps: number, now: number): number {
  const turn = 2 ** BITS
  return ((((Math.floor(now / STEP_MS) - steps) % turn) + turn) % turn) * STEP_MS
}
