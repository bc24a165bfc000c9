import { dirname, join } from 'node:path'
import { z } from 'zod'
import { type Claim, readClaim } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { hubUrl, id, jws } from '../protocol/fields.ts'
import { moveKind, readOrder } from '../protocol/ownership.ts'
import { acceptRoster, type Pin, type Roster, sealsTo, successionKind } from '../protocol/roster.ts'
import { readStatement } from '../protocol/statement.ts'
import { type Disk, readSettled, replaceFile } from '../storage/disk.ts'
import { sameHub } from '../wire/hub-address.ts'
import type { HubAddress } from '../wire/hub-client.ts'
import { saveOwner } from './identity/owner.ts'
import { Turn } from './turn.ts'

/** Everything that makes a camera somebody's, as it lies in `DATA/household.json`. */
const fileSchema = z.strictObject({
  pin: z.strictObject({ householdId: id, rootId: id }),
  claim: jws,
  roster: jws,
  successions: z.array(jws).max(64),
  /** The root's newest word on where the hub is (PROTOCOL 4.8). */
  move: jws.nullable().default(null),
  /** Where the code of the last repair was shown; it is under a CA that claim or move names. */
  hub: z.strictObject({ url: hubUrl, caId: id }).nullable().default(null),
})
type File = z.infer<typeof fileSchema>

/** What is held beside pin and claim, and may change. */
interface Standing {
  readonly roster: Roster
  readonly successions: readonly string[]
  readonly move: Move | null
  readonly hub: HubAddress | null
}

interface Move {
  readonly jws: string
  readonly number: number
  readonly hubs: readonly HubAddress[]
  readonly rootId: string
}

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
 * The household that this camera belongs to: the pin, the claim, the newest roster that chains to the pin, and where the hub
 * is. Nothing that a server says changes it but what its root has signed.
 */
export class Household {
  readonly #disk: Disk
  readonly #path: string
  /** Two answers of the hub at once must not take the roster back. */
  readonly #turn = new Turn()
  readonly pin: Pin
  readonly claim: Claim
  #standing: Standing
  #retired = false

  private constructor(disk: Disk, path: string, held: { pin: Pin; claim: Claim; standing: Standing }) {
    this.#disk = disk
    this.#path = path
    this.pin = held.pin
    this.claim = held.claim
    this.#standing = held.standing
  }

  /**
   * What the data folder holds; undefined for a camera that has none. Everything is checked again, signatures included.
   *
   * @throws OwnlensError `household.damaged`: somebody changed the file, or only its owner's name is left (`owner.json`). It is
   *   left as it is.
   */
  static async load(disk: Disk, data: string, deviceId: string): Promise<Household | undefined> {
    const path = join(data, 'household.json')
    const text = await readSettled(disk, path)
    if (text === undefined) return undefined
    try {
      const file = fileSchema.parse(JSON.parse(text))
      const claim = await readClaim(file.claim, file.pin)
      if (claim.deviceId !== deviceId) throw new OwnlensError('claim.half', 'it is another device’s')
      const roster = await acceptRoster(file.pin, undefined, file.roster, file.successions)
      const { pin, successions, hub } = file
      // It was the current root's when it was taken.
      const move = file.move === null ? null : await readMove(file.move, pin.householdId, await rootsOf(file))
      return new Household(disk, path, { pin, claim, standing: { roster, successions, move, hub } })
    } catch (cause) {
      throw new OwnlensError('household.damaged', path, { cause })
    }
  }

  /**
   * Takes a checked claim and roster as this camera's own; on the disk before it returns.
   *
   * @param held.before what it was before a repair: the newer roster and the newest move stay.
   */
  static async join(
    disk: Disk,
    data: string,
    held: {
      pin: Pin
      claim: Claim
      roster: Roster
      successions: readonly string[]
      hub?: HubAddress
      before?: Household | undefined
    },
  ): Promise<Household> {
    const { pin, claim, roster, successions, hub = null, before } = held
    const given = { roster, successions, move: null, hub }
    const stood = before === undefined ? given : before.#standing
    const standing = { ...newer(given, stood), move: stood.move, hub }
    const household = new Household(disk, join(data, 'household.json'), { pin, claim, standing })
    await household.#save(household.#standing)
    await household.nameOwner()
    return household
  }

