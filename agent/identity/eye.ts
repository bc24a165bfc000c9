import type { Logger } from 'pino'
import type { Camera } from '../../hardware/hardware.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { pause, waitAfter } from '../pause.ts'
import { readCodes, type Sight } from './lens.ts'

/** Small frames for a code: it needs size more than it needs speed. */
const FRAMES = { rate: 5, size: 1280 }
const BACKOFF_MS = [500, 1000, 2000, 4000]

/**
 * Looks for codes through a camera until the signal. A camera that is lost is opened again.
 *
 * @throws OwnlensError `camera.*` that no retry mends, when the camera has never worked.
 */
export async function* sightsOf(
  camera: Camera,
  log: Logger,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Sight> {
  let worked = false
  let failures = 0
  while (!signal.aborted) {
    const over = new AbortController()
    try {
      const until = AbortSignal.any([signal, over.signal])
      const session = await camera.open({ signal: until, frames: FRAMES })
      worked = true
      log.info('lens opened')
      for await (const sight of readCodes(session.frames, { signal: until })) {
        failures = 0
        yield sight
      }
      await session.ended
    } catch (error) {
      if (signal.aborted) return
      if (!worked && error instanceof OwnlensError && !error.retry) throw error
      log.warn({ code: codeOf(error), cause: (error as Error).message }, 'lens closed')
    } finally {
      over.abort()
    }
    await pause(waitAfter(failures++, BACKOFF_MS), signal)
  }
}
