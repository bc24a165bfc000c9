import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type ErrorCode, OwnlensError } from '../protocol/errors.ts'
import { cameraError } from './ffmpeg-errors.ts'

const run = promisify(execFile)

const streamSchema = z.object({
  codec_type: z.string(),
  codec_name: z.string().optional(),
  width: z.int().positive().optional(),
  height: z.int().positive().optional(),
  disposition: z.object({ attached_pic: z.int() }).optional(),
})
const probeSchema = z.object({ streams: z.array(streamSchema).default([]) })

/** What is in a file, stream or filter graph. */
export interface Probe {
  readonly codec: string
  readonly width: number
  readonly height: number
  readonly audio: boolean
}

const SHOWN = 'stream=codec_type,codec_name,width,height:stream_disposition=attached_pic'

/**
 * Asks ffprobe. Throws `ffmpeg.absent`, `camera.no_video` and what `cameraError` finds.
 *
 * @param unknown the error for words that nobody knows.
 */
export async function probe(
  options: readonly string[],
  source: string,
  name: string,
  unknown: ErrorCode = 'camera.source',
): Promise<Probe> {
  const asked = [...options, '-of', 'json', '-show_entries', SHOWN, '-i', source]
  const { streams } = probeSchema.parse(JSON.parse(await ffprobe(asked, name, unknown)))
  const video = streams.find(isVideo)
  if (video?.width === undefined || video.height === undefined)
    throw new OwnlensError('camera.no_video', name)
  return {
    codec: video.codec_name ?? '',
    width: video.width,
    height: video.height,
    audio: streams.some(stream => stream.codec_type === 'audio'),
  }
}

/** Not a song's cover; nor text, which ffmpeg would draw as on a terminal. */
function isVideo({ codec_type, codec_name, disposition }: z.infer<typeof streamSchema>): boolean {
  return codec_type === 'video' && codec_name !== 'ansi' && disposition?.attached_pic !== 1
}

/** The longest time between two key pictures in the first 20 seconds, in seconds; infinite for fewer than two. */
export async function longestKeyGap(source: string, name: string): Promise<number> {
  const asked = ['-select_streams', 'v:0', '-skip_frame', 'nokey', '-read_intervals', '%+20']
  const text = await ffprobe(
    [...asked, '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', '-i', source],
    name,
    'camera.source',
  )
  const times = text.split(/[\s,]+/).flatMap(time => (/^\d/.test(time) ? [Number(time)] : []))
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
  return gaps.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...gaps)
}

async function ffprobe(options: readonly string[], name: string, unknown: ErrorCode): Promise<string> {
  try {
    const { stdout } = await run('ffprobe', ['-v', 'error', ...options], {
      timeout: 20_000,
      maxBuffer: 4 << 20,
    })
    return stdout
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') throw new OwnlensError('ffmpeg.absent', undefined, { cause })
    throw cameraError(stderr ?? '', name, unknown)
  }
}
