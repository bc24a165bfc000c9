import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { Household } from '../../agent/household.ts'
import { answerCode, type Bound, type Registrar } from '../../agent/identity/answer.ts'
import { Enrolment } from '../../agent/identity/enrol.ts'
import { lastEpoch } from '../../agent/identity/epoch.ts'
import { settleJoining } from '../../agent/identity/join.ts'
import { readOwner } from '../../agent/identity/owner.ts'
import { readPending, savePending } from '../../agent/identity/pending.ts'
import {
  finishReset,
  orderRelease,
  orderReset,
  type ResetParts,
  tellOldHubs,
} from '../../agent/identity/reset.ts'
import { isReleased, isStanding } from '../../agent/identity/standing.ts'
import { Sequence } from '../../agent/sequence.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import type { HubClient } from '../../wire/hub-client.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import type { Survival } from '../support/faults/journal.ts'
import { must, signedPart, type TrueRoster } from './facts.ts'
import { badAnswer, badClaim, badParts, badRoster } from './faults-camera.ts'
import type { Certificate } from './hub.ts'
import { ageIdentities, type Keys } from './keys.ts'
import { DATA, knockOnce } from './knock.ts'
import type { World } from './world.ts'

const log = pino({ level: 'silent' })
const newDisk = () => FaultDisk.make({ model: 'ordered', folder: DATA })

/** A camera board: the agent's own identity code on a disk in memory that may lose power at any of its operations. */
export class Camera {
  readonly name: string
  readonly world: World
  keys: Keys
  fault = newDisk()
  household: Household | undefined
  sequence: Sequence | undefined
  certificate: Certificate | undefined
  /** The short code that the lamp blinks. */
  lamp: string | undefined
  /** How often it has forgotten whose it was. */
  resets = 0
  /** Grows with everything that may have changed what is on its disk. */
  boot = ''
  boots = 0
  isTwin = false
  /** Who answers in the hub's place. */
  deceiver: Registrar | undefined
  /** Whether a half of its waits, as far as it was seen. */
  isPending = false
  #bound: Bound | undefined
  #enrolment: Enrolment | undefined

  constructor(name: string, world: World, keys: Keys) {
    this.name = name
    this.world = world
    this.keys = keys
  }

  get id(): string {
    return this.keys.signer.id
  }

  get disk() {
    return this.fault.disk
  }

  /** As the agent's start (`agent/run.ts`) reads what is on the disk. */
  async start(): Promise<void> {
    this.boot = base32(randomBytes(16))
    this.boots++
    this.certificate = undefined
    this.lamp = undefined
    await this.#live()
  }

