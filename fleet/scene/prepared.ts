import { type Capture, type CommandLine, smallFrame } from '../../hardware/arguments.ts'
import { prepareStream } from '../../hardware/capture.ts'
import { sceneGraph } from '../../hardware/emulated/scene.ts'
import { startFfmpeg } from '../../hardware/ffmpeg.ts'
import { cameraError } from '../../hardware/ffmpeg-errors.ts'
import type { CameraSession, Fragment, Frame } from '../../hardware/hardware.ts'
import type { FaceDetector } from '../../models/face-detector.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { Fmp4Splitter, readFragmentTimes, readTiming } from '../../protocol/fmp4.ts'
import type { Face } from '../../protocol/image.ts'

/** A fragment of a prepared scene lasts so long, and begins with a key picture. */
export const BEAT_MS = 500
/** Small frames in a beat. */
export const FRAMES_A_BEAT = 2
/** Pictures a second, and how wide they are. */
const RATE = 10
const WIDE = 640
/** The longer side of a small frame, as the agent's default has it. */
const SMALL = 192
/** So much of a tester's own file is used. */
export const FILE_SECONDS = 60

/** Half a second of a scene: encoded, and as the small frames that were looked at. */
export interface Beat {
  readonly fragment: Pick<Fragment, 'data' | 'key' | 'durationMs'>
  readonly frames: readonly Omit<Frame, 'at'>[]
}

/** Which part of a scene is seen. */
export type Sight = 'empty' | 'collins' | 'hopper' | 'black' | 'film'

/**
 * A scene that was encoded once, with what the real detector found in each of its small frames: any number of emulated cameras
 * show it, and need neither an encoder nor a detector of their own.
 */
export interface PreparedScene {
  readonly name: string
  readonly format: CameraSession['format']
  /** ftyp + moov. */
  readonly init: Uint8Array
  readonly sights: Readonly<Partial<Record<Sight, readonly Beat[]>>>
  /** What the detector found, by a frame's bytes. */
  readonly faces: ReadonlyMap<Uint8Array, readonly Face[]>
  /** How long the real detector took for one frame, on average, and for how many. */
  readonly detected: { readonly frames: number; readonly meanMs: number }
}

/** From which second to which each sight lies in the built-in scene; behind it the picture is black. */
const BUILT_IN: readonly (readonly [Sight, number, number])[] = [
  ['collins', 1.5, 11.5],
  ['hopper', 11.5, 20.5],
  ['empty', 20.5, 24],
  ['black', 24, 26],
]
const BUILT_IN_SECONDS = 26

/**
 * Prepares the built-in scene, or a video file.
 *
 * @throws OwnlensError `camera.*` for a file that cannot be used, `ffmpeg.*`, `models.*`.
 */
export async function prepareScene(file: string | undefined, detector: FaceDetector): Promise<PreparedScene> {
  const name = file ?? 'built-in scene'
  const source =
    file === undefined
      ? ({ kind: 'lavfi', graph: sceneGraph() } as const)
      : ({ kind: 'file', path: file } as const)
  const capture = await prepareStream(source, name, { loop: false, sound: true })
  const { init, beats } = await render(name, capture, file)
  if (beats.length === 0) throw new OwnlensError('camera.no_video', name)
  const faces = new Map<Uint8Array, readonly Face[]>()
  const began = performance.now()
  for (const frame of beats.flatMap(beat => beat.frames)) faces.set(frame.data, await detector.detect(frame))
  const meanMs = (performance.now() - began) / Math.max(1, faces.size)
  const part = (from: number, to: number) =>
    beats.slice(Math.round((from * 1000) / BEAT_MS), Math.round((to * 1000) / BEAT_MS))
  const sights =
    file === undefined
      ? Object.fromEntries(BUILT_IN.map(([sight, from, to]) => [sight, part(from, to)]))
      : { film: beats }
  const { width, height } = sizeOf(capture)
  const format = { video: 'h264', width, height, audio: capture.audio !== 'none' } as const
  return { name, format, init, sights, faces, detected: { frames: faces.size, meanMs } }
}

/** Runs ffmpeg once, as fast as it goes. */
async function render(
  name: string,
  capture: Capture,
  file: string | undefined,
): Promise<{ init: Uint8Array; beats: readonly Beat[] }> {
  const process = await startFfmpeg(command(capture, file))
  const small = smallFrame(capture, SMALL)
  const [pieces, raw] = await Promise.all([collect(process.stdout), collect(process.pipe3)])
  const { failed, lastWords } = await process.ended
  if (failed) throw cameraError(lastWords, name)
  const [init, ...fragments] = new Fmp4Splitter().push(pieces)
  if (init?.kind !== 'init') throw new OwnlensError('fmp4.malformed', name)
  const timing = readTiming(init.data)
  const length = small.width * small.height * 3
  const beats = fragments.flatMap(({ data }, index) => {
    const times = readFragmentTimes(data, timing)
    const frames = Array.from({ length: FRAMES_A_BEAT }, (_, of) => {
      const at = (index * FRAMES_A_BEAT + of) * length
      return { ...small, data: Uint8Array.from(raw.subarray(at, at + length)) }
    })
    // The last half second may be cut short.
    if (times === undefined || !times.key || frames.some(frame => frame.data.length < length)) return []
    return [{ fragment: { data, key: true, durationMs: BEAT_MS }, frames }]
  })
  return { init: init.data, beats }
}

function command(capture: Capture, file: string | undefined): CommandLine {
  const { video, audio } = capture
  const { width, height } = sizeOf(capture)
  const small = smallFrame(capture, SMALL)
  const seconds = file === undefined ? BUILT_IN_SECONDS : FILE_SECONDS
  const dark =
    file === undefined ? `,drawbox=x=0:y=0:w=iw:h=ih:c=black:t=fill:enable='gte(t,${SCENE_END})'` : ''
  const rate = (FRAMES_A_BEAT * 1000) / BEAT_MS
  const filter = [
    `[0:v:0]fps=${RATE}${dark},split=2[all][few]`,
    `[all]scale=${width}:${height},format=yuv420p[ring]`,
    `[few]fps=${rate},scale=${small.width}:${small.height}:flags=area,format=rgb24[small]`,
  ].join(';')
  const beat = (RATE * BEAT_MS) / 1000
  const h264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '30', '-bf', '0']
  const keys = ['-g', String(beat), '-keyint_min', String(beat), '-sc_threshold', '0']
  const sound = audio === 'none' ? [] : ['-map', '0:a:0', '-c:a', 'aac', '-b:a', '32k', '-ac', '1']
  return {
    inputs: [
      {
        // Without its pace: nobody waits for half a minute.
        options: ['-loglevel', 'error', ...video.options.filter(option => option !== '-re')],
        source: video.source,
      },
    ],
    filter,
    outputs: [
      {
        options: [
          ...['-map', '[ring]', ...h264, ...keys, ...sound, '-t', String(seconds)],
          ...['-flags', '+global_header', '-f', 'mp4'],
          ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
        ],
        target: 'pipe:1',
      },
      {
        options: ['-map', '[small]', '-an', '-t', String(seconds), '-c:v', 'rawvideo', '-f', 'rawvideo'],
        target: 'pipe:3',
      },
    ],
  }
}

const SCENE_END = 24

/** The picture's size in the ring: both even. */
function sizeOf({ width, height }: Capture): { width: number; height: number } {
  const wide = Math.min(WIDE, width)
  return { width: wide & ~1, height: Math.round((height * wide) / width / 2) * 2 }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
