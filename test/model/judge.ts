import type { Camera } from './camera.ts'
import { must, signedPart } from './facts.ts'
import type { Home } from './home.ts'
import type { World } from './world.ts'

/** What was seen of a camera before: what must not go back. */
interface Seen {
  readonly epochFile: number
  readonly tie: string
  readonly generation: number
  readonly number: number
  readonly epoch: number
}

/** Looks at everything after every step. What must hold is said here again, without the code that is judged. */
export class Judge {
  readonly #world: World
  readonly #seen = new Map<Camera, Seen>()
  /** `<camera> <epoch>` → the household that it has joined. */
  readonly #joined = new Map<string, string>()
  readonly #steps = new Map<Camera, string>()
  readonly #held = new Map<
    Home,
    { readonly sha256: string; readonly generation: number; readonly number: number }
  >()
  #version = -1

  constructor(world: World) {
    this.#world = world
  }

  async look(): Promise<void> {
    for (const camera of this.#world.cameras) await this.#camera(camera)
    for (const home of this.#world.homes) this.#app(home)
    await this.#certificates()
    this.#sessions()
  }

  async #camera(camera: Camera): Promise<void> {
    const steps = `${camera.boot} ${camera.resets} ${camera.fault.steps.length}`
    if (this.#steps.get(camera) === steps) return
    this.#steps.set(camera, steps)
    const epochFile = await camera.ownEpoch()
    const before = this.#seen.get(camera)
    must(
      epochFile >= (before?.epochFile ?? 0),
      'I6 epochs only grow',
      `${camera.name} went back to ${epochFile}`,
    )
    const { household } = camera
    if (household === undefined) {
      this.#seen.set(camera, { ...(before ?? NOTHING), epochFile, tie: '' })
      return
    }
    const truth = await camera.truth()
    const file = await camera.file()
    const { pin } = file
    const { recipients, envelope } = household.membership()
    must(truth !== undefined, 'I2 a camera seals to a roster of its root', `${camera.name} has another`)
    must(
      this.#world.facts.seen.has(`${camera.id} ${pin.rootId}`),
      'I2 the root was pinned through the lens',
      camera.name,
    )
    const line = this.#world.facts.roots.get(truth.householdId) ?? []
    const isOwn = pin.householdId === truth.householdId && envelope.householdId === truth.householdId
    must(isOwn && line.includes(pin.rootId), 'I2 the roster is of the pinned household', camera.name)
    must(truth.generation === file.successions.length, 'I2 a replaced root counts no more', camera.name)
    const same =
      recipients.length === truth.recipients.length && recipients.every(one => truth.recipients.includes(one))
    must(same, 'I2 recipients are the roster’s members', camera.name)
    must(envelope.roster === truth.number, 'I2 the roster’s number is told', camera.name)
    must(envelope.deviceId === camera.id, 'I4 an envelope names its own device', camera.name)
    this.#ties(camera, { epochFile, epoch: envelope.epoch, householdId: truth.householdId, before })
    const tie = `${truth.householdId} ${camera.resets}`
    const [homeBefore, resetsBefore] = before?.tie.split(' ') ?? []
    const moved = resetsBefore === String(camera.resets) && homeBefore !== truth.householdId
    must(!moved, 'ownership: an owned camera answers no other home', camera.name)
    if (before?.tie === tie) {
      const { generation, number } = before
      const back = truth.generation < generation || (truth.generation === generation && truth.number < number)
      must(!back, 'I2 a camera’s roster only grows', `${camera.name} went back to ${truth.number}`)
    }
    const { generation, number } = truth
    this.#seen.set(camera, { epochFile, tie, generation, number, epoch: envelope.epoch })
  }

  /** What an app holds is signed by a true root of its home, and does not go back. */
  #app(home: Home): void {
    const { roster } = home
    const before = this.#held.get(home)
    if (roster === undefined || before?.sha256 === roster.sha256) return
    const truth = this.#world.facts.rosters.get(signedPart(roster.jws))
    must(truth?.householdId === home.id, 'I2 rosters are the root’s', `${home.name}’s app has another’s`)
    const { generation, number } = truth
    const back =
      before !== undefined &&
      (generation < before.generation || (generation === before.generation && number <= before.number))
    must(!back, 'I2 an app’s roster only grows', `${home.name} went back to ${number}`)
    this.#held.set(home, { sha256: roster.sha256, generation, number })
  }

  #ties(
    camera: Camera,
    now: { epochFile: number; epoch: number; householdId: string; before: Seen | undefined },
  ): void {
    const { epochFile, epoch, householdId, before } = now
    must(epoch >= (before?.epoch ?? 0), 'I6 epochs only grow', `${camera.name} joined in ${epoch} again`)
    must(epoch <= epochFile, 'I6 an epoch is kept before it is used', camera.name)
    // Of two boards with one key each is a camera of its own.
    const key = `${camera.name} ${epoch}`
    const joined = this.#joined.get(key) ?? householdId
    must(
      joined === householdId,
      'I6 one device and epoch is never two households’',
      `${camera.name} ${epoch}`,
    )
    this.#joined.set(key, householdId)
    must(
      this.#world.facts.claimed.has(`${householdId} ${camera.id} ${epoch}`),
      'I3 a camera joins under its root’s claim',
      camera.name,
    )
  }

