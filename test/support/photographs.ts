import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Label } from '../../models/eval-labels.ts'
import type { RgbImage } from '../../protocol/image.ts'
import { ROOT } from './places.ts'

const run = promisify(execFile)

/** A picture and the faces in it, in its pixels. */
export interface Labelled {
  readonly picture: RgbImage
  readonly labels: readonly Label[]
}

const SCENE = join(ROOT, 'hardware/emulated/scene')
/** Both photographs have this size. */
export const WIDTH = 436
export const HEIGHT = 480

/** Labelled by hand: from the brows' upper edge to the chin. */
export const people = {
  collins: { path: join(SCENE, 'collins.jpg'), face: label(140, 100, 155) },
  hopper: { path: join(SCENE, 'hopper.jpg'), face: label(120, 110, 220) },
} as const
export type Person = keyof typeof people

/** What ffmpeg makes of one photograph; `face` where the filters have put it. */
export async function photograph(
  person: Person,
  filters: string,
  face: Label | undefined = people[person].face,
): Promise<Labelled> {
  const picture = await ppm(['-i', people[person].path, '-vf', filters])
  return { picture, labels: face === undefined ? [] : [face] }
}

/** Both photographs side by side. */
export async function both(): Promise<Labelled> {
  const { collins, hopper } = people
  const picture = await ppm(['-i', collins.path, '-i', hopper.path, '-filter_complex', 'hstack'])
  return { picture, labels: [collins.face, moved(hopper.face, WIDTH, 0)] }
}

/** What a filter graph draws. */
export async function drawn(graph: string): Promise<Labelled> {
  return { picture: await ppm(['-f', 'lavfi', '-i', graph]), labels: [] }
}

/** A person somewhere in a large picture, the photograph `scale` times its size. */
export function farAway(person: Person, scale: number, left: number, top: number): Promise<Labelled> {
  const filters = `scale=iw*${scale}:-2:flags=area,pad=1280:720:${left}:${top}:color=0x8899aa`
  return photograph(person, filters, moved(scaled(people[person].face, scale), left, top))
}

/** In the middle of a frame 192 pixels wide, as the agent makes them. */
export function inFrame(person: Person, height: number, scale: number): Promise<Labelled> {
  const left = Math.round((192 - WIDTH * scale) / 2)
  const top = height - Math.floor(HEIGHT * scale)
  const filters = `scale=iw*${scale}:ih*${scale}:flags=area,pad=192:${height}:${left}:${top}:color=0x8899aa`
  return photograph(person, filters, moved(scaled(people[person].face, scale), left, top))
}

/** Turned clockwise about its middle, with room for the corners. */
export function turned(person: Person, degrees: number): Promise<Labelled> {
  const angle = (degrees * Math.PI) / 180
  const side = Math.ceil(Math.hypot(WIDTH, HEIGHT) / 2) * 2
  const { left, top, width } = people[person].face
  const x = left + width / 2 - WIDTH / 2
  const y = top + width / 2 - HEIGHT / 2
  const toX = x * Math.cos(angle) - y * Math.sin(angle) + side / 2
  const toY = x * Math.sin(angle) + y * Math.cos(angle) + side / 2
  const face = label(toX - width / 2, toY - width / 2, width)
  return photograph(person, `rotate=${angle}:ow=${side}:oh=${side}:c=0x8899aa`, face)
}

/** As small as the agent's frames are. */
export async function asFrame(person: Person, filters: string): Promise<Labelled> {
  const scale = 192 / HEIGHT
  const shrink = `${filters},scale=${Math.round((WIDTH * scale) / 2) * 2}:192:flags=area`
  return photograph(person, shrink, scaled(people[person].face, scale))
}

function label(left: number, top: number, side: number): Label {
  return { left, top, width: side, height: side, ignore: false }
}

function scaled({ left, top, width }: Label, scale: number): Label {
  return label(left * scale, top * scale, width * scale)
}

function moved({ left, top, width }: Label, x: number, y: number): Label {
  return label(left + x, top + y, width)
}

async function ppm(input: readonly string[]): Promise<RgbImage> {
  const output = ['-frames:v', '1', '-pix_fmt', 'rgb24', '-c:v', 'ppm', '-f', 'image2pipe', '-']
  const { stdout } = await run('ffmpeg', ['-v', 'error', ...input, ...output], {
    encoding: 'buffer',
    maxBuffer: 64 << 20,
  })
  const [head, width, height] =
    /^P6\n(\d+) (\d+)\n255\n/.exec(stdout.subarray(0, 40).toString('latin1')) ?? []
  if (head === undefined) throw new Error('ffmpeg made no picture')
  return { width: Number(width), height: Number(height), data: stdout.subarray(head.length) }
}
