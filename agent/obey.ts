import type { Logger } from 'pino'
import { codeOf } from '../protocol/errors.ts'
import type { Commands } from './commands.ts'
import type { LiveView } from './live.ts'
import type { StatusReport } from './status.ts'

/** A new status for commands of an earlier start comes at most so often. */
const TELL_MS = 1000

/** Does what members order. The function throws what refuses a command; then nothing was done. */
export function obey(
  commands: Commands,
  {
    live,
    status,
    log,
  }: { readonly live: LiveView; readonly status: Pick<StatusReport, 'changed'>; readonly log: Logger },
): (sealed: Uint8Array) => Promise<void> {
  let told = Number.NEGATIVE_INFINITY
  return async sealed => {
    const { memberId, command } = await commands.take(sealed).catch(error => {
      // Whoever missed the start learns of it now.
      if (codeOf(error) === 'command.boot' && performance.now() - told >= TELL_MS) {
        told = performance.now()
        status.changed()
      }
      throw error
    })
    log.debug({ memberId, do: command.do }, 'command')
    const { session } = command
    if (command.do === 'live.start') await live.start(memberId, session)
    else if (command.do === 'live.keep') live.keep(memberId, session)
    else live.stop(memberId, session)
  }
}
