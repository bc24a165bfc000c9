import { OwnlensError } from '../../protocol/errors.ts'
import type { Capture } from '../arguments.ts'

/** One thing that a camera can deliver. */
export interface CameraFormat {
  /** V4L2's four characters: `MJPG`, `H264`, `YUYV` … */
  readonly pixels: string
  readonly width: number
  readonly height: number
  /** The smallest size, where the camera scales to any between the two. */
  readonly least?: { readonly width: number; readonly height: number }
  /** Pictures a second, highest first. */
  readonly rates: readonly number[]
}

/** What is asked of a camera. */
export interface WantedVideo {
  readonly width: number
  readonly height: number
  readonly rate: number
}

/** What stands for a range of rates. */
const USUAL_RATES = [60, 50, 30, 25, 20, 15, 10, 5]

/** ffmpeg's names for what cameras call by four characters. */
const INPUT_FORMATS: Readonly<Record<string, string>> = {
  MJPG: 'mjpeg',
  JPEG: 'mjpeg',
  H264: 'h264',
  YUYV: 'yuyv422',
  UYVY: 'uyvy422',
  NV12: 'nv12',
  YU12: 'yuv420p',
  RGB3: 'rgb24',
  BGR3: 'bgr24',
}

/** Reads `v4l2-ctl --info`. */
export function readInfo(text: string): { name: string; driver: string; captures: boolean } {
  const field = (name: string) => new RegExp(`^\\s*${name}\\s*:\\s*(.+)$`, 'm').exec(text)?.[1]?.trim() ?? ''
  // "Device Caps" is what this very node does; "Capabilities" above it is the whole device's.
  const [, caps = ''] = /Device Caps\s*:[^\n]*\n((?:\s{2,}[^\n:]+\n?)*)/.exec(text) ?? []
  const captures = /^\s*Video Capture(\s|$)/m.test(caps) && !/Memory-to-Memory/.test(caps)
  return { name: field('Card type'), driver: field('Driver name'), captures }
}

/** Reads `v4l2-ctl --list-formats-ext`. */
export function readFormats(text: string): readonly CameraFormat[] {
  const formats: (CameraFormat & { rates: number[] })[] = []
  let pixels = ''
  for (const line of text.split('\n')) {
    const format = /\[\d+\]: '(\w{4})'/.exec(line)?.[1]
    const size = /Size: Discrete (\d+)x(\d+)/.exec(line)
    const sizes = /Size: (?:Stepwise|Continuous) (\d+)x(\d+) - (\d+)x(\d+)/.exec(line)
    const rate = /Interval: Discrete .*\(([\d.]+) fps\)/.exec(line)
    const range = /Interval: (?:Stepwise|Continuous) .*\(([\d.]+)-([\d.]+) fps\)/.exec(line)
    if (format !== undefined) pixels = format
    else if (size) formats.push({ pixels, width: Number(size[1]), height: Number(size[2]), rates: [] })
    else if (sizes) {
      const least = { width: Number(sizes[1]), height: Number(sizes[2]) }
      formats.push({ pixels, least, width: Number(sizes[3]), height: Number(sizes[4]), rates: [] })
    } else if (rate) formats.at(-1)?.rates.push(Number(rate[1]))
    else if (range) {
      const between = (rate: number) => rate >= Number(range[1]) && rate <= Number(range[2])
      formats.at(-1)?.rates.push(...USUAL_RATES.filter(between))
    }
  }
  for (const { rates } of formats) rates.sort((a, b) => b - a)
  return formats
}

/**
 * How ffmpeg opens a camera: MJPEG at the wanted size, else H.264, else raw pictures (made MJPEG).
 *
 * @throws OwnlensError `camera.size`.
 */
export function chooseFormat(
  formats: readonly CameraFormat[],
  device: string,
  wanted: WantedVideo,
): Omit<Capture, 'audio'> {
  const { width, height, rate } = wanted
  const fitting = formats.filter(format => fits(format, wanted) && INPUT_FORMATS[format.pixels] !== undefined)
  const choice =
    fitting.find(({ pixels }) => INPUT_FORMATS[pixels] === 'mjpeg') ??
    fitting.find(({ pixels }) => pixels === 'H264') ??
    fitting[0]
  if (choice === undefined) {
    const offered = [...new Set(formats.map(sizeText))].join(', ')
    throw new OwnlensError('camera.size', `${device} offers ${offered || 'nothing'}, not ${width}x${height}`)
  }
  const input = INPUT_FORMATS[choice.pixels] ?? ''
  const ring = { mjpeg: 'copy-mjpeg', h264: 'copy-h264' }[input] as Capture['ring'] | undefined
  // The lowest rate that is not below the wanted one, else the highest there is.
  const nearest = choice.rates.findLast(offered => offered >= rate - 0.01) ?? choice.rates[0]
  return {
    video: {
      options: [
        ...['-f', 'v4l2', '-thread_queue_size', '64', '-input_format', input],
        ...['-video_size', `${width}x${height}`],
        ...(nearest === undefined ? [] : ['-framerate', String(nearest)]),
      ],
      source: device,
    },
    ring: ring ?? 'encode-mjpeg',
    width,
    height,
  }
}

/** `1280x720`, or `32x32 to 2592x1944` for any size between. */
export function sizeText({ least, width, height }: CameraFormat): string {
  return `${least === undefined ? '' : `${least.width}x${least.height} to `}${width}x${height}`
}

function fits({ least, width, height }: CameraFormat, wanted: WantedVideo): boolean {
  if (least === undefined) return width === wanted.width && height === wanted.height
  const between = (low: number, side: number, high: number) => low <= side && side <= high && side % 2 === 0
  return between(least.width, wanted.width, width) && between(least.height, wanted.height, height)
}