  /** As it goes from one state into the next. */
  async #live(): Promise<void> {
    const { disk, boot } = this
    if (await finishReset(this.parts())) this.resets++
    if (this.world.has('device uses a number twice')) await disk.remove(`${DATA}/sequence.json`)
    this.#enrolment = new Enrolment({ disk, data: DATA, signer: this.keys.signer, boot })
    this.household = await Household.load(disk, DATA, this.id)
    const { household } = this
    this.#bound = household && { pin: household.pin, household }
    this.sequence = household && (await Sequence.open(disk, DATA, household.claim.epoch))
    if (household !== undefined) await settleJoining({ disk, data: DATA }, household)
    // A household that is gone leaves an owner's name behind only where somebody damaged it.
    else must((await readOwner(disk, DATA)) === undefined, 'I5 a power cut damages no household', this.name)
  }

  /** The power goes before the `count`th change of its disk from now. */
  cut(count: number): void {
    this.fault.faults.cutAt = this.fault.steps.length + count
  }

  /** The power stays. */
  steady(): void {
    this.cut(Number.POSITIVE_INFINITY)
  }

  /** And comes back. */
  async powerUp(survival: Survival): Promise<void> {
    this.fault = this.fault.afterCut(survival)
    this.deceiver = undefined
    await this.start()
  }

  /** A copy of card and key: the same device twice. */
  async clone(name: string): Promise<Camera> {
    const twin = new Camera(name, this.world, this.keys)
    twin.isTwin = true
    this.world.facts.doubled.add(this.id)
    for (const file of await this.disk.list(DATA)) {
      const bytes = await this.disk.read(`${DATA}/${file}`)
      if (bytes !== undefined) await twin.disk.write(`${DATA}/${file}`, bytes)
    }
    await twin.disk.syncFolder(DATA)
    await twin.start()
    return twin
  }

  /** A text is held before the lens, after a press of the button. */
  async see(text: string): Promise<string> {
    const pending = await answerCode(...(await badAnswer(this, this.#bound, text)))
    this.world.facts.knowing.add(`${pending.mailbox} ${signedPart(pending.half)}`)
    await savePending(this.disk, DATA, pending)
    this.isPending = true
    this.lamp = undefined
    return this.tick()
  }

  /** Sends its half and knocks, once. */
  async tick(): Promise<string> {
    const pending = await readPending(this.disk, DATA)
    this.isPending = pending !== undefined
    if (pending === undefined) return 'nothing waits'
    const joined = await knockOnce(badParts(this), this.#bound, pending, code => {
      this.lamp = code
    }).catch(async error => {
      this.lamp = undefined
      const bad = await badClaim(this, pending)
      if (bad === undefined) throw error
      this.household = bad
      return undefined
    })
    if (joined === undefined) return this.lamp === undefined ? 'waits' : 'blinks'
    if (this.world.has('device forgets to keep the epoch')) await this.disk.remove(`${DATA}/epoch`)
    this.certificate = undefined
    await this.#live()
    return 'joined'
  }

  /** The button is held. */
  async hold(newKey: boolean): Promise<string> {
    await orderReset(this.parts(), { newKey })
    await this.start()
    if (this.world.has('reset wipes the epoch')) await this.disk.remove(`${DATA}/epoch`)
    return newKey ? 'reset to a new key' : 'reset'
  }

  /** Tells its old hub of a reset. */
  async tell(): Promise<string> {
    return (await tellOldHubs(this.parts())) ? 'not yet told' : 'nothing to tell'
  }

  /** Fetches the roster, as after an acknowledgement that names a newer one. */
  async refresh(): Promise<string> {
    if (this.household === undefined) return 'not paired'
    const { roster, successions } = await this.world.ask().published(this.household.claim.householdId)
    return this.hear(roster, successions)
  }

  /** Is told a roster, by whomever. */
  async hear(roster: string, successions: readonly string[]): Promise<string> {
    const { household } = this
    if (household === undefined) return 'not paired'
    const taken = await household.takeRoster(roster, successions).catch(async error => {
      this.household = await badRoster(this, household, roster, successions)
      if (this.household === household) throw error
      return true
    })
    return taken ? 'taken' : 'known'
  }

  /** Gets a certificate; asks whether it was released when there is none. */
  async enrol(): Promise<string> {
    const { household } = this
    if (household === undefined || this.#enrolment === undefined) return 'not paired'
    this.#enrolment.forget()
    let certificate: Certificate | undefined
    const hub = {
      address: this.world.hub.address,
      enrol: async ({ householdId, role }: Parameters<HubClient['enrol']>[0]) => {
        if (this.deceiver !== undefined) throw new OwnlensError('enrol.claim')
        const given = await this.world.enrol(this.name, this.keys.signer, householdId, role, this.boots % 3)
        certificate = given.certificate
        return { tls: { notAfter: new Date(certificate.notAfter) }, hub: given.hub }
      },
    }
    try {
      await this.#enrolment.identity(hub as unknown as HubClient, household)
    } catch (error) {
      if (isStanding(codeOf(error)) && (await this.#isReleased(household))) return this.#leave(household)
      throw error
    }
    this.certificate = certificate
    return 'enrolled'
  }

  async #isReleased(household: Household): Promise<boolean> {
    const hub = this.deceiver ?? this.world.ask()
    if (!this.world.has('device believes any release')) return isReleased(hub, this.keys.signer, household)
    return (await hub.request(null, { action: 'device' }, this.keys.signer)).release !== null
  }

  async #leave({ claim }: Household): Promise<string> {
    const released = this.world.facts.released.has(`${claim.householdId} ${this.id} ${claim.epoch}`)
    must(released, 'I2 only its root lets a camera go', this.name)
    await orderRelease(this.parts())
    await this.start()
    return 'released'
  }

  async ownEpoch(): Promise<number> {
    return lastEpoch(this.disk, DATA)
  }

  /** `household.json`, believed by nobody. */
  async file(): Promise<{
    pin: { householdId: string; rootId: string }
    roster: string
    successions: readonly string[]
  }> {
    return JSON.parse(Buffer.from((await this.disk.read(`${DATA}/household.json`)) ?? '').toString('utf8'))
  }

  /** What its roster truly is; undefined when no root of any household has signed it. */
  async truth(): Promise<TrueRoster | undefined> {
    return this.world.facts.rosters.get(signedPart((await this.file()).roster))
  }

  parts(): ResetParts {
    const { disk, world } = this
    const keyStore: ResetParts['keyStore'] = {
      settle: async () => ({ board: 'same' }),
      signer: async () => this.keys.signer,
      ageIdentities: async () => ageIdentities(this.keys),
      replaceKeys: async () => {
        this.keys = await world.ring.take()
      },
    }
    return {
      disk,
      data: DATA,
      keyStore,
      log,
      connect: () => this.deceiver ?? (world.ask() satisfies Registrar),
    }
  }
}
