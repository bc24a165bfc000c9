import type { Logger } from 'pino'
import type { FaceDetector } from '../models/face-detector.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'

/** A detector that failed is made anew this much later; until then pictures have no faces and motion still records. */
const AGAIN_MS = 10_000
/** One that has not answered by then hangs. */
const ANSWER_MS = 10_000

/**
 * A face detector that outlives its runtime: one that crashes or hangs costs some seconds of faces, never the recording.
 *
 * @param create makes the real one; its first failure is thrown, so that a wrong installation is said at the start.
 */
export async function lastingDetector(
  create: () => Promise<FaceDetector>,
  log: Logger,
  { againMs = AGAIN_MS, answerMs = ANSWER_MS } = {},
): Promise<FaceDetector> {
  let detector: FaceDetector | undefined = await create()
  let failedAt = Number.NEGATIVE_INFINITY
  const { runtime } = detector
  return {
    runtime,
    async detect(picture, options) {
      if (detector === undefined && performance.now() - failedAt < againMs) return []
      try {
        detector ??= await made(create(), answerMs)
        return await inTime(detector.detect(picture, options), answerMs)
      } catch (error) {
        log.error({ code: codeOf(error), cause: (error as Error).message }, 'detector failed')
        failedAt = performance.now()
        const broken = detector
        detector = undefined
        // One that hangs may hang here as well: nobody waits for it.
        broken?.close().catch(() => undefined)
        return []
      }
    },
    async close() {
      await detector?.close()
    },
  }
}

/** One that comes too late is closed: nobody holds it. */
async function made(coming: Promise<FaceDetector>, ms: number): Promise<FaceDetector> {
  try {
    return await inTime(coming, ms)
  } catch (error) {
    coming.then(late => late.close()).catch(() => undefined)
    throw error
  }
}

async function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new OwnlensError('models.runtime', `no answer in ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
