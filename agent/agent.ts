import type { Camera, CameraSession, Lamp } from '../hardware/hardware.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import type { Config } from './config.ts'
import { cut } from './cut.ts'
import { Keeper, type KeeperParts } from './keep.ts'
import { pause } from './publisher.ts'
import type { StatusReport } from './status.ts'
import { watch } from './watch.ts'

export interface RecorderParts extends KeeperParts {
  readonly camera: Camera
  readonly lamp: Lamp
  readonly detector: FaceDetector
  readonly config: Config
  readonly status: StatusReport
}

/** How long a camera that failed is left alone; it begins anew once a session has lasted a minute. */
const BACKOFF_MS = [500, 1000, 2000, 4000]

/**
 * Records for as long as the signal lets it: whatever ends the camera, it is opened again. Publishing runs beside it
 * (publisher.ts) and neither waits for the other: the outbox is between them.
 *
 * @throws OwnlensError `camera.*` and `microphone.*` that no retry mends, when the camera has never worked.
 * @param options.signal the agent is to stop: the running clip is finished and kept.
 * @param options.grace ends even that.
 */
export async function record(
  parts: RecorderParts,
  { signal, grace }: { signal: AbortSignal; grace: AbortSignal },
): Promise<void> {
  const { camera, config, status, lamp, log } = parts
  const keeper = new Keeper(parts, { signal: grace })
  let failures = 0
  let worked = false
  while (!signal.aborted) {
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    const openedAt = performance.now()
    try {
      const session = await camera.open({ signal: until, frames: config.frames })
      worked = true
      log.info({ ...session.format }, 'camera opened')
      lamp.show('ready')
      status.camera(null, session.format.audio)
      await recordSession(parts, session, keeper, signal)
      await session.ended
      if (!signal.aborted) log.info('the source has ended')
      break
    } catch (error) {
      if (signal.aborted) break
      // What only a person can mend is said at the start; later on a camera may always come back.
      if (!worked && error instanceof OwnlensError && !error.retry) throw error
      if (performance.now() - openedAt > 60_000) failures = 0
      log.error({ code: codeOf(error), cause: (error as Error).message }, 'camera failed')
      lamp.show('fault')
      status.camera(codeOf(error) ?? 'unexpected')
      await pause(BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)] ?? 0, signal)
    } finally {
      over.abort()
    }
  }
  await keeper.done()
}

/** One camera session, from its first picture to its last: this is the agent. */
async function recordSession(
  { detector, config, lamp }: RecorderParts,
  session: CameraSession,
  keeper: Keeper,
  signal: AbortSignal,
): Promise<void> {
  const { triggers, beforeSeconds, afterSeconds, maxSeconds } = config.clip
  const rules = { beforeMs: beforeSeconds * 1000, afterMs: afterSeconds * 1000, maxMs: maxSeconds * 1000 }
  const sightings = watch(session.frames, detector, { triggers, motion: config.motion })
  const why = () => (signal.aborted ? 'stopped' : 'camera')
  for await (const clip of cut(session, session.fragments, sightings, rules, why)) {
    lamp.show('recording')
    void clip.ended.then(() => lamp.show('ready'))
    await keeper.keep(clip)
  }
}
