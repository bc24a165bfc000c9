import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { smallFrame } from '../../hardware/arguments.ts'
import { ffmpegCamera } from '../../hardware/camera.ts'
import { prepareStream } from '../../hardware/capture.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import type { CameraSession, Fragment, Frame, Hardware } from '../../hardware/hardware.ts'
import { parseSource } from '../../hardware/source.ts'
import { disk } from '../../storage/disk.ts'
import { runningFfmpegs } from '../support/hardware-processes.ts'
import { brightness, makeVideo, probeBytes } from '../support/hardware-videos.ts'
import { temporaryFolder } from '../support/places.ts'

const FRAMES = { rate: 5, size: 192 }
let folder: string
let removeFolder: () => Promise<void>
let abort: AbortController
const videos = new Map<string, string>()

beforeAll(async () => {
  const made = await temporaryFolder()
  folder = made.path
  removeFolder = made.remove
  for (const [name, options] of [
    ['sound.avi', { codec: 'mjpeg', sound: true }],
    ['sound.mp4', { codec: 'h264', sound: true }],
    ['silent.mp4', { codec: 'h264', size: '320x240' }],
    ['seldom-keys.mp4', { codec: 'h264', seconds: 6, keyEvery: 45, sound: true }],
    ['slow.avi', { codec: 'mjpeg', rate: 1, seconds: 4, sound: true }],
    ['upright.mov', { codec: 'other', size: '480x640' }],
  ] as const)
    videos.set(name, await makeVideo(folder, name, options))
})

afterAll(() => removeFolder())

afterEach(async () => {
  abort?.abort()
  await expect.poll(runningFfmpegs, { timeout: 5000 }).toEqual([])
})

function hardwareOf(source: string, loop = true): Hardware {
  const parsed = parseSource(videos.get(source) ?? source)
  if (parsed.kind === 'v4l2' || parsed.kind === 'rtsp') throw new Error('not emulated')
  return emulated({ source: parsed, microphone: 'auto', disk, data: folder, loop })
}

function open(source: string, loop = true): Promise<CameraSession> {
  abort = new AbortController()
  return hardwareOf(source, loop).camera.open({ signal: abort.signal, frames: FRAMES })
}

async function firstFrames(session: CameraSession, count: number): Promise<readonly Frame[]> {
  const frames: Frame[] = []
  for await (const frame of session.frames) if (frames.push(frame) === count) break
  return frames
}

/** Fragments of so many milliseconds at least. */
async function firstFragments(session: CameraSession, ms: number): Promise<readonly Fragment[]> {
  const fragments: Fragment[] = []
  for await (const fragment of session.fragments) {
    fragments.push(fragment)
    if (lengthOf(fragments) >= ms) break
  }
  return fragments
}

async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

const lengthOf = (fragments: readonly Fragment[]) =>
  fragments.reduce((sum, { durationMs }) => sum + durationMs, 0)
const bytesOf = (session: CameraSession, fragments: readonly Fragment[]) =>
  Buffer.concat([session.init, ...fragments.map(({ data }) => data)])
const rising = (items: readonly { at: number }[]) =>
  items.every(({ at }, index) => index === 0 || at > (items[index - 1]?.at ?? 0))

