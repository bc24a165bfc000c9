import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sceneGraph } from '../hardware/emulated/scene.ts'

const run = promisify(execFile)

/** Spans of the scene (seconds): somebody stands there; the room is empty, a sensor's noise aside. */
const STANDS = 'between(t,5,9)'
const EMPTY = 'between(t,20.5,26)'

/**
 * Videos that the rows share, made once in the bench's folder; all 1280x720 at 15 pictures a second, with sound. `quiet`:
 * the empty room. `busy`: the scene, somebody there three quarters of the time. `visits`: somebody is there at once for
 * four seconds, then nobody for eight and a half.
 */
const VIDEOS = {
  'quiet.avi': { select: EMPTY, seconds: 5.5 },
  'busy.avi': { select: '1', seconds: 24 },
  'busy.mp4': { select: '1', seconds: 24 },
  'visits.avi': { select: `${STANDS}+${EMPTY}+between(t,44.5,47.5)`, seconds: 12.5 },
} as const

/** Makes a video if it is not there yet; answers its path. */
export async function video(folder: string, name: keyof typeof VIDEOS): Promise<string> {
  const path = join(folder, name)
  if (existsSync(path)) return path
  const { select, seconds } = VIDEOS[name]
  const making = join(folder, `new.${name}`)
  const filter = `[0:v]select='${select}',setpts=N/15/TB[v];[0:a]atrim=0:${seconds}[a]`
  const mjpeg = ['-c:v', 'mjpeg', '-q:v', '5', '-pix_fmt', 'yuvj420p', '-c:a', 'pcm_s16le']
  const h264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'aac']
  await run('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-t', '48', '-i', sceneGraph(), '-filter_complex', filter],
    ...[
      '-map',
      '[v]',
      '-map',
      '[a]',
      ...(name.endsWith('.mp4') ? h264 : mjpeg),
      '-t',
      String(seconds),
      making,
    ],
  ])
  await rename(making, path)
  return path
}
