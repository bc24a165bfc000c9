import { Worker } from 'node:worker_threads'
import { OwnlensError } from '../protocol/errors.ts'
import type { Face, RgbImage } from '../protocol/image.ts'
import type { DetectOptions, FaceDetector, Runtime } from './face-detector.ts'

/** To the worker: pixels travel as a copy of their own, so that the caller may go on using its picture. */
export interface DetectRequest {
  readonly id: number
  readonly picture: RgbImage
  readonly thorough: boolean
}

/** From the worker: first what it runs on or why it cannot, then one answer a request. */
export type DetectAnswer =
  | { readonly ready: string }
  | { readonly broken: 'models.weights' | 'models.runtime'; readonly detail: string | undefined }
  | { readonly id: number; readonly faces: readonly Face[] }
  | { readonly id: number; readonly failure: string }

/** The worker's first message answers this request that nobody sent. */
const START = 0

/** What the worker is told at its start. */
export interface WorkerSettings {
  readonly runtime: Runtime
  readonly minScore: number
}

/**
 * Starts a face detector in a worker thread of its own.
 *
 * @param minScore what counts as a face, 0 to 1; 0.5 is a good value for both runtimes.
 * @throws OwnlensError `models.weights` (a weight file is missing or is not the pinned one), `models.runtime`.
 */
export async function createFaceDetector({ runtime, minScore }: WorkerSettings): Promise<FaceDetector> {
  const settings: WorkerSettings = { runtime, minScore }
  // The runtimes talk at length on both; nobody else can say anything there.
  const worker = new Worker(new URL('./detect-worker.js', import.meta.url), {
    workerData: settings,
    stdout: true,
    stderr: true,
    // A leak ends the worker, not the agent; pictures and the networks' own memory are outside of this heap. A small
    // young generation gives back what the second network takes.
    resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 3 },
  })
  worker.stdout.resume()
  worker.stderr.resume()
  const waiting = new Map<number, (answer: DetectAnswer | OwnlensError) => void>()
  let failure: OwnlensError | undefined
  const fail = (cause?: Error) => {
    failure ??= new OwnlensError('models.runtime', cause?.message ?? 'the detector has ended', { cause })
    for (const settle of waiting.values()) settle(failure)
    waiting.clear()
  }
  worker.on('error', fail)
  worker.on('exit', () => fail())
  worker.on('message', (answer: DetectAnswer) => {
    const id = 'id' in answer ? answer.id : START
    waiting.get(id)?.(answer)
    waiting.delete(id)
  })
  const answerTo = async (id: number) => {
    const answer = await new Promise<DetectAnswer | OwnlensError>(resolve => waiting.set(id, resolve))
    if (answer instanceof OwnlensError) throw answer
    return answer
  }
  const started = await answerTo(START)
  if (!('ready' in started)) {
    await worker.terminate()
    throw 'broken' in started ? new OwnlensError(started.broken, started.detail) : new Error('no detector')
  }
  // A detector that nobody asks does not keep the process alive.
  worker.unref()
  let next = START + 1
  return {
    runtime: started.ready,
    async detect(picture, { thorough = false }: DetectOptions = {}) {
      if (failure !== undefined) throw failure
      const id = next++
      const data = Uint8Array.from(picture.data)
      const request: DetectRequest = { id, picture: { ...picture, data }, thorough }
      const answered = answerTo(id)
      worker.ref()
      worker.postMessage(request, [data.buffer])
      try {
        const answer = await answered
        if ('failure' in answer) throw new OwnlensError('models.runtime', answer.failure)
        return 'faces' in answer ? answer.faces : []
      } finally {
        if (waiting.size === 0) worker.unref()
      }
    },
    async close() {
      await worker.terminate()
    },
  }
}