  get roster(): Roster {
    return this.#standing.roster
  }

  get rosterNumber(): number {
    return this.roster.number
  }

  /** Where the hub is: the first is where to go, the others count as long as it does not answer. */
  get hubs(): readonly HubAddress[] {
    const { hub, move } = this.#standing
    const all = [...(hub === null ? [] : [hub]), ...(move?.hubs ?? []), this.claim.hub]
    return all.filter((one, at) => all.findIndex(other => sameHub(one, other)) === at)
  }

  membership(): Membership {
    const { householdId, deviceId, epoch } = this.claim
    return {
      recipients: sealsTo(this.roster).recipients,
      envelope: { audience: 'household', householdId, deviceId, epoch, roster: this.roster.number },
    }
  }

  /** Takes a newer roster if it chains to the pin; on the disk before it counts. Throws `roster.*`, `statement.*`. */
  async takeRoster(rosterJws: string, successions: readonly string[]): Promise<boolean> {
    return this.#turn.take(async () => {
      const roster = await acceptRoster(this.pin, this.roster, rosterJws, successions)
      if (roster === this.roster || this.#retired) return false
      await this.#change({ ...this.#standing, roster, successions })
      return true
    })
  }

  /**
   * Takes the root's word on where the hub is, if it is newer; on the disk before it counts. A later root owes nothing to the
   * numbers of the one before.
   *
   * @returns whether the camera goes elsewhere now. Throws `move.old`, `claim.household`, `statement.*`.
   */
  async takeMove(moveJws: string): Promise<boolean> {
    return this.#turn.take(async () => {
      const { move: held } = this.#standing
      if (held?.jws === moveJws || this.#retired) return false
      const move = await readMove(moveJws, this.pin.householdId, [this.roster.rootId])
      if (held !== null && held.rootId === move.rootId && move.number <= held.number)
        throw new OwnlensError('move.old', `${move.number} ≤ ${held.number}`)
      await this.#change({ ...this.#standing, move, hub: null })
      return true
    })
  }

  /**
   * Writes down whose this camera is, for the day on which the rest is damaged: by the current root, so that one that was
   * replaced cannot take it back then.
   */
  async nameOwner(): Promise<void> {
    const { householdId } = this.pin
    const hub = this.hubs[0] ?? this.claim.hub
    await saveOwner(this.#disk, dirname(this.#path), { householdId, rootId: this.roster.rootId, hub })
  }

  /** Another one takes its place on the disk: nothing is taken any more. */
  async retire(): Promise<void> {
    await this.#turn.take(async () => {
      this.#retired = true
    })
  }

  async #change(standing: Standing): Promise<void> {
    await this.#save(standing)
    this.#standing = standing
    // When that fails, the next start does it.
    await this.nameOwner().catch(() => undefined)
  }

  async #save({ roster, successions, move, hub }: Standing): Promise<void> {
    const { pin, claim } = this
    const file: File = {
      ...{ pin, claim: claim.jws, roster: roster.jws, successions: [...successions] },
      ...{ move: move?.jws ?? null, hub },
    }
    await replaceFile(this.#disk, this.#path, JSON.stringify(file))
  }
}

/** The root's word on where the hub is; `roots` may have signed it. */
async function readMove(moveJws: string, householdId: string, roots: readonly string[]): Promise<Move> {
  const { payload, signer } = await readOrder(moveKind, moveJws, { householdId, roots })
  return { jws: moveJws, number: payload.number, hubs: payload.hubs, rootId: signer.id }
}

/** The pinned root and those after it. The line that the successions make was checked with the roster. */
async function rootsOf({ pin, successions }: File): Promise<readonly string[]> {
  const read = successions.map(text => readStatement(successionKind, text, 'itself'))
  return [pin.rootId, ...(await Promise.all(read)).map(({ payload }) => payload.newRootId)]
}

/** A hub that was restored may have an older roster than its camera. */
function newer<T extends { readonly roster: Roster }>(given: T, held: T): T {
  const sameRoot = given.roster.generation === held.roster.generation
  const isNewer = sameRoot
    ? given.roster.number > held.roster.number
    : given.roster.generation > held.roster.generation
  return isNewer ? given : held
}
