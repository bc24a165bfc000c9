import { join } from 'node:path'
import { z } from 'zod'
import { type Claim, readClaim } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { id, jws } from '../protocol/fields.ts'
import { acceptRoster, type Pin, type Roster, sealsTo } from '../protocol/roster.ts'
import { type Disk, readText, replaceFile } from '../storage/disk.ts'
import { Turn } from './turn.ts'

/** Everything that makes a camera somebody's, as it lies in `DATA/household.json`. */
const fileSchema = z.strictObject({
  pin: z.strictObject({ householdId: id, rootId: id }),
  claim: jws,
  roster: jws,
  successions: z.array(jws).max(64),
})

/** Whom a clip or message is sealed to, and what it says about itself: one roster, taken once and kept to its end. */
export interface Membership {
  readonly recipients: readonly string[]
  readonly envelope: {
    readonly audience: 'household'
    readonly householdId: string
    readonly deviceId: string
    readonly epoch: number
    readonly roster: number
  }
}

/**
 * The household that this camera belongs to: the pin, the claim and the newest roster that chains to the pin. Nothing that
 * a server says changes it but a roster that its root has signed.
 */
export class Household {
  readonly #disk: Disk
  readonly #path: string
  /** Two answers of the hub at once must not take the roster back. */
  readonly #turn = new Turn()
  readonly pin: Pin
  readonly claim: Claim
  #roster: Roster

  private constructor(disk: Disk, path: string, held: { pin: Pin; claim: Claim; roster: Roster }) {
    this.#disk = disk
    this.#path = path
    this.pin = held.pin
    this.claim = held.claim
    this.#roster = held.roster
  }

  /**
   * What the data folder holds; undefined for an unpaired camera. Everything is checked again, signatures included.
   *
   * @throws OwnlensError `household.damaged`: somebody changed the file; it is left as it is.
   */
  static async load(disk: Disk, data: string, deviceId: string): Promise<Household | undefined> {
    const path = join(data, 'household.json')
    const text = await readText(disk, path)
    if (text === undefined) return undefined
    try {
      const { pin, claim: claimJws, roster: rosterJws, successions } = fileSchema.parse(JSON.parse(text))
      const claim = await readClaim(claimJws, pin)
      if (claim.deviceId !== deviceId) throw new OwnlensError('claim.half', 'it is another device’s')
      const roster = await acceptRoster(pin, undefined, rosterJws, successions)
      return new Household(disk, path, { pin, claim, roster })
    } catch (cause) {
      throw new OwnlensError('household.damaged', path, { cause })
    }
  }

  /** Takes a checked claim and roster as this camera's own; on the disk before it returns. */
  static async join(
    disk: Disk,
    data: string,
    held: { pin: Pin; claim: Claim; roster: Roster; successions: readonly string[] },
  ): Promise<Household> {
    const household = new Household(disk, join(data, 'household.json'), held)
    await household.#save(held)
    return household
  }

  get rosterNumber(): number {
    return this.#roster.number
  }

  membership(): Membership {
    const { householdId, deviceId, epoch } = this.claim
    return {
      recipients: sealsTo(this.#roster).recipients,
      envelope: { audience: 'household', householdId, deviceId, epoch, roster: this.#roster.number },
    }
  }

  /** Takes a newer roster if it chains to the pin; on the disk before it counts. Throws `roster.*`, `statement.*`. */
  async takeRoster(rosterJws: string, successions: readonly string[]): Promise<boolean> {
    return this.#turn.take(async () => {
      const roster = await acceptRoster(this.pin, this.#roster, rosterJws, successions)
      if (roster === this.#roster) return false
      await this.#save({ roster, successions })
      this.#roster = roster
      return true
    })
  }

  async #save({ roster, successions }: { roster: Roster; successions: readonly string[] }): Promise<void> {
    const { pin, claim } = this
    const file = { pin, claim: claim.jws, roster: roster.jws, successions }
    await replaceFile(this.#disk, this.#path, JSON.stringify(file))
  }
}
