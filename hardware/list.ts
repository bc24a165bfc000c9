import { OwnlensError } from '../protocol/errors.ts'
import { type Microphone, microphones } from './pi/alsa.ts'
import { type ConnectedCamera, connectedCameras } from './pi/v4l2.ts'
import { type CameraFormat, sizeText } from './pi/v4l2-formats.ts'

/** What is connected to this machine. */
export interface FoundHardware {
  readonly cameras: readonly ConnectedCamera[]
  readonly microphones: readonly Microphone[]
  /** What could not be asked: an error's code, what it concerns, and what to do. */
  readonly troubles: readonly Trouble[]
}

interface Trouble {
  readonly code: string
  readonly says: string
  readonly todo: string
}

/** Looks for cameras that capture, and for microphones. What cannot be asked is told in `troubles`, not thrown. */
export async function listHardware({ dev = '/dev' } = {}): Promise<FoundHardware> {
  const nodes = await connectedCameras(dev)
  const cameras = nodes.filter((node): node is ConnectedCamera => !(node instanceof OwnlensError))
  const errors = nodes.filter(node => node instanceof OwnlensError)
  const heard = await microphones().catch((error: unknown) => {
    if (!(error instanceof OwnlensError)) throw error
    errors.push(error)
    return []
  })
  // A missing command is said once, not once a node.
  const troubles = new Map(errors.map(error => [error.message, troubleOf(error)]))
  return { cameras, microphones: heard, troubles: [...troubles.values()] }
}

/** The same for a person to read. */
export function describeHardware({ cameras, microphones, troubles }: FoundHardware): string {
  const usable = cameras.filter(camera => !camera.ribbon)
  const ribbon = cameras.filter(camera => camera.ribbon)
  const lines = ['Cameras', ...usable.flatMap(cameraLines), ...ribbonLines(ribbon)]
  if (cameras.length === 0)
    lines.push('  none. Plug a USB camera in, or use `--camera rtsp://…`, a file, or scene (built in).')
  lines.push('', 'Microphones', ...microphones.map(({ device, name }) => `  ${device}  ${name}`))
  if (microphones.length === 0) lines.push('  none. Without one, clips have no sound.')
  if (troubles.length > 0) lines.push('', 'Could not be asked')
  for (const { says, todo } of troubles) lines.push(`  ${says}`, `    ${todo}`)
  return `${lines.join('\n')}\n`
}

function cameraLines({ device, byId, name, driver, formats }: ConnectedCamera): readonly string[] {
  return [
    `  ${device}  ${name} (${driver})`,
    ...(byId === undefined ? [] : [`    ${byId}`]),
    ...formatLines(formats),
  ]
}

/** Sizes that a format offers at the same rates share a line: `MJPG  1920x1080, 1280x720 at 30, 15`. */
function formatLines(formats: readonly CameraFormat[]): readonly string[] {
  const groups = new Map<string, { pixels: string; rates: string; sizes: string[] }>()
  for (const format of formats) {
    const { pixels } = format
    const rates = format.rates.map(rate => Number(rate.toFixed(2))).join(', ')
    const group = groups.get(`${pixels} ${rates}`) ?? { pixels, rates, sizes: [] }
    group.sizes.push(sizeText(format))
    groups.set(`${pixels} ${rates}`, group)
  }
  return [...groups.values()].map(
    ({ pixels, rates, sizes }) => `    ${pixels}  ${sizes.join(', ')}${rates && ` at ${rates}`}`,
  )
}

/** One ribbon camera has many nodes. */
function ribbonLines(cameras: readonly ConnectedCamera[]): readonly string[] {
  return [...new Set(cameras.map(camera => camera.driver))].flatMap(driver => {
    const nodes = cameras.filter(camera => camera.driver === driver).map(camera => camera.device)
    const { says, todo } = troubleOf(new OwnlensError('camera.ribbon'))
    return [`  ${nodes.join(', ')}  ribbon camera (${driver})`, `    ${says}`, `    ${todo}`]
  })
}

function troubleOf({ code, message, todo }: OwnlensError): Trouble {
  return { code, says: message, todo }
}
