import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import { Finger } from './finger.ts'
import { Household } from './household.ts'
import type { Bound } from './identity/answer.ts'
import { settleJoining } from './identity/join.ts'
import { hasOwner, readOwner } from './identity/owner.ts'
import { finishReset, orderRelease, orderReset } from './identity/reset.ts'
import { Signs } from './identity/signs.ts'
import { HubTime } from './identity/time.ts'
import { type AgentOptions, identityParts, type Left, type Life } from './life.ts'
import { liveOwned } from './owned.ts'
import { Sequence } from './sequence.ts'
import { Switches, switchedCamera } from './switches.ts'
import { liveUnpaired } from './unpaired.ts'

const COPIED =
  'this card was copied from another board: what it held is set aside for good, this is a new camera'
const NEEDS_HOME = 'the camera needs its home: press the button, and show a code of `ownlens home repair`'

/** It had an owner, and nobody can read any more who that was: only a reset helps. */
const SOMEBODY: Bound = { pin: { householdId: '', rootId: '' }, household: undefined }

/**
 * The whole agent, one state after the other until the signal (ARCHITECTURE, "Whose camera it is"). Returns when it has stopped.
 *
 * @throws OwnlensError `keystore.*`, `camera.*`: what only a person can mend.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { hardware, disk, data, detector, log, signal } = options
  await disk.makeFolder(data)
  const settled = await hardware.keyStore.settle()
  if (settled.board === 'new') log.warn({ setAside: join(data, settled.setAside) }, COPIED)
  const clock = await HubTime.open(disk, data, hardware.clock)
  const over = new AbortController()
  const finger = new Finger()
  const signs = new Signs(hardware.lamp)
  const switches = await Switches.open(disk, data)
  signs.private(switches.now.privacy)
  const camera = switchedCamera(hardware.camera, switches)
  const life: Life = {
    ...options,
    hardware: { ...hardware, camera },
    signs,
    finger,
    clock,
    switches,
    boot: base32(randomBytes(16)),
  }
  const parts = identityParts(life, { signal })
  const following = finger
    .follow(hardware.button, { signal: AbortSignal.any([signal, over.signal]) })
    .catch(error => log.error({ cause: (error as Error).message }, 'the button has failed'))
  const switched = switches.follow(
    now => {
      log.info({ ...now }, 'somebody at the camera has used a switch')
      signs.private(now.privacy)
    },
    { signal: AbortSignal.any([signal, over.signal]) },
  )
  try {
    while (!signal.aborted) {
      await finishReset(parts)
      const { id: deviceId } = await hardware.keyStore.signer()
      log.info({ deviceId, detector: detector.runtime, camera: hardware.camera.name }, 'agent started')
      const left = await live(life, deviceId)
      if (left.why === 'stopped') break
      if (left.why === 'released') {
        log.info('its household has let the camera go')
        await orderRelease(parts)
      } else if (left.why === 'reset') await orderReset(parts, { newKey: left.newKey })
    }
    // A reset that was ordered at the very end is done before anybody can read what should be forgotten.
    await finishReset(parts)
  } finally {
    over.abort()
    await Promise.all([following, switched])
    await clock.saved()
    signs.show('off')
    log.info('agent stopped')
  }
}

/** Lives in the state that the disk tells, until it has ended. */
async function live(life: Life, deviceId: string): Promise<Left> {
  const { disk, data, log } = life
  let household: Household | undefined
  try {
    household = await Household.load(disk, data, deviceId)
    if (household === undefined) {
      if (await hasOwner(disk, data)) throw new OwnlensError('household.damaged', 'it is gone')
      return await liveUnpaired(life, undefined)
    }
    // First: a half of this very claim that waits still would go on with numbers that are lost.
    await settleJoining({ disk, data }, household)
    const sequence = await Sequence.open(disk, data, household.claim.epoch)
    life.onPaired?.(household)
    return await liveOwned(life, household, sequence)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'household.damaged' && code !== 'sequence.damaged') throw error
    const { message, todo } = error as OwnlensError
    log.error({ code, cause: message, todo }, NEEDS_HOME)
    // What it knows of roster and root stays: nobody may take it back to older ones.
    if (household !== undefined)
      return liveUnpaired(life, { pin: household.pin, household, needsEpoch: true })
    const pin = await readOwner(disk, data)
    return liveUnpaired(life, pin === undefined ? SOMEBODY : { pin, household: undefined })
  }
}
