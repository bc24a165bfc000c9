import { parentPort, workerData } from 'node:worker_threads'
import { OwnlensError } from '../protocol/errors.ts'
import type { Face, RgbImage } from '../protocol/image.ts'
import type { Candidate, Net } from './candidate.ts'
import { barsOf } from './confirm.ts'
import type { DetectAnswer, DetectRequest, WorkerSettings } from './detector.ts'
import { Eye } from './eye.ts'
import { lookOnce } from './glance.ts'
import { openLiteRt } from './litert.ts'
import { lookThoroughly } from './thorough.ts'

/** So many runs on nothing, until they take no longer than later ones. */
const WARM_UP = 8
/** How often the network is asked for one picture, at most. */
const LOOKS = { glance: 4, thorough: 40 }

const { runtime, minScore } = workerData as WorkerSettings
const port = parentPort
if (port === null) throw new Error('this file is a worker')
const tell = (answer: DetectAnswer) => port.postMessage(answer)

let turn = Promise.resolve()
try {
  const { net, name } = await openNet()
  const input = new Float32Array(net.size * net.size * 3)
  const bars = barsOf(minScore)
  port.on('message', ({ id, picture, thorough }: DetectRequest) => {
    turn = turn.then(async () => {
      try {
        const eye = new Eye(picture, net, input, thorough ? LOOKS.thorough : LOOKS.glance)
        const found = await (thorough ? lookThoroughly(eye, bars) : lookOnce(eye, bars))
        tell({ id, faces: found.map(candidate => asFace(candidate, picture)) })
      } catch (error) {
        tell({ id, failure: (error as Error).message })
      }
    })
  })
  // The first runs compile and allocate, for half a second: before a camera's first picture, not with it.
  for (let run = 0; run < WARM_UP; run++) await net.run(input, 1)
  tell({ ready: name })
} catch (error) {
  const known = error instanceof OwnlensError && error.code === 'models.weights'
  const detail = error instanceof OwnlensError ? error.detail : (error as Error).message
  tell({ broken: known ? 'models.weights' : 'models.runtime', detail })
}

async function openNet(): Promise<{ net: Net; name: string }> {
  if (runtime === 'litert') return { net: await openLiteRt(), name: 'litert' }
  const { openTfjs } = await import('./tfjs.ts')
  return openTfjs()
}

/** The part of a candidate's box that lies in the picture, as fractions of it. */
function asFace({ x, y, width, height, score }: Candidate, picture: RgbImage): Face {
  const inside = (value: number, size: number) => Math.min(Math.max(value / size, 0), 1)
  const left = inside(x - width / 2, picture.width)
  const top = inside(y - height / 2, picture.height)
  const right = inside(x + width / 2, picture.width)
  const bottom = inside(y + height / 2, picture.height)
  return { box: [left, top, right - left, bottom - top], score }
}
