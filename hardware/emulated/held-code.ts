import { statSync } from 'node:fs'
import { OwnlensError } from '../../protocol/errors.ts'
import { quoted } from '../arguments.ts'
import type { Camera, CameraSession } from '../hardware.ts'
import { NOISE, ROOM } from './scene.ts'

/** How often an emulated lens looks up what is held before it. */
const LOOK_MS = 200

/** How a code is held before an emulated lens. */
export interface Hold {
  /** The code's width as a share of the picture's, its quiet zone included. Default 0.3. */
  readonly share?: number
  /** How far it is turned at most, in degrees: a hand is never quite still. Default 6. */
  readonly turn?: number
}

/**
 * A room in which somebody holds a phone with a code before the camera, as a filter graph: 1280x720 at 15 pictures a
 * second, with a lens's blur, a sensor's noise and a hand's sway; no sound.
 *
 * @param png the code's picture, square.
 */
export function heldCodeGraph(png: string, { share = 0.3, turn = 6 }: Hold = {}): string {
  const code = Math.round(1280 * share)
  const rim = Math.round(code * 0.06)
  const angle = (turn * Math.PI) / 180
  const phone = [
    `movie=${quoted(png)},format=yuva444p,scale=${code}:${code}:flags=area`,
    `pad=${code + 2 * rim}:${code + 6 * rim}:${rim}:${3 * rim}:color=0x18191C`,
    // Made once; `loop` repeats the picture.
    'loop=-1:1:0,setpts=N/15/TB',
    `rotate=a='${angle.toFixed(4)}*sin(t*1.3+1)':ow='rotw(${angle.toFixed(4)})':oh='roth(${angle.toFixed(4)})':c=none`,
  ].join(',')
  const sway = "x='(W-w)*(0.5+0.12*sin(t*0.9))':y='(H-h)*(0.5+0.2*cos(t*0.7))':shortest=1"
  return `${ROOM}[room];${phone}[phone];[room][phone]overlay=${sway},gblur=sigma=0.8,${NOISE},format=yuvj420p[out0]`
}

/**
 * A camera before whose lens codes come and go. A session shows what is there when it opens; when that changes it ends
 * with `camera.lost`, and the next one shows the new sight.
 *
 * @param code the path of the code's PNG that is before the lens now.
 * @param held the camera that sees this PNG.
 */
export function cameraWithCodes(
  source: Camera,
  code: () => string | undefined,
  held: (png: string) => Camera,
): Camera {
  return {
    name: source.name,
    async open({ signal, frames, sound = true }): Promise<CameraSession> {
      const now = code()
      const seen = sightOf(now)
      const changed = () => sightOf(code()) !== seen
      const over = new AbortController()
      const camera = now === undefined ? source : held(now)
      const session = await camera
        .open({ signal: AbortSignal.any([signal, over.signal]), frames, sound })
        .catch((error: unknown) => {
          // Its picture may have been taken away while it was being opened.
          throw changed() ? new OwnlensError('camera.lost', source.name, { cause: error }) : error
        })
      const look = setInterval(() => {
        if (changed()) over.abort()
      }, LOOK_MS)
      const ended = session.ended
        .finally(() => clearInterval(look))
        .then(() => {
          if (over.signal.aborted && !signal.aborted) throw new OwnlensError('camera.lost', source.name)
        })
      ended.catch(() => undefined)
      return { ...session, ended }
    },
  }
}

/** What tells one sight from another: the picture, and when it was written. */
function sightOf(png: string | undefined): string | undefined {
  if (png === undefined) return undefined
  const info = statSync(png, { throwIfNoEntry: false })
  return `${png} ${info?.ino} ${info?.mtimeMs} ${info?.size}`
}
