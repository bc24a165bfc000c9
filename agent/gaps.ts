import type { Logger } from 'pino'
import type { Clock } from '../hardware/hardware.ts'
import { codeOf } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import { gapKind } from '../protocol/messages.ts'
import { sealStatement } from '../protocol/sealed.ts'
import type { Household } from './household.ts'
import type { LostClips, Outbox } from './outbox.ts'

/** Tells the household which clips will never arrive (PROTOCOL 7.3); it is kept in the outbox when the promise resolves. */
export function gapTeller(parts: {
  readonly household: Household
  readonly signer: Signer
  readonly boot: string
  readonly clock: Clock
  readonly outbox: Outbox
  readonly log: Logger
}): (lost: LostClips) => Promise<void> {
  const { household, signer, boot, clock, outbox, log } = parts
  let counter = 0
  return async ({ epoch, from, to, cause }) => {
    const { envelope, recipients } = household.membership()
    // Numbers of an earlier epoch mean other clips in this one.
    if (epoch !== envelope.epoch) return
    const at = new Date(clock.now()).toISOString()
    const gap = { ...envelope, boot, counter: ++counter, at, from, to, cause }
    try {
      await outbox.putMessage('gap', await sealStatement(gapKind, gap, signer, recipients))
    } catch (error) {
      log.error({ code: codeOf(error) }, 'gap not told')
      throw error
    }
  }
}
