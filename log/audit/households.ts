import { householdIdOf } from '../../protocol/ids.ts'
import { rootLine, rosterKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Logged, Placed, Tell } from './finding.ts'

interface Line {
  readonly rootId: string
  readonly generation: number
  readonly number: number
  readonly members: ReadonlySet<string>
}

/** Who may speak for a household: the root that the newest logged roster names, and its members. */
export class HouseholdLines {
  readonly #tell: Tell
  readonly #lines = new Map<string, Line>()

  constructor(tell: Tell) {
    this.#tell = tell
  }

  async take({ position, content }: Logged<'household'>): Promise<void> {
    const { payload, signer } = await readStatement(rosterKind, content.roster, 'itself')
    const { householdId, firstRootId, firstSuccessorId, generation, number } = payload
    const about = { positions: [position], households: [householdId], keys: [signer.id] }
    const { roots } = await rootLine(payload, content.successions)
    const isOwn = householdIdOf(firstRootId, firstSuccessorId) === householdId
    if (!isOwn || generation !== roots.length - 1 || signer.id !== roots[generation])
      return this.#tell('signer', 'a roster that is not of the household’s root', about)
    const held = this.#lines.get(householdId)
    const isOlder =
      held !== undefined &&
      (generation < held.generation || (generation === held.generation && number <= held.number))
    if (isOlder) return this.#tell('order', `roster ${number} behind roster ${held.number}`, about)
    const members = new Set(payload.members.map(({ memberId }) => memberId))
    this.#lines.set(householdId, { rootId: signer.id, generation, number, members })
  }

  /** Tells when this key is not the household's root now. Returns whether it is, as far as anybody can know. */
  mustBeRoot(householdId: string, keyId: string, what: string, { position, closed }: Placed): boolean {
    const line = this.#lines.get(householdId)
    if (line?.rootId === keyId) return true
    const about = { positions: [position], households: [householdId], keys: [keyId] }
    const certain = closed === 0
    if (line === undefined)
      this.#tell('signer', `${what} of a household without a roster`, { ...about, certain })
    // A newer roster may be closed, with another root.
    else this.#tell('signer', `${what} that the household’s root has not signed`, { ...about, certain })
    return !certain
  }

  /** How many roots came before the one that speaks for it; 0 for a household of which nothing is known. */
  generationOf(householdId: string): number {
    return this.#lines.get(householdId)?.generation ?? 0
  }

  mustBeMember(householdId: string, keyId: string, what: string, { position, closed }: Placed): void {
    if (this.#lines.get(householdId)?.members.has(keyId)) return
    const about = { positions: [position], households: [householdId], keys: [keyId], certain: closed === 0 }
    this.#tell('signer', `${what} of somebody who is no member`, about)
  }
}
