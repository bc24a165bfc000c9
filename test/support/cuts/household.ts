import { equal, ok } from 'node:assert/strict'
import { Household } from '../../../agent/household.ts'
import { readClaim } from '../../../protocol/claim.ts'
import { acceptRoster } from '../../../protocol/roster.ts'
import { type Family, makeFamily } from '../agent-family.ts'
import type { Scenario } from '../faults/every-cut.ts'

interface Notes {
  readonly family: Family
  readonly claim: string
  /** The rosters 1 and 2. */
  readonly rosters: readonly [string, ...string[]]
  /** The newest roster that a clip was sealed to; 0: it has told nobody that it has a home. */
  sealedTo: number
}

const DATA = '/data'
let made: Promise<Omit<Notes, 'sealedTo'>> | undefined

async function make(): Promise<Omit<Notes, 'sealedTo'>> {
  const family = await makeFamily()
  const first = await family.roster({ number: 1 })
  const second = await family.roster({ number: 2, after: first })
  return { family, claim: await family.claim(1), rosters: [first, second] }
}

/** A camera joins a household, and takes rosters from its hub; each clip is sealed to the newest one. */
export const rosters: Scenario<Notes> = {
  async prepare() {
    made ??= make()
    return { ...(await made), sealedTo: 0 }
  },
  async life(disk, notes) {
    const { family, claim, rosters } = notes
    const seal = () => {
      const { roster } = household.membership().envelope
      ok(roster >= notes.sealedTo, `sealed to roster ${roster}, after ${notes.sealedTo}`)
      notes.sealedTo = roster
    }
    const known = await Household.load(disk, DATA, family.device.id)
    const household = known ?? (await join())
    seal()
    for (const text of rosters)
      if (rosters.indexOf(text) >= household.rosterNumber) {
        await household.takeRoster(text, [])
        seal()
      }
    equal(household.rosterNumber, rosters.length)

    async function join(): Promise<Household> {
      const { pin } = family
      const roster = await acceptRoster(pin, undefined, rosters[0])
      return Household.join(disk, DATA, { pin, claim: await readClaim(claim, pin), roster, successions: [] })
    }
  },
  async check(disk, { family, sealedTo }) {
    const household = await Household.load(disk, DATA, family.device.id)
    ok((household?.rosterNumber ?? 0) >= sealedTo, `roster ${household?.rosterNumber} after ${sealedTo}`)
  },
}
