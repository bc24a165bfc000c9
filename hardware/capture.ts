import type { Capture } from './arguments.ts'
import { longestKeyGap, probe } from './probe.ts'
import type { Source } from './source.ts'

/** H.264 is passed through only when a clip can begin at least this often (seconds). */
export const KEY_GAP_MAX = 2.1

/** Finds out how to open a file, a stream or a filter graph. Throws `camera.*`. */
export async function prepareStream(
  source: Exclude<Source, { kind: 'v4l2' | 'scene' }>,
  name: string,
  { loop, sound }: { loop: boolean; sound: boolean },
): Promise<Capture> {
  if (source.kind === 'lavfi') {
    const options = ['-f', 'lavfi']
    const found = await probe(options, source.graph, name)
    return {
      video: { options: ['-re', ...options], source: source.graph },
      audio: found.audio && sound ? 'same' : 'none',
      ring: 'encode-mjpeg',
      width: found.width,
      height: found.height,
    }
  }
  if (source.kind === 'rtsp') {
    const options = ['-rtsp_transport', 'tcp', '-timeout', '5000000']
    const found = await probe(options, source.url, name, 'camera.unreachable')
    return {
      video: { options, source: source.url },
      audio: found.audio && sound ? 'same' : 'none',
      // Key pictures of a live stream show only with time: the session watches them (camera.ts).
      ring: ringFor(found.codec, 0),
      width: found.width,
      height: found.height,
    }
  }
  const found = await probe([], source.path, name)
  const gap = found.codec === 'h264' ? await longestKeyGap(source.path, name) : 0
  return {
    video: { options: ['-re', ...(loop ? ['-stream_loop', '-1'] : [])], source: source.path },
    audio: found.audio && sound ? 'same' : 'none',
    ring: ringFor(found.codec, gap),
    keysKnown: true,
    width: found.width,
    height: found.height,
  }
}

function ringFor(codec: string, keyGap: number): Capture['ring'] {
  if (codec === 'mjpeg') return 'copy-mjpeg'
  return codec === 'h264' && keyGap <= KEY_GAP_MAX ? 'copy-h264' : 'encode-mjpeg'
}