describe.each([
  { source: 'scene', video: 'mjpeg', width: 1280, height: 720, audio: true },
  { source: 'sound.avi', video: 'mjpeg', width: 640, height: 480, audio: true },
  { source: 'sound.mp4', video: 'h264', width: 640, height: 480, audio: true },
  { source: 'silent.mp4', video: 'h264', width: 320, height: 240, audio: false },
  { source: 'seldom-keys.mp4', video: 'mjpeg', width: 640, height: 480, audio: true },
  { source: 'upright.mov', video: 'mjpeg', width: 480, height: 640, audio: false },
] as const)('the camera $source', ({ source, ...format }) => {
  test('its frames, its fragments, and a clip of them', async () => {
    const { camera, encoder } = hardwareOf(source)
    abort = new AbortController()
    const { signal } = abort
    const session = await camera.open({ signal, frames: FRAMES })
    expect(session.format).toEqual(format)
    const [frames, fragments] = await Promise.all([firstFrames(session, 8), firstFragments(session, 3000)])
    expect(rising(frames) && rising(fragments)).toBe(true)

    const size = smallFrame(format, FRAMES.size)
    expect(Math.max(size.width, size.height)).toBe(FRAMES.size)
    for (const { width, height, data } of frames)
      expect({ width, height, bytes: data.length }).toEqual({ ...size, bytes: size.width * size.height * 3 })

    expect(fragments[0]?.key).toBe(true)
    expect(fragments.some(({ key }) => !key)).toBe(format.video === 'h264')
    const ring = await probeBytes(folder, bytesOf(session, fragments))
    expect(ring.map(({ codec }) => codec)).toEqual([format.video, ...(format.audio ? ['aac'] : [])])
    expect(ring[0]?.width).toBe(format.width)
    expect(ring[0]?.pictures).toBeGreaterThan(30)
    // AAC at 16 kHz has 15.6 packets a second: none may be missing.
    if (format.audio) expect(ring[1]?.pictures).toBeGreaterThan(40)

    const boxes: Uint8Array[] = []
    for await (const box of encoder.clip(session, oneByOne(fragments), { signal })) boxes.push(box)
    expect(Buffer.from(boxes[0] ?? []).toString('latin1', 4, 8)).toBe('ftyp')
    for (const box of boxes.slice(1)) expect(Buffer.from(box).toString('latin1', 4, 8)).toBe('moof')
    const [video, sound] = await probeBytes(folder, Buffer.concat(boxes))
    expect(video).toMatchObject({ codec: 'h264', width: format.width, pictures: ring[0]?.pictures })
    expect(sound?.codec).toBe(format.audio ? 'aac' : undefined)
    expect(Math.min(video?.startsAt ?? 9, sound?.startsAt ?? 9)).toBe(0)
  })

  test('who reads no frames or no fragments holds up nobody', async () => {
    const session = await open(source)
    expect(lengthOf(await firstFragments(session, 1000))).toBeGreaterThanOrEqual(1000)
    const before = session.dropped().frames
    expect(before).toBeGreaterThan(1)
    expect(await firstFrames(session, 8)).toHaveLength(8)
    expect(session.dropped().fragments).toBe(0)
  })

  test('an abort ends it within a second, without an error', async () => {
    const session = await open(source)
    await expect.poll(runningFfmpegs).toHaveLength(1)
    const since = performance.now()
    abort.abort()
    await session.ended
    expect(performance.now() - since).toBeLessThan(1000)
    expect(await runningFfmpegs()).toEqual([])
    for await (const _ of session.frames);
    for await (const _ of session.fragments);
  })

  test('a killed ffmpeg is a lost camera', async () => {
    const session = await open(source)
    for (const pid of await runningFfmpegs()) process.kill(pid, 'SIGKILL')
    await expect(session.ended).rejects.toMatchObject({ code: 'camera.lost' })
  })
})

describe('a file', () => {
  test('that does not loop ends without an error', async () => {
    const session = await open('silent.mp4', false)
    const fragments = await firstFragments(session, 60_000)
    await session.ended
    expect(lengthOf(fragments)).toBeCloseTo(2000, -2)
  })

  test.each(['sound.avi', 'silent.mp4'])('that loops (%s) goes on at its real pace', async source => {
    const session = await open(source)
    const fragments = await firstFragments(session, 5000)
    expect(rising(fragments)).toBe(true)
    const [first, last] = [fragments[0]?.at ?? 0, fragments.at(-1)?.at ?? 0]
    expect(last - first).toBeGreaterThan(4500)
    expect(last - first).toBeLessThan(6000)
  })
})

