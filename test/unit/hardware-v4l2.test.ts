import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ffmpegCamera } from '../../hardware/camera.ts'
import { describeHardware, listHardware } from '../../hardware/list.ts'
import { prepareMicrophone } from '../../hardware/pi/alsa.ts'
import { prepareV4l2 } from '../../hardware/pi/v4l2.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'

const WANTED = { width: 1280, height: 720, rate: 15 }
const PATH = process.env.PATH ?? ''
const FAKES = join(ROOT, 'test/support/bin')
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  folder = await temporaryFolder()
  process.env.PATH = `${FAKES}${delimiter}${PATH}`
})

afterAll(async () => {
  process.env.PATH = PATH
  await folder.remove()
})

let machines = 0

/** A `/dev` with these nodes (see test/support/bin/v4l2-ctl). */
async function machine(
  nodes: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>> = {},
) {
  const dev = join(folder.path, `dev-${machines++}`)
  const byId = join(dev, 'v4l/by-id')
  await mkdir(byId, { recursive: true })
  for (const [name, kind] of Object.entries(nodes)) await writeFile(join(dev, name), kind)
  for (const [name, node] of Object.entries(links)) await symlink(join('../..', node), join(byId, name))
  return dev
}

describe('what is connected', () => {
  test('a webcam is one camera, with its lasting name, formats, sizes and rates', async () => {
    const dev = await machine(
      { video0: 'webcam', video1: 'metadata' },
      { 'usb-C920-video-index0': 'video0', 'usb-C920-video-index1': 'video1' },
    )
    const { cameras, microphones, troubles } = await listHardware({ dev })
    expect(cameras).toHaveLength(1)
    expect(cameras[0]).toMatchObject({
      device: `${dev}/video0`,
      byId: `${dev}/v4l/by-id/usb-C920-video-index0`,
      name: 'HD Pro Webcam C920',
      driver: 'uvcvideo',
      ribbon: false,
    })
    expect(cameras[0]?.formats).toContainEqual({
      pixels: 'MJPG',
      width: 1280,
      height: 720,
      rates: [30, 20, 15, 7.5],
    })
    expect(cameras[0]?.formats).toHaveLength(7)
    expect(microphones).toEqual([
      { device: 'plughw:CARD=C920,DEV=0', name: 'HD Pro Webcam C920' },
      { device: 'plughw:CARD=Device,DEV=0', name: 'USB PnP Sound Device' },
    ])
    expect(troubles).toEqual([])
  })

  test('what a person reads', async () => {
    const dev = await machine(
      { video0: 'webcam', video2: 'unicam', video3: 'unicam', video11: 'codec', video14: 'isp' },
      { 'usb-C920-video-index0': 'video0' },
    )
    expect(describeHardware(await listHardware({ dev })).replaceAll(dev, '/dev')).toBe(
      `Cameras
  /dev/video0  HD Pro Webcam C920 (uvcvideo)
    /dev/v4l/by-id/usb-C920-video-index0
    YUYV  640x480 at 30, 15
    YUYV  1280x720 at 10, 5
    YUYV  2304x1536 at 2
    H264  640x480, 1920x1080 at 30, 15
    MJPG  640x480, 1280x720 at 30, 20, 15, 7.5
  /dev/video2, /dev/video3  ribbon camera (unicam)
    This is a ribbon camera: it delivers raw sensor data.
    Let libcamera develop it: run \`rpicam-vid -t 0 --inline -o - | ffmpeg -i - -c copy -f rtsp …\` to a local RTSP server and use \`--camera rtsp://…\`, or start the agent under \`libcamerify\`.

Microphones
  plughw:CARD=C920,DEV=0  HD Pro Webcam C920
  plughw:CARD=Device,DEV=0  USB PnP Sound Device
`,
    )
  })

  test('encoders, metadata and the board’s own picture processor are no cameras', async () => {
    const dev = await machine({ video10: 'codec', video11: 'codec', video13: 'isp', video1: 'metadata' })
    const found = await listHardware({ dev })
    expect(found.cameras).toEqual([])
    expect(describeHardware(found)).toContain('none. Plug a USB camera in')
  })

  test('nodes are in the order of their numbers; vivid and a camera of any size are cameras', async () => {
    const dev = await machine({ video10: 'vivid', video2: 'any-size', video0: 'cfe' })
    const { cameras } = await listHardware({ dev })
    expect(cameras.map(({ device, driver, ribbon }) => [device.slice(dev.length), driver, ribbon])).toEqual([
      ['/video0', 'rp1-cfe', true],
      ['/video2', 'bm2835 mmal', false],
      ['/video10', 'vivid', false],
    ])
    expect(cameras[1]?.formats[0]).toEqual({
      pixels: 'YU12',
      least: { width: 32, height: 32 },
      width: 2592,
      height: 1944,
      rates: [60, 50, 30, 25, 20, 15, 10, 5],
    })
  })

  test('missing commands are said once, with what to do', async () => {
    const dev = await machine({ video0: 'webcam', video1: 'metadata' })
    process.env.PATH = folder.path
    try {
      const found = await listHardware({ dev })
      expect(found.troubles.map(({ code }) => code)).toEqual(['v4l2.absent', 'alsa.absent'])
      expect(describeHardware(found)).toContain('apt install v4l-utils')
      await expect(prepareMicrophone('auto')).rejects.toMatchObject({ code: 'alsa.absent' })
      await expect(prepareV4l2(join(dev, 'video0'), WANTED)).rejects.toMatchObject({ code: 'v4l2.absent' })
    } finally {
      process.env.PATH = `${FAKES}${delimiter}${PATH}`
    }
  })
})

