import type { RequestBody } from '../../protocol/registrar.ts'
import { type Facts, must, payloadOf, signedPart } from './facts.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * What an honest registrar has accepted, as the pages say that it counts; goes back with a backup, but for releases and blocks:
 * these are kept beside the database.
 */
export class Register {
  /** Households by their newest accepted roster. */
  rosters = new Map<
    string,
    { readonly generation: number; readonly number: number; readonly memberIds: readonly string[] }
  >()
  devices = new Map<string, Standing>()
  /** `<deviceId> <epoch>` → householdId. */
  stood = new Map<string, string>()
  mailboxes = new Map<string, Box>()
  /** `<householdId> <deviceId> <epoch>` → the order of the highest rank. */
  orders = new Map<string, Order>()
  /** The same → released. */
  released = new Set<string>()
  /** Boots of each device in the order in which they were judged. */
  boots = new Map<string, readonly string[]>()
  readonly #facts: Facts
  readonly #now: () => number

  constructor(facts: Facts, now: () => number) {
    this.#facts = facts
    this.#now = now
  }

  copy(): Register {
    const copy = new Register(this.#facts, this.#now)
    copy.rosters = new Map(this.rosters)
    copy.devices = new Map(this.devices)
    copy.stood = new Map(this.stood)
    copy.mailboxes = new Map(this.mailboxes)
    copy.boots = new Map(this.boots)
    return copy
  }

  /** A copy of an earlier day that counts again: what was ordered since then counts as well. */
  with({ orders, released }: Register): this {
    this.orders = orders
    this.released = released
    for (const [deviceId, standing] of this.devices)
      if (released.has(placeOf(standing.householdId, deviceId, standing.epoch)))
        this.devices.set(deviceId, { ...standing, householdId: null })
    return this
  }

  /** Whether its owner's newest order for the epoch that stands has blocked it. */
  isBlocked(deviceId: string): boolean {
    const standing = this.devices.get(deviceId)
    if (standing === undefined) return false
    return this.orders.get(placeOf(standing.householdId, deviceId, standing.epoch))?.blocked === true
  }

  /** A request was answered without a refusal. Throws a violation when it had to be refused. */
  accepted(householdId: string | null, body: RequestBody, signerId: string): void {
    if (householdId !== null) this.#byHousehold(householdId, body, signerId)
    if (body.action === 'half') this.#half(body.mailbox, body.half)
    if (body.action === 'reset') this.#reset(body.reset, signerId)
  }

  #byHousehold(householdId: string, body: RequestBody, signerId: string): void {
    if (body.action === 'household' || body.action === 'roster') {
      this.#roster(householdId, body.roster)
      return
    }
    const generation = this.rosters.get(householdId)?.generation ?? -1
    const rootId = this.#facts.roots.get(householdId)?.[generation]
    const isMember = this.rosters.get(householdId)?.memberIds.includes(signerId) === true
    // Any member may carry an order about blocks; who has signed it is looked at below.
    const may = rootId === signerId || (body.action === 'block' && isMember)
    must(may, 'I2 only the current root is obeyed', `${body.action} by ${signerId.slice(0, 8)}`)
    switch (body.action) {
      case 'invite':
        if (this.#isForgotten(body.mailbox))
          this.mailboxes.set(body.mailbox, { openedAt: this.#now(), closed: false, half: undefined })
        break
      case 'decline':
        this.#close(body.mailbox)
        break
      case 'claim':
        this.#claim(householdId, body.claim)
        break
      case 'release':
        this.#release(body.release)
        break
      case 'object':
        this.#object(body.deviceId)
        break
      case 'block':
        must(
          this.#facts.orders.get(signedPart(body.block)) === rootId,
          'I2 only the current root is obeyed',
          'an order about blocks that another has signed',
        )
        this.#block(householdId, body.block, generation)
        break
      case 'confirm':
        break
      default:
    }
  }

  /** A day after its ten minutes anybody may use its name again. */
  #isForgotten(mailbox: string): boolean {
    const box = this.mailboxes.get(mailbox)
    return box === undefined || this.#now() > box.openedAt + 10 * MINUTE + DAY
  }

  #roster(householdId: string, jws: string): void {
    const roster = this.#facts.rosters.get(signedPart(jws))
    must(roster?.householdId === householdId, 'I2 rosters are the root’s', 'the registrar took another’s')
    const { generation, number, memberIds } = roster
    const held = this.rosters.get(householdId)
    const older =
      held !== undefined &&
      (generation < held.generation || (generation === held.generation && number < held.number))
    must(!older, 'I2 rosters only grow', `the registrar went back to ${number}`)
    this.rosters.set(householdId, { generation, number, memberIds })
  }

  #half(mailbox: string, jws: string): void {
    const box = this.mailboxes.get(mailbox)
    must(box !== undefined, 'pairing: a code opens what was invited', 'a mailbox that nobody opened')
    if (box.half === signedPart(jws) && box.closed) return
    const age = this.#now() - box.openedAt
    must(age < 10 * MINUTE, 'pairing: a code of ten minutes ago is worthless', `${age / MINUTE} minutes`)
    must(!box.closed, 'pairing: a used code is worthless', 'a half was taken')
    must(
      box.half === undefined || box.half === signedPart(jws),
      'pairing: the first half stays',
      'another was taken',
    )
    this.mailboxes.set(mailbox, { ...box, half: signedPart(jws) })
  }

