import { fileURLToPath } from 'node:url'

/** The scene repeats after so many seconds. Nobody is there in the first two and the last four. */
export const SCENE_SECONDS = 24

/** The photographs lie in the source folder; compiled code looks from `dist/`. */
const FOLDER = fileURLToPath(new URL('../../../hardware/emulated/scene/', import.meta.url))

/** A person of the scene: from when to when, how fast they come and go (pixels a second), where they stand. */
interface Person {
  readonly file: string
  readonly from: number
  readonly to: number
  /** `x` while entering, standing and leaving, in the seconds since they came. */
  readonly x: string
  readonly y: string
}

const PEOPLE: readonly Person[] = [
  {
    file: 'collins.jpg',
    from: 2,
    to: 11,
    x: 'if(lt(S,2),-440+S*390,if(gt(S,7),340+(S-7)*520,340+18*sin(S*2)))',
    y: '190',
  },
  {
    file: 'hopper.jpg',
    from: 12,
    to: 20,
    x: 'if(lt(S,2),1300-S*290,if(gt(S,6),720+(S-6)*300,720+14*sin(S*3)))',
    y: '180+4*sin(t*5)',
  },
]

/** An empty room of 1280x720 at 15 pictures a second. */
export const ROOM = [
  'color=c=0xC9BFA8:s=1280x720:r=15',
  // Floor and skirting board, window, door, picture, sofa.
  'drawbox=y=560:h=160:c=0x7A5A3C:t=fill,drawbox=y=552:h=8:c=0xE9E2D2:t=fill',
  'drawbox=x=90:y=90:w=290:h=250:c=0xF2EEE4:t=fill,drawbox=x=104:y=104:w=124:h=222:c=0x9CC3DC:t=fill',
  'drawbox=x=242:y=104:w=124:h=222:c=0xA9CCE2:t=fill',
  'drawbox=x=1000:y=150:w=190:h=410:c=0x8C6B4A:t=fill,drawbox=x=1014:y=164:w=162:h=396:c=0x9C7A57:t=fill',
  'drawbox=x=1030:y=360:w=12:h=12:c=0xD9B45B:t=fill',
  'drawbox=x=600:y=120:w=150:h=110:c=0x3B3B3B:t=fill,drawbox=x=608:y=128:w=134:h=94:c=0xD8CDB4:t=fill',
  'drawbox=x=520:y=470:w=300:h=110:c=0x4F6D7A:t=fill,drawbox=x=500:y=420:w=340:h=80:c=0x5B7C8B:t=fill',
].join(',')

/** A sensor's noise, or else nothing would ever change. */
export const NOISE = 'noise=alls=5:allf=t'

/** Head and shoulders fade out towards an oval. Made once; `loop` repeats the picture. */
const OVAL = [
  'format=yuva420p',
  "geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='255*clip((1.04-hypot((X-W/2)/(W/2),(Y-H*0.56)/(H*0.58)))*12,0,1)'",
  'loop=-1:1:0,setpts=N/15/TB',
].join(',')

/**
 * The built-in scene as a filter graph: a room of 1280x720 at 15 pictures a second; two people (public-domain photographs,
 * `hardware/emulated/scene/`) come one after the other, stand and leave; a voice-like tone while somebody is there.
 */
export function sceneGraph(): string {
  const now = `mod(t,${SCENE_SECONDS})`
  const photographs = PEOPLE.map(({ file }, index) => `movie='${FOLDER}${file}',${OVAL}[person${index}]`)
  const overlays = PEOPLE.map(({ from, to, x, y }, index) => {
    const input = index === 0 ? 'room' : `with${index}`
    const place = `if(between(${now},${from},${to}),${x.replaceAll('S', `(${now}-${from})`)},-2000)`
    const next = index === PEOPLE.length - 1 ? ',format=yuvj420p[out0]' : `[with${index + 1}]`
    return `[${input}][person${index}]overlay=x='${place}':y='${y}'${next}`
  })
  const voice = `between(${now},2,20)*0.12*sin(2*PI*(180+40*sin(2*PI*3*t))*t)*max(0,sin(2*PI*1.7*t))*max(0,sin(2*PI*0.4*t))`
  const sound = `aevalsrc='0.004*(random(0)-0.5)+${voice}':s=16000[out1]`
  return [`${ROOM},${NOISE}[room]`, ...photographs, ...overlays, sound].join(';')
}
