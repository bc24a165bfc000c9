import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { emulated } from '../../hardware/emulated/emulated.ts'
import type { CameraSession, Fragment, Frame } from '../../hardware/hardware.ts'
import type { Polygon } from '../../hardware/mask.ts'
import { parseSource } from '../../hardware/source.ts'
import { disk } from '../../storage/disk.ts'
import { temporaryFolder } from '../support/places.ts'

const [WIDTH, HEIGHT] = [320, 240]
/** The left half, but for a strip at the top. */
const MASK: Polygon = [
  [0, 0.25],
  [0.5, 0.25],
  [0.5, 1],
  [0, 1],
]

let folder: string
let remove: () => Promise<void>
beforeAll(async () => {
  ;({ path: folder, remove } = await temporaryFolder())
})
afterAll(() => remove())

const SOURCES = {
  'a camera whose pictures are encoded here': () => `lavfi:color=c=orange:s=${WIDTH}x${HEIGHT}:r=10`,
  'a camera of MJPEG, else copied': () => film('orange.avi', ['-c:v', 'mjpeg', '-q:v', '2']),
  'a camera of H.264, else passed through': () => film('orange.mp4', ['-c:v', 'libx264', '-g', '10']),
}

function film(name: string, codec: readonly string[]): string {
  const path = join(folder, name)
  const graph = `color=c=orange:s=${WIDTH}x${HEIGHT}:r=10`
  spawnSync('ffmpeg', ['-loglevel', 'error', '-f', 'lavfi', '-i', graph, '-t', '2', ...codec, path])
  return path
}

/** One picture as R G B. */
function decode(bytes: Uint8Array): Frame {
  const args = [
    '-loglevel',
    'error',
    '-i',
    'pipe:0',
    '-frames:v',
    '1',
    '-f',
    'rawvideo',
    '-pix_fmt',
    'rgb24',
    '-',
  ]
  const { stdout } = spawnSync('ffmpeg', args, { input: bytes, maxBuffer: 2 ** 26 })
  return { width: WIDTH, height: HEIGHT, data: stdout, at: 0 }
}

/** The brightest value of any colour where it is masked (a pixel within, for JPEG's rounding), and the darkest red outside. */
function look({ width, height, data }: Frame): { within: number; outside: number } {
  let [within, outside] = [0, 255]
  const rim = 8 / width
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [fx, fy] = [(x + 0.5) / width, (y + 0.5) / height]
      const at = (y * width + x) * 3
      if (fx < 0.5 - rim && fy > 0.25 + rim) within = Math.max(within, ...data.subarray(at, at + 3))
      if (fx > 0.5 + rim || fy < 0.25 - rim) outside = Math.min(outside, data[at] ?? 0)
    }
  return { within, outside }
}

async function open(camera: string, mask: readonly Polygon[]) {
  const abort = new AbortController()
  const source = parseSource(camera) as Parameters<typeof emulated>[0]['source']
  const hardware = emulated({ source, microphone: 'none', mask, disk, data: join(folder, 'data') })
  const frames = { rate: 5, size: 160 }
  return { abort, hardware, session: await hardware.camera.open({ signal: abort.signal, frames }) }
}

async function first<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item
  throw new Error('nothing came')
}

for (const [name, source] of Object.entries(SOURCES))
  test(`${name}: what is masked is black in small frames, ring and clip; the rest is as it was`, async () => {
    const { abort, hardware, session } = await open(source(), [MASK])
    try {
      const [frame, fragment] = await Promise.all([first(session.frames), first(session.fragments)])
      expect(look(frame).within).toBeLessThan(24)
      expect(look(frame).outside).toBeGreaterThan(200)
      const ring = look(decode(Buffer.concat([session.init, fragment.data])))
      expect(ring.within).toBeLessThan(24)
      expect(ring.outside).toBeGreaterThan(200)
      const clip = await clipOf(hardware, session, fragment, abort.signal)
      expect(look(decode(clip)).within).toBeLessThan(24)
      expect(look(decode(clip)).outside).toBeGreaterThan(200)
      expect(session.format.video).toBe('mjpeg')
    } finally {
      abort.abort()
      await session.ended.catch(() => undefined)
    }
  })

test('without a mask nothing is black', async () => {
  const { abort, session } = await open(SOURCES['a camera whose pictures are encoded here'](), [])
  expect(look(await first(session.frames)).within).toBeGreaterThan(100)
  abort.abort()
  await session.ended.catch(() => undefined)
})

async function clipOf(
  { encoder }: ReturnType<typeof emulated>,
  session: CameraSession,
  fragment: Fragment,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  async function* one() {
    yield fragment
  }
  for await (const piece of encoder.clip(session, one(), { signal })) pieces.push(piece)
  return Buffer.concat(pieces)
}
