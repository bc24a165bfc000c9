import type { Enrolment } from '../../protocol/registrar.ts'
import type { Logged, Tell } from './finding.ts'

/** So many entries are named for one key, at most. */
const POSITIONS_MAX = 16

interface Key {
  readonly householdId: string
  /** Where each of its starts was logged last, oldest first. */
  readonly boots: Map<string, number>
  /** Entries that show more than one board. */
  readonly positions: Set<number>
}

/**
 * One key, several boards. A board draws a new boot nonce at every start and never takes an old one again: a start that is seen again
 * behind another one is of a board that ran all the while, beside another that bears the same key.
 */
export class Boards {
  readonly #tell: Tell
  readonly #keys = new Map<string, Key>()

  constructor(tell: Tell) {
    this.#tell = tell
  }

  take({ position, content }: Logged<'enrolment'>, { id, householdId, role }: Enrolment): void {
    if (role.kind !== 'device') return
    const key = this.#keys.get(id) ?? { householdId, boots: new Map(), positions: new Set() }
    this.#keys.set(id, key)
    const { boots, positions } = key
    const before = boots.get(role.boot)
    const newest = [...boots.keys()].at(-1)
    if (before !== undefined && newest !== role.boot)
      for (const one of [before, boots.get(newest ?? '') ?? before, position]) positions.add(one)
    // The registrar saw more than it recorded: requests that were answered before, or refused again.
    if (content.verdict === 'cloned') positions.add(position)
    boots.delete(role.boot)
    boots.set(role.boot, position)
  }

  end(): void {
    for (const [deviceId, { householdId, boots, positions }] of this.#keys) {
      if (positions.size === 0) continue
      const about = { devices: [deviceId], households: [householdId] }
      const shown = [...positions].slice(0, POSITIONS_MAX)
      this.#tell('board', `${boots.size} starts, of boards that ran side by side`, {
        ...about,
        positions: shown,
      })
    }
  }
}
