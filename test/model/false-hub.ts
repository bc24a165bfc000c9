import type { Registrar } from '../../agent/identity/answer.ts'
import { claimKind } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { payloadOf } from './facts.ts'
import type { World } from './world.ts'

/** What it says of whose mailbox it is. */
export interface Offer {
  readonly householdId: string
  readonly roster: string
  readonly successions: readonly string[]
  /** What it tells a camera of having been let go. */
  readonly release?: string | null
}

/**
 * A hub that is the attacker's from end to end, at the address of the true one: it takes whatever a camera sends, offers the
 * household that it likes, and claims the camera at once with the attacker's root.
 */
export function falseHub(
  world: World,
  { householdId, roster, successions, release = null }: Offer,
): Registrar {
  const { attacker, facts, hub } = world
  let claim: string | null = null
  const claimFor = async (half: string): Promise<string> => {
    const { deviceId, invited } = payloadOf<{ deviceId: string; invited: { epoch: number } }>(half)
    const { epoch } = invited
    facts.claimed.add(`${attacker.id} ${deviceId} ${epoch}`)
    const payload = {
      householdId: attacker.id,
      deviceId,
      epoch,
      half,
      hub: hub.address,
      issuedAt: world.time(),
    }
    return makeStatement(claimKind, payload, attacker.root)
  }
  return {
    address: hub.address,
    nonce: id => hub.nonce(id),
    request: async (_, body) => {
      const standing = { householdId, roster, successions: [...successions] }
      if ('half' in body) {
        const half = String(body.half)
        world.archive.add('half', half)
        claim = await claimFor(half)
      }
      const answers: Record<string, object> = {
        knock: { ...standing, reveal: null, claim },
        half: { ok: true },
        device: { epoch: 0, claim, release, held: false, blocked: false },
        reset: { freeAt: null },
      }
      const answer = answers[body.action]
      if (answer === undefined) throw new OwnlensError('hub.request')
      return answer as never
    },
  }
}

/** Anything that was ever signed as a roster may be offered, as whoever's it says that it is. */
export function offerOf(roster: string, successions: readonly string[]): Offer {
  return { householdId: payloadOf<{ householdId: string }>(roster).householdId, roster, successions }
}
