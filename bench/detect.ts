import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createFaceDetector } from '../models/detector.ts'
import type { Runtime } from '../models/face-detector.ts'
import { type BenchContext, median, type Row, row } from './row.ts'
import { video } from './sources.ts'

const SIZE = { width: 192, height: 108 }
const PEER = 'human’s blazeface on tfjs'

/** Milliseconds a frame on one thread, and in how many of 100 frames with a person in view a face is found. */
export async function measureDetection(
  { folder, tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('detect.ms') && !only('detect.found')) return []
  tell('detect: 100 frames of the scene with somebody standing in it')
  const frames = await framesOf(await video(folder, 'busy.avi'))
  const ours = await run('litert', frames)
  const peer = await run('tfjs', frames)
  const rows = [
    row('detect.ms', 'ms a frame', ours.ms, { name: PEER, value: peer.ms }, 'lower'),
    row('detect.found', 'of 100 frames', ours.found, { name: PEER, value: peer.found }, 'higher'),
  ]
  return rows.filter(({ name }) => only(name))
}

async function framesOf(path: string): Promise<readonly Uint8Array[]> {
  const scale = `fps=20,scale=${SIZE.width}:${SIZE.height}:flags=area,format=rgb24`
  const { stdout } = await promisify(execFile)(
    'ffmpeg',
    ['-v', 'error', '-ss', '4', '-i', path, '-t', '5', '-vf', scale, '-f', 'rawvideo', '-'],
    { encoding: 'buffer', maxBuffer: 2 ** 28 },
  )
  const bytes = SIZE.width * SIZE.height * 3
  return Array.from({ length: 100 }, (_, index) => stdout.subarray(index * bytes, (index + 1) * bytes))
}

async function run(runtime: Runtime, frames: readonly Uint8Array[]): Promise<{ ms: number; found: number }> {
  const detector = await createFaceDetector({ runtime, minScore: 0.5 })
  const times: number[] = []
  let found = 0
  for (const data of [...frames.slice(0, 10), ...frames]) {
    const from = performance.now()
    const faces = await detector.detect({ ...SIZE, data })
    times.push(performance.now() - from)
    if (times.length > 10 && faces.length > 0) found++
  }
  await detector.close()
  return { ms: median(times.slice(10)), found }
}