describe('a camera that cannot be used says why', () => {
  test.each([
    ['metadata', WANTED, 'camera.not_capture', 'video0'],
    ['codec', WANTED, 'camera.not_capture', 'video0'],
    ['isp', WANTED, 'camera.not_capture', 'video0'],
    ['something else', WANTED, 'camera.not_capture', 'video0'],
    ['unicam', WANTED, 'camera.ribbon', 'unicam'],
    ['cfe', WANTED, 'camera.ribbon', 'rp1-cfe'],
    ['webcam', { ...WANTED, width: 800 }, 'camera.size', '640x480'],
    ['any-size', { ...WANTED, width: 3000 }, 'camera.size', '32x32 to 2592x1944'],
  ] as const)('%s', async (kind, wanted, code, detail) => {
    const dev = await machine({ video0: kind })
    await expect(prepareV4l2(join(dev, 'video0'), wanted)).rejects.toMatchObject({
      code,
      detail: expect.stringContaining(detail) as string,
    })
  })

  test('none there', async () => {
    const dev = await machine({})
    await expect(prepareV4l2(join(dev, 'video0'), WANTED)).rejects.toMatchObject({ code: 'camera.absent' })
  })

  // The superuser may read everything.
  test.skipIf(process.getuid?.() === 0)('not allowed', async () => {
    const dev = await machine({})
    await writeFile(join(dev, 'video0'), 'webcam', { mode: 0 })
    await expect(prepareV4l2(join(dev, 'video0'), WANTED)).rejects.toMatchObject({
      code: 'camera.permission',
    })
  })

  test.each([
    ['busy', 'camera.busy'],
    ['mic-busy', 'microphone.busy'],
    ['mic-gone', 'microphone.absent'],
  ])('%s', async (kind, code) => {
    const device = join(await machine({ video0: kind }), 'video0')
    const camera = ffmpegCamera(device, async () => ({
      ...(await prepareV4l2(device, WANTED)),
      audio: await prepareMicrophone('auto'),
    }))
    const { signal } = new AbortController()
    await expect(camera.open({ signal, frames: { rate: 5, size: 192 } })).rejects.toMatchObject({ code })
  })

  test('a microphone that is not there; one that ALSA’s configuration names is tried', async () => {
    await expect(prepareMicrophone('plughw:CARD=Gone,DEV=0')).rejects.toMatchObject({
      code: 'microphone.absent',
      detail: expect.stringContaining('plughw:CARD=C920,DEV=0') as string,
    })
    expect(await prepareMicrophone('none')).toBe('none')
    expect(await prepareMicrophone('auto')).toMatchObject({ source: 'plughw:CARD=C920,DEV=0' })
    expect(await prepareMicrophone('default')).toMatchObject({ source: 'default' })
  })
})
