import type { SealedClip } from '../../home/clip-source.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { RequestAction, RequestAnswer, RequestBody } from '../../protocol/registrar.ts'
import type { EnrolmentRole, HubNonce } from '../../wire/hub-client.ts'
import { Archive } from './archive.ts'
import { Broker } from './broker.ts'
import { Camera } from './camera.ts'
import { Facts, must } from './facts.ts'
import type { FaultName } from './faults.ts'
import { Home, type Invite, type Person } from './home.ts'
import { type Certificate, Hub } from './hub.ts'
import { KeyRing } from './keys.ts'
import { Register } from './register.ts'

/** What a lying hub says in the place of the truth, once. */
export interface Lie {
  readonly field: string
  readonly value: unknown
}

/** A certificate that the registrar gave, and to whom. */
export interface Issued {
  readonly certificate: Certificate
  readonly holder: string
  readonly kind: 'device' | 'member'
  readonly householdId: string
  readonly epoch: number
  readonly id: string
}

const START = Date.parse('2026-11-24T12:00:00.000Z')
export const ATTACKER = 'M'

/** Two honest homes, the attacker's, their cameras, one hub, and all that was ever sent. */
export class World {
  readonly ring = new KeyRing()
  readonly facts = new Facts()
  readonly archive = new Archive()
  readonly fault: FaultName | undefined
  readonly homes: Home[] = []
  readonly cameras: Camera[] = []
  readonly lies: Lie[] = []
  readonly clips: SealedClip[] = []
  /** Who left a home in anger: the attacker has their keys. */
  readonly hostile = new Set<Person>()
  readonly stolenRoots: Signer[] = []
  /** Those that counted when they were looked at last. */
  issued: Issued[] = []
  /** Every certificate that was ever given. */
  readonly given: Issued[] = []
  register: Register
  backups: {
    readonly rows: Awaited<ReturnType<Hub['backup']>>
    readonly register: Register
    readonly issued: Issued[]
  }[] = []
  #now = START
  #hub: Hub | undefined
  #broker: Broker | undefined

  private constructor(fault: FaultName | undefined) {
    this.fault = fault
    this.register = new Register(this.facts, this.now)
  }

  static async make(fault?: FaultName): Promise<World> {
    const world = new World(fault)
    const hub = await Hub.open(world.now, world.archive, fault)
    world.#hub = hub
    const broker = new Broker(hub, world.now, fault)
    world.#broker = broker
    hub.changed = owners => broker.changed(owners)
    hub.accepted = (householdId, body, signerId) => world.register.accepted(householdId, body, signerId)
    for (const name of ['A', 'B', ATTACKER])
      world.homes.push(await Home.found(name, world, name === 'A' ? 4 : 2))
    for (const name of ['door', 'hall', 'attic', 'spy']) {
      const camera = new Camera(name, world, await world.ring.take())
      await camera.start()
      world.cameras.push(camera)
    }
    return world
  }

  get hub(): Hub {
    return this.#hub as Hub
  }

  get broker(): Broker {
    return this.#broker as Broker
  }

  now = (): number => this.#now

  time(): string {
    return new Date(this.#now).toISOString()
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds
    this.broker.sweep()
  }

  /** Whether this planted fault is on. */
  has(fault: FaultName): boolean {
    return this.fault === fault
  }

  get attacker(): Home {
    return this.homes.at(-1) as Home
  }

  get honest(): readonly Home[] {
    return this.homes.slice(0, -1)
  }

  persons(): readonly Person[] {
    return this.homes.flatMap(({ persons }) => persons)
  }

  /** Everything that the attacker signs with. */
  attackerKeys(): readonly Signer[] {
    const left = [...this.hostile].map(({ keys }) => keys.signer)
    const spy = this.cameras.find(({ name }) => name === 'spy')?.keys.signer
    const members = this.attacker.persons.map(({ keys }) => keys.signer)
    return [...this.stolenRoots, this.attacker.root, ...left, ...members, ...(spy ? [spy] : [])]
  }

  /** The hub as it answers now: with the lies that wait, each told once. */
  ask() {
    return {
      address: this.hub.address,
      nonce: async (id: string) => this.#bend(await this.hub.nonce(id)),
      request: async <A extends RequestAction>(
        householdId: string | null,
        body: Extract<RequestBody, { action: A }>,
        signer: Signer,
      ): Promise<RequestAnswer<A>> => this.#bend(await this.hub.request(householdId, body, signer)),
      published: async (householdId: string) => this.#bend(await this.hub.registrar.published(householdId)),
    }
  }

  #bend<T extends object>(answer: T): T {
    const bent = { ...answer } as Record<string, unknown>
    for (const lie of [...this.lies]) {
      if (!(lie.field in bent)) continue
      this.lies.splice(this.lies.indexOf(lie), 1)
      bent[lie.field] = lie.value
    }
    return bent as T
  }

  /** Asks the registrar for a certificate, and writes down what becomes of it. */
  async enrol(
    holder: string,
    signer: Signer,
    householdId: string,
    role: EnrolmentRole,
    variant: number,
  ): Promise<{ certificate: Certificate; hub: HubNonce }> {
    const judged = () => role.kind === 'device' && this.register.judged(signer.id, role.boot)
    try {
      const given = await this.hub.enrol(signer, householdId, role, variant)
      judged()
      const epoch = role.kind === 'device' ? role.epoch : 0
      const issued = {
        certificate: given.certificate,
        holder,
        kind: role.kind,
        householdId,
        epoch,
        id: signer.id,
      }
      // A retry is answered with the certificate that was given before.
      const again = this.issued.some(one => one.certificate.serial === given.certificate.serial)
      if (!again) this.issued.push(issued)
      this.given.push(issued)
      return given
    } catch (error) {
      const code = World.codeOf(error)
      if (code === 'enrol.held' || code === 'enrol.cloned') judged()
      if (code === 'enrol.cloned')
        must(this.register.isCloned(signer.id), 'I6 nobody is called a clone without a double', holder)
      throw error
    }
  }

  /** A home's app has made a claim and the hub has taken it. */
  claimed(home: Home, { deviceId, before }: Invite): void {
    if (home === this.attacker) return
    must(
      deviceId === before?.id,
      'pairing: a home claims the camera before which its code was held',
      'it claimed another one',
    )
  }

  /** What is thrown when something is refused; anything else is a violation. */
  static codeOf(error: unknown): string {
    if (error instanceof OwnlensError) return error.code
    throw error
  }
}
