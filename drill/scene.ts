import { fileURLToPath } from 'node:url'

/** The photographs lie in the source folder; compiled code looks from `dist/`. */
const FOLDER = fileURLToPath(new URL('../../hardware/emulated/scene/', import.meta.url))

export type Person = 'collins' | 'hopper'

/** Each person has a voice of its own. Hertz. */
const VOICE: Readonly<Record<Person, number>> = { collins: 220, hopper: 147 }

/** As `agent --camera` takes it: somebody is in view from the first picture on, and speaks. 640x360 at 15 a second. */
export function sceneWith(person: Person): string {
  const room = 'color=c=0xC9BFA8:s=640x360:r=15,noise=alls=5:allf=t[room]'
  const face = `movie='${FOLDER}${person}.jpg',scale=-2:240,loop=-1:1:0,setpts=N/15/TB[face]`
  const sway = "[room][face]overlay=x='(W-w)/2+30*sin(t*1.5)':y='60+4*sin(t*5)',format=yuvj420p[out0]"
  const sound = `aevalsrc='0.1*sin(2*PI*${VOICE[person]}*t)':s=16000[out1]`
  return `lavfi:${[room, face, sway, sound].join(';')}`
}
