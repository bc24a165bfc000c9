import type { Household } from '../../agent/household.ts'
import type { Bound, Registrar } from '../../agent/identity/answer.ts'
import { Attempt } from '../../agent/identity/attempt.ts'
import type { Pending } from '../../agent/identity/pending.ts'
import type { ResetParts } from '../../agent/identity/reset.ts'
import { OwnlensError } from '../../protocol/errors.ts'

/** Where a camera keeps its files. */
export const DATA = '/data'

/**
 * The camera's own `Attempt`, stopped before it knocks for the second time, so that other things may happen in between. What
 * it would wait for and ask again is thrown.
 */
export async function knockOnce(
  parts: ResetParts,
  bound: Bound | undefined,
  pending: Pending,
  onCode: (code: string) => void,
): Promise<Household | undefined> {
  const over = new AbortController()
  let failure: { readonly error: unknown } | undefined
  let knocked = false
  const connect = (address: Parameters<ResetParts['connect']>[0]): Registrar => {
    const hub = parts.connect(address)
    return {
      address: hub.address,
      nonce: id => hub.nonce(id),
      request: async (householdId, body, signer) => {
        if (knocked && body.action === 'knock') {
          over.abort()
          throw new OwnlensError('hub.unreachable')
        }
        knocked ||= body.action === 'knock'
        try {
          return await hub.request(householdId, body, signer)
        } catch (error) {
          if (error instanceof OwnlensError && !error.retry) throw error
          failure = { error }
          over.abort()
          throw error
        }
      },
    }
  }
  const attempt = new Attempt({ ...parts, connect, knockMs: 0 }, bound, pending)
  const household = await attempt.run({ signal: over.signal, onCode })
  if (failure !== undefined) throw failure.error
  return household
}
