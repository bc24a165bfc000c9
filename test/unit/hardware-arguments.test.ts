import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Capture,
  captureCommand,
  clipCommand,
  smallFrame,
  stillCommand,
  toArguments,
} from '../../hardware/arguments.ts'
import { prepareStream } from '../../hardware/capture.ts'
import { sceneGraph } from '../../hardware/emulated/scene.ts'
import { chooseFormat, readFormats } from '../../hardware/pi/v4l2-formats.ts'
import { makeVideo } from '../support/hardware-videos.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'

const ALSA = { options: ['-f', 'alsa', '-thread_queue_size', '1024'], source: 'plughw:CARD=C920,DEV=0' }
let folder: string
let remove: () => Promise<void>

beforeAll(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
})

afterAll(() => remove())

/** The command line as a person would write it. */
function lineOf(capture: Capture): string {
  return toArguments(captureCommand(capture, { rate: 10, size: 192 })).join(' ')
}

async function v4l2(
  kind: string,
  wanted: readonly [number, number, number],
  audio: Capture['audio'] = 'none',
) {
  const formats = readFormats(await readFile(join(ROOT, 'test/support/bin/nodes', kind, 'formats'), 'utf8'))
  const [width, height, rate] = wanted
  return { ...chooseFormat(formats, '/dev/video0', { width, height, rate }), audio }
}

/** What every line begins and ends with. */
const QUIET = '-hide_banner -nostats -loglevel error'
const FIFO = '-flags +global_header -f fifo -fifo_format mp4 -queue_size 600'
const RING = `${FIFO} -format_opts movflags=+empty_moov+default_base_moof:frag_duration=250000:flush_packets=1 pipe:1`
const RING_H264 = RING.replace('=+', '=+frag_keyframe+')
const SMALL =
  '-map [small] -an -c:v rawvideo -f fifo -fifo_format rawvideo -drop_pkts_on_overflow 1 -queue_size 2 pipe:3'
const MJPEG = '-map 0:v:0 -c:v copy -tag:v mp4v'
const H264 = '-map 0:v:0 -c:v copy -tag:v avc1'
const ENCODE = '-map [ring] -c:v mjpeg -q:v 4 -pix_fmt yuvj420p'
const AAC = '-c:a aac -b:a 64k -ac 1'
const shrink = (size: string) => `fps=10,scale=${size}:flags=area,format=rgb24[small]`
const copied = (size: string) => `-filter_complex [0:v:0]${shrink(size)}`
const encoded = (size: string) => `-filter_complex [0:v:0]split=2[ring][b];[b]${shrink(size)}`

