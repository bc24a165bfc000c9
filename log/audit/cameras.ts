import { claimKind, readClaim } from '../../protocol/claim.ts'
import { blockKind, moveKind, readReset, releaseKind } from '../../protocol/ownership.ts'
import type { Enrolment } from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Logged, Placed, Tell } from './finding.ts'
import type { HouseholdLines } from './households.ts'
import { OwnerBlocks, type Place } from './owner-blocks.ts'

/** So long a camera stays its owner's after a reset (PROTOCOL 4.6). */
const WAIT_MS = 72 * 3_600_000

/** Where something was logged, and how many entries were closed before. */
type Mark = Pick<Placed, 'position' | 'closed'>

interface Camera {
  /** The household of its newest claim; undefined while none was opened. */
  readonly owner?: { readonly householdId: string; readonly mark: Mark }
  readonly epoch: number
  readonly released: boolean
  readonly resetAt?: Date
}

const UNCLAIMED: Camera = { epoch: 0, released: false }

/**
 * Whose each camera is, told from the log alone: claims that follow one another, releases, resets with their wait, the owner's orders.
 * What is missing may be closed; so it is certain only where nothing was closed since what it would have to follow.
 */
export class Cameras {
  readonly #tell: Tell
  readonly #lines: HouseholdLines
  readonly #cameras = new Map<string, Camera>()
  readonly #blocks = new OwnerBlocks()
  /** Claims by device and epoch. */
  readonly #claims = new Map<string, { readonly householdId: string; readonly position: number }>()
  /** The highest number by household and root. */
  readonly #moves = new Map<string, { readonly number: number; readonly position: number }>()

  constructor(tell: Tell, lines: HouseholdLines) {
    this.#tell = tell
    this.#lines = lines
  }

