import { execFile } from 'node:child_process'
import { readdir, realpath } from 'node:fs/promises'
import { promisify } from 'node:util'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Capture } from '../arguments.ts'

const run = promisify(execFile)

/** One thing that a camera can deliver. */
export interface CameraFormat {
  /** V4L2's four characters: `MJPG`, `H264`, `YUYV` … */
  readonly pixels: string
  readonly width: number
  readonly height: number
  /** Pictures a second, highest first. */
  readonly rates: readonly number[]
}

/** A connected camera: a V4L2 node that captures. */
export interface ConnectedCamera {
  /** `/dev/videoN`. */
  readonly device: string
  /** `/dev/v4l/by-id/…`, which stays the same when it is plugged in elsewhere. */
  readonly byId: string | undefined
  readonly name: string
  readonly driver: string
  /** A ribbon camera's raw node: ffmpeg cannot use it. */
  readonly ribbon: boolean
  readonly formats: readonly CameraFormat[]
}

/** Drivers of the boards' camera connectors; they deliver raw sensor data that libcamera must develop. */
const RIBBON_DRIVERS = /^(unicam|bm2835 mmal|bcm2835-isp|rp1-cfe|pispbe|imx\w*-csi|sun\w*-csi)/

/** All connected cameras: nodes that capture video, no metadata nodes, no encoders. */
export async function connectedCameras(): Promise<readonly ConnectedCamera[]> {
  const names = [...(await folder('/dev'))].filter(name => /^video\d+$/.test(name))
  names.sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
  const byId = await linksById()
  const found: ConnectedCamera[] = []
  for (const name of names) {
    const device = `/dev/${name}`
    const camera = await readCamera(device, byId.get(device))
    if (camera !== undefined) found.push(camera)
  }
  return found
}

async function readCamera(device: string, byId: string | undefined): Promise<ConnectedCamera | undefined> {
  const info = readInfo(await v4l2Ctl(device, '--info'))
  if (!info.captures) return undefined
  const ribbon = RIBBON_DRIVERS.test(info.driver)
  const formats = readFormats(await v4l2Ctl(device, '--list-formats-ext'))
  return { device, byId, name: info.name, driver: info.driver, ribbon, formats }
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
  const formats: { pixels: string; width: number; height: number; rates: number[] }[] = []
  let pixels = ''
  for (const line of text.split('\n')) {
    const format = /\[\d+\]: '(\w{4})'/.exec(line)
    const size = /Size: Discrete (\d+)x(\d+)/.exec(line)
    const range = /Size: Stepwise (\d+)x(\d+) - (\d+)x(\d+)/.exec(line)
    const rate = /Interval: Discrete .*\(([\d.]+) fps\)/.exec(line)
    if (format?.[1]) pixels = format[1]
    else if (size) formats.push({ pixels, width: Number(size[1]), height: Number(size[2]), rates: [] })
    else if (range) formats.push({ pixels, width: Number(range[3]), height: Number(range[4]), rates: [] })
    else if (rate?.[1]) formats.at(-1)?.rates.push(Number(rate[1]))
  }
  for (const { rates } of formats) rates.sort((a, b) => b - a)
  return formats
}

/** What is asked of a camera. */
export interface WantedVideo {
  readonly width: number
  readonly height: number
  readonly rate: number
}

/**
 * How to open a V4L2 camera: MJPEG at the wanted size, else H.264, else raw pictures (made MJPEG).
 *
 * @throws OwnlensError `camera.absent`, `camera.not_capture`, `camera.ribbon`, `camera.size`, `v4l2.absent`.
 */
export async function prepareV4l2(device: string, wanted: WantedVideo): Promise<Omit<Capture, 'audio'>> {
  const real = await realpath(device).catch(cause => {
    throw new OwnlensError('camera.absent', device, { cause })
  })
  const camera = await readCamera(real, undefined)
  if (camera === undefined) throw new OwnlensError('camera.not_capture', device)
  return chooseFormat(camera, device, wanted)
}

/** The pure part of `prepareV4l2`. */
export function chooseFormat(
  camera: ConnectedCamera,
  device: string,
  wanted: WantedVideo,
): Omit<Capture, 'audio'> {
  if (camera.ribbon) throw new OwnlensError('camera.ribbon', `${device}, ${camera.driver}`)
  const { width, height, rate } = wanted
  const fitting = camera.formats.filter(format => format.width === width && format.height === height)
  const choice =
    fitting.find(format => format.pixels === 'MJPG' || format.pixels === 'JPEG') ??
    fitting.find(format => format.pixels === 'H264') ??
    fitting.find(format => /^(YUYV|UYVY|NV12|YU12|YV12|RGB3|BGR3)$/.test(format.pixels))
  if (choice === undefined) {
    const offered = [...new Set(camera.formats.map(format => `${format.width}x${format.height}`))].join(', ')
    throw new OwnlensError('camera.size', `${device} offers ${offered || 'nothing'}, not ${width}x${height}`)
  }
  const input = {
    MJPG: 'mjpeg',
    JPEG: 'mjpeg',
    H264: 'h264',
    YUYV: 'yuyv422',
    UYVY: 'uyvy422',
    NV12: 'nv12',
  }[choice.pixels]
  // The lowest rate that is not below the wanted one, else the highest there is.
  const nearest = choice.rates.findLast(offered => offered >= rate - 0.01) ?? choice.rates[0]
  const ring = { mjpeg: 'copy-mjpeg', h264: 'copy-h264' }[input ?? ''] as Capture['ring'] | undefined
  return {
    video: {
      options: [
        ...[
          '-f',
          'v4l2',
          '-thread_queue_size',
          '64',
          ...(input === undefined ? [] : ['-input_format', input]),
        ],
        ...[
          '-video_size',
          `${width}x${height}`,
          ...(nearest === undefined ? [] : ['-framerate', String(nearest)]),
        ],
      ],
      source: device,
    },
    ring: ring ?? 'encode-mjpeg',
    width,
    height,
  }
}

async function v4l2Ctl(device: string, what: string): Promise<string> {
  try {
    return (await run('v4l2-ctl', ['-d', device, what], { timeout: 5000 })).stdout
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') throw new OwnlensError('v4l2.absent', undefined, { cause })
    if (/Permission denied/i.test(stderr ?? ''))
      throw new OwnlensError('camera.permission', device, { cause })
    if (/busy/i.test(stderr ?? '')) throw new OwnlensError('camera.busy', device, { cause })
    throw new OwnlensError('camera.absent', device, { cause })
  }
}

async function linksById(): Promise<ReadonlyMap<string, string>> {
  const links = new Map<string, string>()
  for (const name of await folder('/dev/v4l/by-id')) {
    const link = `/dev/v4l/by-id/${name}`
    links.set(await realpath(link).catch(() => link), link)
  }
  return links
}

async function folder(path: string): Promise<readonly string[]> {
  return readdir(path).then(
    names => names,
    () => [],
  )
}
