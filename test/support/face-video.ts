import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './places.ts'

const run = promisify(execFile)

/**
 * A video of eight seconds with a real face (a photograph that sways) and sound: H.264 and AAC in MP4, or MJPEG in AVI.
 * Made once for each machine.
 */
export async function faceVideo(kind: 'h264' | 'mjpeg', size = '640x480'): Promise<string> {
  const path = join(tmpdir(), `ownlens-face-1-${size}.${kind === 'h264' ? 'mp4' : 'avi'}`)
  if (existsSync(path)) return path
  const [width, height] = size.split('x').map(Number)
  const photograph = join(ROOT, 'hardware/emulated/scene/collins.jpg')
  const sway = `scale=-2:${height},pad=${width}:${height}:(ow-iw)/2:0:color=0x8899aa,setsar=1`
  const graph = `[0:v]${sway}[p];color=c=0x8899aa:s=${size}:r=15:d=8[c];[c][p]overlay=x='20*sin(t*4)':y=0,noise=alls=4:allf=t[v]`
  const codec =
    kind === 'h264'
      ? ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '15', '-pix_fmt', 'yuv420p']
      : ['-c:v', 'mjpeg', '-q:v', '5', '-pix_fmt', 'yuvj420p']
  const audio = kind === 'h264' ? ['-c:a', 'aac'] : ['-c:a', 'pcm_s16le']
  const making = `${path}.${process.pid}.${kind === 'h264' ? 'mp4' : 'avi'}`
  await run('ffmpeg', [
    ...['-v', 'error', '-y', '-loop', '1', '-framerate', '15', '-t', '8', '-i', photograph],
    ...['-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=16000:duration=8', '-filter_complex', graph],
    ...['-map', '[v]', '-map', '1:a', ...codec, ...audio, '-t', '8', making],
  ])
  await rename(making, path)
  return path
}

/** What ffprobe says of a file's streams. */
export async function probeStreams(
  path: string,
): Promise<readonly { codec_name: string; codec_type: string }[]> {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', path])
  return (JSON.parse(stdout) as { streams: { codec_name: string; codec_type: string }[] }).streams
}
