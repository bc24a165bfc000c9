import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOM } from '../../hardware/emulated/scene.ts'
import type { Frame } from '../../hardware/hardware.ts'
import { codeAsPng } from '../../home/pairing-code.ts'
import { base32 } from '../../protocol/ids.ts'
import { INVITATION_MAX, writeInvitation } from '../../protocol/invitation.ts'

const run = promisify(execFile)

/** How a webcam sees a code. What has no default here is what each test is about. */
export interface View {
  readonly width: number
  readonly height: number
  /** The code's width, its quiet zone included, as a share of the picture's. */
  readonly share: number
  /** Degrees; the pictures swing between this and its opposite. Default 15. */
  readonly turn?: number
  /** How much longer one side is than the opposite one, at most. Default 0.1. */
  readonly tilt?: number
  /** Standard deviation of the lens's blur in pixels. Default 0.9. */
  readonly blur?: number
  /** Strength of the sensor's noise, of 255. Default 10. */
  readonly noise?: number
  /** A filter for the code itself. */
  readonly code?: string
  /** A filter for the light in the room. */
  readonly light?: string
  /** Another code, on the wall. */
  readonly poster?: string
  /** JPEG's, from 2 (best) to 31. Default 6, as webcams have it. */
  readonly quality?: number
}

/** Invitations as long as they may be, each with keys of its own; the same ones in each run. */
export function invitations(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const key = (name: string) => createHash('sha256').update(`${name} ${index}`).digest()
    const make = (host: string) =>
      writeInvitation({
        rootId: base32(key('root')),
        secret: key('secret').subarray(0, 16),
        caId: base32(key('ca')),
        hubUrl: `https://${host}:8443`,
      })
    return make('h'.repeat(INVITATION_MAX - make('h').length + 1))
  })
}

/**
 * Photographs of codes, made with ffmpeg: in a room, at a place, turn and tilt of its own for each picture, at twice the
 * size, then shrunk, blurred, with noise, and pressed as JPEG.
 */
export async function photograph(folder: string, texts: readonly string[], view: View): Promise<Frame[]> {
  const at = await mkdtemp(join(folder, 'codes-'))
  for (const [index, text] of texts.entries())
    await writeFile(join(at, `${String(index).padStart(3, '0')}.png`), await codeAsPng(text))
  const poster = join(at, 'poster.png')
  if (view.poster !== undefined) await writeFile(poster, await codeAsPng(view.poster))
  const video = join(at, 'pictures.avi')
  await run('ffmpeg', [
    ...['-v', 'error', '-framerate', '15', '-i', join(at, '%03d.png')],
    ...(view.poster === undefined ? [] : ['-loop', '1', '-framerate', '15', '-i', poster]),
    ...['-filter_complex', sight(view), '-map', '[seen]', '-frames:v', String(texts.length)],
    ...['-c:v', 'mjpeg', '-q:v', String(view.quality ?? 6), video],
  ])
  return decode(video, view)
}

/** The pictures of a video as frames. */
export async function decode(
  video: string,
  { width, height }: { width: number; height: number },
): Promise<Frame[]> {
  const { stdout } = await run(
    'ffmpeg',
    ['-v', 'error', '-i', video, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'],
    {
      encoding: 'buffer',
      maxBuffer: 2 ** 30,
    },
  )
  const size = width * height * 3
  return Array.from({ length: stdout.length / size }, (_, index) => ({
    width,
    height,
    data: stdout.subarray(index * size, (index + 1) * size),
    at: index * 200,
  }))
}

/** The filter graph from codes to what the webcam delivers. */
function sight(view: View): string {
  const { width, height, share, turn = 15, tilt = 0.1, blur = 0.9, noise = 10 } = view
  const { code = 'null', light = 'null' } = view
  const [w, h] = [width * 2, height * 2]
  const half = (share * w) / 2
  const free = (side: number) => Math.max(0, side / 2 - half * 1.3)
  const angle = `(${turn}*PI/180*sin(on*1.7+1))`
  const centre = { x: `${w / 2}+${free(w)}*sin(on*0.9)`, y: `${h / 2}+${free(h)}*cos(on*1.3)` }
  const corners = [
    [-1, -1],
    [1, -1],
    [-1, 1],
    [1, 1],
  ] as const
  const places = corners.map(([u, v], index) => {
    const x = `(${u * half}*(1+${v * tilt}*sin(on*2.3)))`
    const y = `(${v * half}*(1+${u * tilt}*cos(on*3.1)))`
    return `x${index}='${centre.x}+${x}*cos${angle}-${y}*sin${angle}':y${index}='${centre.y}+${x}*sin${angle}+${y}*cos${angle}'`
  })
  // Stretched over the whole picture first, since the filter maps that one's corners; nothing around it shows.
  const fill = `scale=${w - 16}:${h - 16}:flags=neighbor,format=yuva444p,pad=${w}:${h}:8:8:color=black@0`
  const place = `perspective=${places.join(':')}:sense=destination:interpolation=linear:eval=frame`
  const side = Math.round(share * w)
  const wall =
    view.poster === undefined
      ? '[room]null[wall]'
      : `[1:v]scale=${side}:${side}:flags=area[poster];[room][poster]overlay=${side / 8}:${side / 8}[wall]`
  const camera = `scale=${width}:${height}:flags=area,${light},gblur=sigma=${blur},noise=alls=${noise}:allf=t`
  return [
    `${ROOM},trim=end_frame=1,scale=${w}:${h},format=yuv444p,loop=-1:1:0,setpts=N/15/TB[room]`,
    wall,
    `[0:v]${code},${fill},${place}[code]`,
    `[wall][code]overlay=0:0:shortest=1,format=yuv444p,${camera},format=yuvj422p[seen]`,
  ].join(';')
}
