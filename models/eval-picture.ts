import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { OwnlensError } from '../protocol/errors.ts'
import type { RgbImage } from '../protocol/image.ts'
import type { LabelledPicture } from './eval-folder.ts'

const run = promisify(execFile)

/** A picture may have this many bytes once decoded: 128 megapixels. */
const MAX_BYTES = 128 * 3 * 1024 * 1024

/** One picture as the detectors get it. */
export interface EvalPicture {
  /** As large as it is. */
  readonly whole: RgbImage
  /** As small as the agent's frames are. */
  readonly frame: RgbImage
}

/**
 * Decodes a picture with ffmpeg, whatever it is; of several pictures in a file the first. An orientation in EXIF is
 * obeyed, unless the labels' size shows that they were drawn on the picture as it is stored.
 *
 * @param frameSize the longer side of the small one.
 * @throws OwnlensError `eval.image`, `ffmpeg.absent`.
 */
export async function readPicture(
  { path, file, size }: LabelledPicture,
  frameSize: number,
): Promise<EvalPicture> {
  let stored: readonly string[] = []
  let whole = await decode(path, file, [], [])
  const onItsSide = size !== undefined && size.width === whole.height && size.height === whole.width
  if (onItsSide && size.width !== size.height) {
    stored = ['-noautorotate']
    whole = await decode(path, file, stored, [])
  }
  const { width, height } = whole
  const scale = Math.min(1, frameSize / Math.max(width, height))
  const even = (side: number) => Math.max(2, Math.round((side * scale) / 2) * 2)
  const shrink = ['-vf', `scale=${even(width)}:${even(height)}:flags=area`]
  return { whole, frame: await decode(path, file, stored, shrink) }
}

async function decode(
  path: string,
  name: string,
  input: readonly string[],
  output: readonly string[],
): Promise<RgbImage> {
  try {
    const { stdout } = await run(
      'ffmpeg',
      [
        // A picture that is really a list of other files opens nothing over the network.
        ...['-v', 'error', '-nostdin', '-protocol_whitelist', 'file,crypto', ...input, '-i', `file:${path}`],
        ...['-map', '0:v:0', '-frames:v', '1', ...output, '-pix_fmt', 'rgb24'],
        ...['-c:v', 'ppm', '-f', 'image2pipe', 'pipe:1'],
      ],
      { encoding: 'buffer', maxBuffer: MAX_BYTES, timeout: 60_000 },
    )
    return parsePpm(stdout)
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT')
      throw new OwnlensError('ffmpeg.absent', undefined, { cause })
    const said = String((cause as { stderr?: unknown }).stderr ?? '').trim()
    const why = said.split('\n')[0]?.replace(/^\[[^\]]*\] /, '') || (cause as Error).message
    throw new OwnlensError('eval.image', `${name}: ${why}`, { cause })
  }
}

/** A portable pixmap as ffmpeg writes it: `P6`, width, height, 255, one blank, the pixels. */
function parsePpm(bytes: Buffer): RgbImage {
  const head = /^P6\n(\d+) (\d+)\n255\n/.exec(bytes.subarray(0, 40).toString('latin1'))
  if (head === null) throw new Error('ffmpeg found no picture in it')
  const width = Number(head[1])
  const height = Number(head[2])
  const data = bytes.subarray(head[0].length)
  if (data.length !== width * height * 3) throw new Error('the picture is cut short')
  return { width, height, data }
}