  async claim(logged: Logged<'claim'>): Promise<void> {
    const jws = logged.content.claim
    const { payload, signer } = await readStatement(claimKind, jws, 'itself')
    const { householdId, deviceId, epoch } = payload
    const claim = await readClaim(jws, { householdId, rootId: signer.id })
    if (!this.#lines.mustBeRoot(householdId, signer.id, 'a claim', logged)) return
    const camera = this.#of(deviceId)
    const { position, closed } = logged
    const about = { devices: [deviceId], households: [householdId] }
    const name = `${deviceId} ${epoch}`
    const same = this.#claims.get(name)
    if (same !== undefined) {
      const both = { positions: [same.position, position], devices: [deviceId] }
      if (same.householdId === householdId)
        return this.#tell('claim', `two claims of epoch ${epoch}`, { ...about, ...both })
      const households = [same.householdId, householdId]
      return this.#tell('epoch', `epoch ${epoch} was claimed by two`, { ...both, households })
    }
    this.#claims.set(name, { householdId, position })
    const toPass = camera.epoch + (camera.released ? 1 : 0)
    const since = camera.owner?.mark
    const positions = since === undefined ? [position] : [since.position, position]
    const nothingClosed = closed === (since?.closed ?? 0)
    if (claim.registrarEpoch !== toPass) {
      const says = `made for epoch ${claim.registrarEpoch}, though the log stood at ${toPass}`
      const certain = claim.registrarEpoch < toPass || nothingClosed
      this.#tell('claim', says, { ...about, positions, certain })
    }
    this.#mustBeFree(camera, { logged, householdId, deviceId, positions, nothingClosed })
    if (camera.epoch > epoch) return
    this.#cameras.set(deviceId, {
      owner: { householdId, mark: { position, closed } },
      epoch,
      released: false,
    })
  }

  /** A camera that is another's must have been released, or reset so long ago; a blocked one is nobody's to claim. */
  #mustBeFree(
    camera: Camera,
    claim: {
      readonly logged: Placed
      readonly householdId: string
      readonly deviceId: string
      readonly positions: readonly number[]
      readonly nothingClosed: boolean
    },
  ): void {
    const { logged, householdId, deviceId, positions, nothingClosed } = claim
    const { owner, released, resetAt, epoch } = camera
    if (owner !== undefined && !released)
      this.#mustNotBeBlocked({ householdId: owner.householdId, deviceId, epoch }, 'claimed', logged)
    if (owner === undefined || released || owner.householdId === householdId) return
    if (resetAt !== undefined && logged.at.getTime() >= resetAt.getTime() + WAIT_MS) return
    const says = resetAt === undefined ? 'not released, not reset' : `reset at ${resetAt.toISOString()} only`
    const households = [owner.householdId, householdId]
    this.#tell('taken', says, { positions, devices: [deviceId], households, certain: nothingClosed })
  }

  async release(logged: Logged<'release'>): Promise<void> {
    const { payload, signer } = await readStatement(releaseKind, logged.content.release, 'itself')
    const { householdId, deviceId, epoch } = payload
    if (!this.#lines.mustBeRoot(householdId, signer.id, 'a release', logged)) return
    if (!this.#mustStand(logged, { householdId, deviceId, epoch }, 'a release')) return
    this.#cameras.set(deviceId, { ...this.#of(deviceId), released: true })
  }

  async reset({ at, content }: Logged<'reset'>): Promise<void> {
    const { deviceId, epoch } = await readReset(content.reset)
    const camera = this.#of(deviceId)
    // Whoever resets again starts no new wait; one of an epoch before says nothing of the owner now.
    if (camera.resetAt === undefined && epoch >= camera.epoch)
      this.#cameras.set(deviceId, { ...camera, resetAt: at })
  }

  async block(logged: Logged<'block'>): Promise<void> {
    const { payload, signer } = await readStatement(blockKind, logged.content.block, 'itself')
    const { householdId, number, devices, blocked } = payload
    if (!this.#lines.mustBeRoot(householdId, signer.id, 'an order', logged)) return
    const order = { generation: this.#lines.generationOf(householdId), number, blocked }
    const { position, closed } = logged
    const places = devices.map(device => ({ ...device, householdId }))
    const above = places.map(place => this.#blocks.above(place, order))
    const [standing] = above
    // One that comes late counts for those of its devices of which nothing newer was said.
    if (standing !== undefined && !above.includes(undefined)) {
      const about = { positions: [standing.mark.position, position], households: [householdId] }
      const says = `order ${number} behind order ${standing.number}`
      return this.#tell('order', says, { ...about, devices: devices.map(({ deviceId }) => deviceId) })
    }
    for (const [at, place] of places.entries()) {
      if (above[at] !== undefined || !this.#mayOrder(logged, place, blocked)) continue
      this.#blocks.enter(place, { ...order, mark: { position, closed } })
    }
  }

  /** What is blocked must be the household's in that epoch; what is lifted must have been. */
  #mayOrder(logged: Placed, place: Place, blocked: boolean): boolean {
    const { householdId, deviceId, epoch } = place
    const had = this.#claims.get(`${deviceId} ${epoch}`)?.householdId === householdId
    // A registrar that has lost everything is given orders before claims.
    const isUnheardOf = this.#of(deviceId).owner === undefined
    return isUnheardOf || (!blocked && had) || this.#mustStand(logged, place, 'an order')
  }

  async move(logged: Logged<'move'>): Promise<void> {
    const { payload, signer } = await readStatement(moveKind, logged.content.move, 'itself')
    const { householdId, number } = payload
    if (!this.#lines.mustBeRoot(householdId, signer.id, 'a move', logged)) return
    const name = `${householdId} ${signer.id}`
    const before = this.#moves.get(name)
    const { position } = logged
    if (before === undefined || number > before.number) this.#moves.set(name, { number, position })
    else {
      const positions = [before.position, position]
      this.#tell('order', `move ${number} behind ${before.number}`, { positions, households: [householdId] })
    }
  }

  /** A certificate: only for a member, or for a camera in the epoch that stands. */
  enrolment(logged: Logged<'enrolment'>, { id, householdId, role }: Enrolment): void {
    if (role.kind === 'member') {
      this.#lines.mustBeMember(householdId, id, 'a certificate', logged)
      return
    }
    const stands = this.#mustStand(logged, { householdId, deviceId: id, epoch: role.epoch }, 'a certificate')
    if (!stands || logged.content.verdict !== 'fresh') return
    const place = { householdId, deviceId: id, epoch: role.epoch }
    this.#mustNotBeBlocked(place, 'given a certificate', logged)
  }

  #of(deviceId: string): Camera {
    return this.#cameras.get(deviceId) ?? UNCLAIMED
  }

  #mustNotBeBlocked(place: Place, what: string, { position, closed }: Placed): void {
    const mark = this.#blocks.blocked(place)?.mark
    if (mark === undefined) return
    this.#tell('blocked', `${what} while its owner’s order stood`, {
      ...{ positions: [mark.position, position], devices: [place.deviceId] },
      certain: closed === mark.closed,
    })
  }

  #mustStand({ position, closed }: Placed, { householdId, deviceId, epoch }: Place, what: string): boolean {
    const { owner, released, epoch: standing } = this.#of(deviceId)
    if (owner?.householdId === householdId && !released && epoch === standing) return true
    // The claim that it belongs to may be closed, but for one of an epoch that is over.
    const certain = (owner !== undefined && epoch < standing) || closed === (owner?.mark.closed ?? 0)
    const about = { positions: [position], devices: [deviceId], households: [householdId], certain }
    this.#tell('signer', `${what} for epoch ${epoch}, which is not the household’s`, about)
    return false
  }
}
