import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Makes a video of a moving test picture with ffmpeg. */
export async function makeVideo(
  folder: string,
  name: string,
  { codec, size = '640x480', seconds = 2, rate = 15, keyEvery = 15, sound = false }: VideoOptions,
): Promise<string> {
  const path = join(folder, name)
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', String(keyEvery)]
  const mjpeg = ['-c:v', 'mjpeg', '-q:v', '5', '-pix_fmt', 'yuvj420p']
  const other = ['-c:v', 'mpeg4', '-q:v', '5']
  const tone = ['-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=16000']
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `testsrc=s=${size}:r=${rate}`, ...(sound ? tone : [])],
    ...[...{ h264, mjpeg, other }[codec], '-t', String(seconds), path],
  ])
  return path
}

export interface VideoOptions {
  readonly codec: 'h264' | 'mjpeg' | 'other'
  readonly size?: string
  readonly seconds?: number
  readonly rate?: number
  /** Pictures from key picture to key picture. */
  readonly keyEvery?: number
  readonly sound?: boolean
}

/** What ffprobe says of these bytes: every stream with its start and the number of its pictures that can be decoded. */
export async function probeBytes(
  folder: string,
  bytes: Uint8Array,
): Promise<
  readonly { codec: string; width: number | undefined; startsAt: number; pictures: number | undefined }[]
> {
  const path = join(folder, 'probed.mp4')
  await writeFile(path, bytes)
  const shown = ['-show_entries', 'stream=codec_name,width,start_time,nb_read_frames', '-of', 'json']
  const { stdout, stderr } = await run('ffprobe', ['-v', 'error', '-count_frames', ...shown, path])
  if (stderr !== '') throw new Error(stderr)
  const { streams } = JSON.parse(stdout) as {
    streams: { codec_name: string; width?: number; start_time: string; nb_read_frames?: string }[]
  }
  return streams.map(({ codec_name: codec, width, start_time, nb_read_frames }) => ({
    codec,
    width,
    startsAt: Number(start_time),
    pictures: nb_read_frames === undefined ? undefined : Number(nb_read_frames),
  }))
}

/** The mean brightness of a picture, 0 to 255. */
export async function brightness(folder: string, jpeg: Uint8Array): Promise<number> {
  const path = join(folder, 'probed.jpg')
  await writeFile(path, jpeg)
  const { stdout } = await run(
    'ffmpeg',
    ['-v', 'error', '-i', path, '-vf', 'scale=1:1:flags=area,format=gray', '-f', 'rawvideo', '-'],
    { encoding: 'buffer' },
  )
  return stdout[0] ?? Number.NaN
}