test('a camera of one picture a second keeps all of its sound', async () => {
  const session = await open('slow.avi')
  const fragments = await firstFragments(session, 3000)
  const [, sound] = await probeBytes(folder, bytesOf(session, fragments))
  expect(sound?.pictures).toBeGreaterThan(30)
})

test('a camera that delivers nothing is silent', async () => {
  const session = await open('sound.avi')
  for (const pid of await runningFfmpegs()) process.kill(pid, 'SIGSTOP')
  await expect(session.ended).rejects.toMatchObject({ code: 'camera.silent' })
})

test('an abort while its ffmpeg is being started ends it', async () => {
  abort = new AbortController()
  const { signal } = abort
  const source = parseSource('lavfi:testsrc=s=320x240:r=15')
  if (source.kind !== 'lavfi') throw new Error('not a graph')
  const camera = ffmpegCamera('test', async () => {
    const capture = await prepareStream(source, 'test', { loop: true, sound: false })
    // After the last look at the signal, and before there is a process.
    setImmediate(() => abort.abort())
    return capture
  })
  await expect(camera.open({ signal, frames: FRAMES })).rejects.toMatchObject({ name: 'AbortError' })
})

test('an encoder and a still that were aborted while their ffmpeg was being started end', async () => {
  const hardware = hardwareOf('sound.avi')
  const session = await open('sound.avi')
  const fragments = await firstFragments(session, 1000)
  const over = new AbortController()
  const clip = hardware.encoder.clip(session, oneByOne(fragments), { signal: over.signal })
  const reading = expect(async () => {
    for await (const _ of clip);
  }).rejects.toThrow()
  const still = expect(
    hardware.encoder.still(session, fragments, { signal: over.signal, longSide: 320 }),
  ).rejects.toThrow()
  over.abort()
  await Promise.all([reading, still])
})

test('an abort before it has begun opens nothing', async () => {
  const signal = AbortSignal.abort()
  await expect(hardwareOf('sound.avi').camera.open({ signal, frames: FRAMES })).rejects.toThrow()
})

describe('a still', () => {
  // Every picture is ten steps brighter than the one before it.
  const GRAPH = "lavfi:color=black:s=320x240:r=10,format=gray,geq=lum='10*N'"

  test('is the last picture, no larger than asked', async () => {
    const { encoder } = hardwareOf(GRAPH)
    const session = await open(GRAPH)
    const { signal } = abort
    const fragments = await firstFragments(session, 1500)
    for (const count of [1, fragments.length]) {
      const some = fragments.slice(0, count)
      const still = await encoder.still(session, some, { signal, longSide: 160 })
      const last = Math.round(lengthOf(some) / 100) - 1
      expect(Math.abs((await brightness(folder, still)) - 10 * last)).toBeLessThan(4)
      expect(await probeBytes(folder, still)).toMatchObject([{ codec: 'mjpeg', width: 160 }])
    }
  })

  test.each(['sound.avi', 'sound.mp4'])('of %s is one whole JPEG', async source => {
    const { encoder } = hardwareOf(source)
    const session = await open(source)
    const fragments = await firstFragments(session, 1000)
    const still = await encoder.still(session, fragments, { signal: abort.signal, longSide: 640 })
    expect(Buffer.from(still.subarray(0, 3)).toString('hex')).toBe('ffd8ff')
    expect(Buffer.from(still).indexOf('ffd8ff', 3, 'hex')).toBe(-1)
    expect(await probeBytes(folder, still)).toMatchObject([{ codec: 'mjpeg', width: 640, pictures: 1 }])
  })

  test('of what cannot be decoded is an error', async () => {
    const { encoder } = hardwareOf('sound.avi')
    const session = await open('sound.avi')
    const { signal } = abort
    await expect(encoder.still(session, [], { signal, longSide: 640 })).rejects.toMatchObject({
      code: 'encoder.failed',
    })
  })
})
