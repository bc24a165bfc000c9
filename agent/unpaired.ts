import { Bell } from './bell.ts'
import type { Bound } from './identity/answer.ts'
import { Pairing } from './identity/pairing.ts'
import { tellOldHubs } from './identity/reset.ts'
import { PairingWindow } from './identity/window.ts'
import { identityParts, type Left, type Life, sightsThrough } from './life.ts'
import { pause, waitAfter } from './pause.ts'

const TELL_MS = [15_000, 60_000, 300_000]

/**
 * A camera that belongs to nobody, or that cannot read to whom it belongs (`bound`): it reads codes for ten minutes after its
 * start and after each press, and records nothing.
 *
 * @throws OwnlensError `camera.*` that no retry mends, when the camera has never worked.
 */
export async function liveUnpaired(life: Life, bound: Bound | undefined): Promise<Left> {
  const { signs, finger, log, hardware, signal } = life
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const window = new PairingWindow(hardware.clock)
  const parts = identityParts(life, { signal: either })
  const pairing = new Pairing({ ...parts, signs, window, sights: sightsThrough(life) }, bound)
  const bell = new Bell()
  let left: Left | undefined
  const detach = finger.attach({
    onShort() {
      pairing.press()
      bell.ring()
    },
    onHold({ newKey }) {
      left = { why: 'reset', newKey }
      over.abort()
    },
  })
  either.addEventListener('abort', bell.ring, { once: true })
  signs.show(bound === undefined ? 'unpaired' : 'fault')
  log.info('waiting to be paired')
  const telling = keepTelling(life, either)
  pairing.press()
  try {
    for (;;) {
      const household = await pairing.run({ signal: either })
      if (household !== undefined) return { why: 'paired' }
      if (left !== undefined || signal.aborted) return left ?? { why: 'stopped' }
      await bell.wait()
    }
  } finally {
    detach()
    over.abort()
    await telling
  }
}

/** Tells the hub that knew the camera of its reset, when it answers. */
export async function keepTelling(life: Life, signal: AbortSignal): Promise<void> {
  const parts = identityParts(life, { signal })
  for (let times = 0; !signal.aborted; times++) {
    const missing = await tellOldHubs(parts).catch(() => true)
    if (!missing) return
    await pause(waitAfter(times, TELL_MS), signal)
  }
}