  /** Every certificate that counts is of somebody who has its rights now. */
  async #certificates(): Promise<void> {
    const { hub, register, issued } = this.#world
    if (this.#version === hub.version) return
    this.#version = hub.version
    const live: typeof issued = []
    const devices = new Set<string>()
    for (const one of issued) {
      if ((await hub.registrar.nameOf(one.certificate.serial)) === undefined) continue
      live.push(one)
      if (one.kind === 'member') {
        const named = register.rosters.get(one.householdId)?.memberIds.includes(one.id)
        must(named === true, 'a removed member has no certificate', one.holder)
        continue
      }
      const standing = register.devices.get(one.id)
      const owned = standing?.householdId === one.householdId && standing.epoch === one.epoch
      must(owned, 'I6 a certificate is of the epoch that stands', one.holder)
      must(!register.isBlocked(one.id), 'a blocked camera has no certificate', one.holder)
      must(!devices.has(one.id), 'I6 a device has one certificate', one.holder)
      must(!register.isCloned(one.id), 'I6 of one key on two boards neither publishes', one.holder)
      devices.add(one.id)
    }
    this.#world.issued = live
  }

  #sessions(): void {
    const { broker, issued, now } = this.#world
    for (const { certificate, holder } of broker.sessions) {
      must(certificate.notAfter > now(), 'a session ends with its certificate', holder)
      const live = issued.some(one => one.certificate.serial === certificate.serial)
      must(live, 'I6 a session ends with its rights', holder)
    }
  }
}

const NOTHING: Seen = { epochFile: 0, tie: '', generation: 0, number: 0, epoch: 0 }

/** Who may hear what is published here: by the topic's own text. */
export function mayHear(
  topic: string,
  session: { kind: string; householdId: string; epoch: number; id: string },
): boolean {
  const [, , householdId, epoch, deviceId, word] = topic.split('/')
  if (session.kind === 'member') return householdId === session.householdId
  const own =
    householdId === session.householdId && epoch === String(session.epoch) && deviceId === session.id
  return own && (word === 'command' || word === 'people' || word === 'ack')
}

/** Who may say it. */
export function maySay(
  topic: string,
  session: { kind: string; householdId: string; epoch: number; id: string },
): boolean {
  const [, , householdId, epoch, deviceId, word] = topic.split('/')
  if (session.kind === 'member')
    return householdId === session.householdId && (word === 'command' || word === 'people')
  const own =
    householdId === session.householdId && epoch === String(session.epoch) && deviceId === session.id
  return own && word !== 'command' && word !== 'people' && word !== 'ack'
}