  #claim(householdId: string, jws: string): void {
    const { deviceId, epoch, half } = payloadOf<{ deviceId: string; epoch: number; half: string }>(jws)
    for (const [mailbox, box] of this.mailboxes) if (box.half === signedPart(half)) this.#close(mailbox)
    const key = `${deviceId} ${epoch}`
    const before = this.devices.get(deviceId)
    const owner = this.stood.get(key)
    must(
      owner === undefined || owner === householdId,
      'I6 one device and epoch is never two households’',
      `epoch ${epoch}`,
    )
    this.stood.set(key, householdId)
    if (before?.epoch === epoch && before.householdId === householdId) return
    must(
      epoch > (before?.epoch ?? 0),
      'I6 epochs only grow',
      `${epoch} after ${before?.epoch} at the registrar`,
    )
    this.#mayClaim(householdId, deviceId, before)
    this.devices.set(deviceId, { householdId, epoch, resetAt: null, objectedUntil: null })
  }

  #mayClaim(householdId: string, deviceId: string, before: Standing | undefined): void {
    if (before === undefined) return
    must(!this.isBlocked(deviceId), 'ownership: a blocked device is nobody else’s', 'it was claimed')
    if (before.householdId === null || before.householdId === householdId) return
    const { resetAt, objectedUntil } = before
    const free = resetAt !== null && this.#now() >= resetAt + 72 * HOUR && this.#now() >= (objectedUntil ?? 0)
    must(free, 'ownership: an owned device stays its owner’s', 'another home claimed it')
  }

  #release(jws: string): void {
    const { deviceId, epoch, householdId } = payloadOf<{
      deviceId: string
      epoch: number
      householdId: string
    }>(jws)
    const before = this.devices.get(deviceId)
    if (before?.householdId === householdId && before.epoch === epoch) this.#letGo(before, deviceId)
  }

  #letGo(before: Standing, deviceId: string): void {
    this.released.add(placeOf(before.householdId, deviceId, before.epoch))
    this.devices.set(deviceId, { ...before, householdId: null })
  }

  #reset(jws: string, signerId: string): void {
    const { deviceId, epoch } = payloadOf<{ deviceId: string; epoch: number }>(jws)
    must(deviceId === signerId, 'ownership: only a device says that it was reset', 'another said so')
    const before = this.devices.get(deviceId)
    if (
      before === undefined ||
      before.householdId === null ||
      before.resetAt !== null ||
      epoch < before.epoch
    )
      return
    this.devices.set(deviceId, { ...before, resetAt: this.#now() })
  }

  #object(deviceId: string): void {
    const before = this.devices.get(deviceId)
    if (before?.resetAt == null || before.objectedUntil !== null) return
    this.devices.set(deviceId, { ...before, objectedUntil: this.#now() + 14 * DAY })
  }

  /** What stands is the order of the highest rank, in whatever order they come. */
  #block(householdId: string, jws: string, generation: number): void {
    const { devices, number, blocked } = payloadOf<{
      devices: readonly { deviceId: string; epoch: number }[]
      number: number
      blocked: boolean
    }>(jws)
    for (const { deviceId, epoch } of devices) {
      const place = placeOf(householdId, deviceId, epoch)
      const held = this.orders.get(place)
      const isNewer =
        held === undefined ||
        generation > held.generation ||
        (generation === held.generation && number > held.number)
      if (isNewer) this.orders.set(place, { generation, number, blocked })
    }
  }

  #close(mailbox: string): void {
    const box = this.mailboxes.get(mailbox)
    if (box !== undefined) this.mailboxes.set(mailbox, { ...box, closed: true })
  }

  /** A device asked for a certificate and was judged. */
  judged(deviceId: string, boot: string): void {
    const boots = this.boots.get(deviceId) ?? []
    if (boots.at(-1) !== boot) this.boots.set(deviceId, [...boots, boot])
  }

  /** Whether two boards of one key have shown themselves: a boot, another one, and the first again. */
  isCloned(deviceId: string): boolean {
    const boots = this.boots.get(deviceId) ?? []
    return new Set(boots).size < boots.length
  }
}

interface Standing {
  readonly householdId: string | null
  readonly epoch: number
  readonly resetAt: number | null
  readonly objectedUntil: number | null
}

interface Order {
  readonly generation: number
  readonly number: number
  readonly blocked: boolean
}

const placeOf = (householdId: string | null, deviceId: string, epoch: number): string =>
  `${householdId} ${deviceId} ${epoch}`

interface Box {
  readonly openedAt: number
  readonly closed: boolean
  readonly half: string | undefined
}
