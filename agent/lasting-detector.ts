import type { Logger } from 'pino'
import type { FaceDetector } from '../models/face-detector.ts'
import { codeOf } from '../protocol/errors.ts'

/** A detector that failed is made anew this much later; until then pictures have no faces and motion still records. */
const AGAIN_MS = 10_000

/**
 * A face detector that outlives its runtime: a crash costs some seconds of faces, never the recording.
 *
 * @param create makes the real one; its first failure is thrown, so that a wrong installation is said at the start.
 */
export async function lastingDetector(
  create: () => Promise<FaceDetector>,
  log: Logger,
): Promise<FaceDetector> {
  let detector: FaceDetector | undefined = await create()
  let failedAt = Number.NEGATIVE_INFINITY
  const { runtime } = detector
  return {
    runtime,
    async detect(picture, options) {
      if (detector === undefined && performance.now() - failedAt < AGAIN_MS) return []
      try {
        detector ??= await create()
        return await detector.detect(picture, options)
      } catch (error) {
        log.error({ code: codeOf(error), cause: (error as Error).message }, 'detector failed')
        failedAt = performance.now()
        const broken = detector
        detector = undefined
        await broken?.close().catch(() => undefined)
        return []
      }
    },
    async close() {
      await detector?.close()
    },
  }
}
