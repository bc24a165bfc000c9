import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Capture } from '../arguments.ts'
import { type CameraFormat, chooseFormat, readFormats, readInfo, type WantedVideo } from './v4l2-formats.ts'

const run = promisify(execFile)

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
const RIBBON_DRIVERS = /^(unicam|rp1-cfe|imx\w*-csi|sun\w*-csi)/
/** What develops it: there on every Pi, with and without a camera. */
const DEVELOPERS = /^(bcm2835-isp|pispbe)/

/**
 * All connected cameras: nodes that capture video, no metadata nodes, no encoders. In the place of a node that cannot be
 * asked stands the reason.
 */
export async function connectedCameras(dev = '/dev'): Promise<readonly (ConnectedCamera | OwnlensError)[]> {
  const names = (await folder(dev)).filter(name => /^video\d+$/.test(name))
  names.sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
  const byId = await linksById(join(dev, 'v4l/by-id'))
  const found: (ConnectedCamera | OwnlensError)[] = []
  for (const name of names) {
    const device = join(dev, name)
    try {
      const camera = await readCamera(device, byId.get(device))
      if (camera !== undefined) found.push(camera)
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
      found.push(error)
    }
  }
  return found
}

/** Undefined for a node that does not capture. */
async function readCamera(device: string, byId: string | undefined): Promise<ConnectedCamera | undefined> {
  const { captures, name, driver } = readInfo(await v4l2Ctl(device, '--info'))
  if (!captures || DEVELOPERS.test(driver)) return undefined
  const formats = readFormats(await v4l2Ctl(device, '--list-formats-ext'))
  return { device, byId, name, driver, ribbon: RIBBON_DRIVERS.test(driver), formats }
}

/**
 * How to open a V4L2 camera.
 *
 * @throws OwnlensError `camera.absent`, `camera.permission`, `camera.not_capture`, `camera.ribbon`, `camera.size`,
 *   `v4l2.absent`.
 */
export async function prepareV4l2(device: string, wanted: WantedVideo): Promise<Omit<Capture, 'audio'>> {
  const real = await realpath(device).catch(cause => {
    throw new OwnlensError('camera.absent', device, { cause })
  })
  const camera = await readCamera(real, undefined)
  if (camera === undefined) throw new OwnlensError('camera.not_capture', device)
  if (camera.ribbon) throw new OwnlensError('camera.ribbon', `${device}, ${camera.driver}`)
  return chooseFormat(camera.formats, device, wanted)
}

async function v4l2Ctl(device: string, what: string): Promise<string> {
  // It says "Cannot open device" whatever the reason is.
  await access(device, constants.R_OK | constants.W_OK).catch(cause => {
    const denied = (cause as NodeJS.ErrnoException).code === 'EACCES'
    throw new OwnlensError(denied ? 'camera.permission' : 'camera.absent', device, { cause })
  })
  try {
    const env = { ...process.env, LC_ALL: 'C' }
    return (await run('v4l2-ctl', ['-d', device, what], { timeout: 5000, env })).stdout
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') throw new OwnlensError('v4l2.absent', undefined, { cause })
    if (/busy/i.test(stderr)) throw new OwnlensError('camera.busy', device, { cause })
    if (/not a v4l2 node|Unable to detect what device/i.test(stderr))
      throw new OwnlensError('camera.not_capture', device, { cause })
    throw new OwnlensError('camera.absent', device, { cause })
  }
}

async function linksById(path: string): Promise<ReadonlyMap<string, string>> {
  const links = new Map<string, string>()
  for (const name of await folder(path)) {
    const link = join(path, name)
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