describe('a source becomes one command line', () => {
  test('a USB camera with MJPEG', async () => {
    expect(lineOf(await v4l2('webcam', [1280, 720, 15]))).toBe(
      `${QUIET} -threads 1 -lowres:v 2 -f v4l2 -thread_queue_size 64 -input_format mjpeg -video_size 1280x720 -framerate 15 -i /dev/video0 ${copied('192:108')} ${MJPEG} ${RING} ${SMALL}`,
    )
  })

  test('with a microphone', async () => {
    expect(lineOf(await v4l2('webcam', [640, 480, 12], ALSA))).toBe(
      `${QUIET} -threads 1 -lowres:v 1 -f v4l2 -thread_queue_size 64 -input_format mjpeg -video_size 640x480 -framerate 15 -i /dev/video0 -f alsa -thread_queue_size 1024 -i plughw:CARD=C920,DEV=0 ${copied('192:144')} ${MJPEG} -map 1:a:0 ${AAC} ${RING} ${SMALL}`,
    )
  })

  test('at a size with H.264 alone', async () => {
    expect(lineOf(await v4l2('webcam', [1920, 1080, 60]))).toBe(
      `${QUIET} -threads 1 -f v4l2 -thread_queue_size 64 -input_format h264 -video_size 1920x1080 -framerate 30 -i /dev/video0 ${copied('192:108')} ${H264} ${RING_H264} ${SMALL}`,
    )
  })

  test('with raw pictures', async () => {
    expect(lineOf(await v4l2('vivid', [640, 360, 12]))).toBe(
      `${QUIET} -f v4l2 -thread_queue_size 64 -input_format yuyv422 -video_size 640x360 -framerate 15 -i /dev/video0 ${encoded('192:108')} ${ENCODE} ${RING} ${SMALL}`,
    )
  })

  test('of any size and rate', async () => {
    expect((await v4l2('any-size', [1024, 768, 12])).video.options.join(' ')).toBe(
      '-f v4l2 -thread_queue_size 64 -input_format mjpeg -video_size 1024x768 -framerate 15',
    )
  })

  test.each([
    ['copy-mjpeg', MJPEG, RING, '-threads 1 -lowres:v 2 '],
    ['copy-h264', H264, RING_H264, '-threads 1 '],
  ] as const)('a network camera (%s)', (ring, video, output, decode) => {
    const options = ['-rtsp_transport', 'tcp', '-timeout', '5000000']
    const source = 'rtsp://camera/1'
    const capture = { video: { options, source }, audio: 'same', ring, width: 1280, height: 720 } as const
    expect(lineOf(capture)).toBe(
      `${QUIET} ${decode}${options.join(' ')} -i ${source} ${copied('192:108')} ${video} -map 0:a:0 ${AAC} ${output} ${SMALL}`,
    )
  })

  const INPUT = '-re -stream_loop -1 -i'
  test.each([
    ['a.mp4', 'h264', 15, `-threads 1 ${INPUT}`, copied('192:144'), H264, RING_H264],
    ['b.mp4', 'h264', 45, INPUT, encoded('192:144'), ENCODE, RING],
    ['c.avi', 'mjpeg', 1, `-threads 1 -lowres:v 1 ${INPUT}`, copied('192:144'), MJPEG, RING],
    ['d.mov', 'other', 1, INPUT, encoded('192:144'), ENCODE, RING],
  ] as const)(
    'a file: %s is %s with a key every %i pictures',
    async (name, codec, keyEvery, input, filter, video, output) => {
      const path = await makeVideo(folder, name, { codec, keyEvery, seconds: 7, sound: true })
      const open = { loop: true, sound: true }
      const capture = await prepareStream({ kind: 'file', path }, name, open)
      expect(lineOf(capture)).toBe(
        `${QUIET} ${input} ${path} ${filter} ${video} -map 0:a:0 ${AAC} ${output} ${SMALL}`,
      )
      const mute = await prepareStream({ kind: 'file', path }, name, { loop: false, sound: false })
      expect(lineOf(mute)).toBe(
        `${QUIET} ${input.replace(' -stream_loop -1', '')} ${path} ${filter} ${video} ${output} ${SMALL}`,
      )
    },
  )

  test.each([
    ['a graph', 'testsrc=s=640x480', '192:144', ''],
    ['the scene', sceneGraph(), '192:108', `-map 0:a:0 ${AAC} `],
  ])('%s', async (name, graph, size, sound) => {
    const capture = await prepareStream({ kind: 'lavfi', graph }, name, { loop: true, sound: true })
    expect(lineOf(capture)).toBe(
      `${QUIET} -re -f lavfi -i ${graph} ${encoded(size)} ${ENCODE} ${sound}${RING} ${SMALL}`,
    )
  })
})

describe('a ring becomes', () => {
  const IN = `${QUIET} -threads 1 -f mp4 -i pipe:0 -map 0:v:0`
  const OUT =
    '-c:a copy -flags +global_header -f mp4 -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 500000 -flush_packets 1 pipe:1'
  const PACE = '-fps_mode vfr -enc_time_base 1:90000 -force_key_frames expr:gte(t,n_forced*2)'

  test.each([
    ['mjpeg', 'libx264', `-c:v libx264 -preset veryfast -bf 0 -pix_fmt yuv420p ${PACE}`],
    ['mjpeg', 'h264_v4l2m2m', `-c:v h264_v4l2m2m -b:v 3M -pix_fmt yuv420p ${PACE}`],
    ['h264', 'libx264', '-c:v copy'],
  ] as const)('a clip: %s by %s', (ring, encoder, video) => {
    expect(toArguments(clipCommand(ring, encoder)).join(' ')).toBe(`${IN} -map 0:a? ${video} ${OUT}`)
  })

  test('pictures', () => {
    expect(toArguments(stillCommand(640)).join(' ')).toBe(
      `${IN} -an -vf scale='if(gte(iw,ih),min(iw,640),-2)':'if(gte(iw,ih),-2,min(ih,640))' -c:v mjpeg -q:v 4 -pix_fmt yuvj420p -f image2pipe pipe:1`,
    )
  })
})

test.each([
  [1280, 720, 192, 192, 108],
  [480, 640, 192, 144, 192],
  [160, 120, 192, 160, 120],
  [1920, 1080, 333, 334, 188],
  [4000, 20, 192, 192, 2],
])('%ix%i becomes small frames of %i: %ix%i', (width, height, size, smallWidth, smallHeight) => {
  expect(smallFrame({ width, height }, size)).toEqual({ width: smallWidth, height: smallHeight })
})
