import type { CameraSession } from '../hardware/hardware.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { cut } from './cut.ts'
import { Keeper } from './keep.ts'
import type { RecorderParts } from './life.ts'
import { pause, waitAfter } from './pause.ts'
import { watch } from './watch.ts'

/** How long a camera that failed is left alone; it begins anew once a session has lasted a minute. */
const BACKOFF_MS = [500, 1000, 2000, 4000]

/**
 * Records for as long as the signal lets it: whatever ends the camera, it is opened again. Publishing runs beside it
 * (publisher.ts) and neither waits for the other: the outbox is between them.
 *
 * @throws OwnlensError `camera.*` and `microphone.*` that no retry mends, when the camera has never worked.
 * @param options.signal the agent is to stop: the running clip is finished and kept.
 * @param options.grace ends even that.
 * @param options.worked the camera has worked before.
 */
export async function record(
  parts: RecorderParts,
  { signal, grace, worked = false }: { signal: AbortSignal; grace: AbortSignal; worked?: boolean },
): Promise<void> {
  const { camera, config, status, lamp, log, switches } = parts
  const keeper = new Keeper(parts, { signal: grace })
  let failures = 0
  let opened = worked
  while (!signal.aborted) {
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    const openedAt = performance.now()
    try {
      const session = await camera.open({ signal: until, frames: config.frames })
      opened = true
      log.info({ ...session.format }, 'camera opened')
      lamp.show('ready')
      status.camera(null, session.format.audio)
      await recordSession(parts, session, keeper, signal)
      await session.ended
      if (!signal.aborted) log.info('the source has ended')
      break
    } catch (error) {
      if (signal.aborted) break
      const code = codeOf(error)
      if (code === 'camera.switched') continue
      if (code === 'camera.private') {
        log.info('privacy mode: the camera is closed')
        status.camera(code, false)
        await switches.mayLook(signal)
        continue
      }
      // What only a person can mend is said at the start; later on a camera may always come back.
      if (!opened && error instanceof OwnlensError && !error.retry) throw error
      if (performance.now() - openedAt > 60_000) failures = 0
      log.error({ code, cause: (error as Error).message }, 'camera failed')
      lamp.show('fault')
      status.camera(code ?? 'unexpected')
      await pause(waitAfter(failures++, BACKOFF_MS), signal)
    } finally {
      over.abort()
    }
  }
  await keeper.done()
}

/** One camera session, from its first picture to its last: this is the agent. */
async function recordSession(
  { detector, config, lamp, switches, live }: RecorderParts,
  session: CameraSession,
  keeper: Keeper,
  signal: AbortSignal,
): Promise<void> {
  const { triggers, beforeSeconds, afterSeconds, maxSeconds } = config.clip
  const rules = { beforeMs: beforeSeconds * 1000, afterMs: afterSeconds * 1000, maxMs: maxSeconds * 1000 }
  const sightings = watch(session.frames, detector, { triggers, motion: config.motion })
  const why = () => (signal.aborted ? 'stopped' : switches.now.privacy ? 'privacy' : 'camera')
  const fragments = live.tap(session, session.fragments, why)
  for await (const clip of cut(session, fragments, sightings, rules, why)) {
    lamp.show('recording')
    void clip.ended.then(() => lamp.show('ready'))
    await keeper.keep(clip)
  }
}
