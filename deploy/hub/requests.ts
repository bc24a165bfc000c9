import { readClaim } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { MakerBlock } from '../../protocol/maker-block.ts'
import type { RequestAction, RequestAnswer, RequestBody } from '../../protocol/registrar.ts'
import { Allowance } from './allowance.ts'
import type { BlockOrder } from './blocks.ts'
import type { Checks } from './checks.ts'
import type { Claims } from './claims.ts'
import type { Delete } from './deletions.ts'
import type { FactoryDesk } from './factory-desk.ts'
import type { Households } from './households.ts'
import type { Mailboxes } from './mailboxes.ts'
import type { OperatorDesk } from './operator-desk.ts'
import { type CurrentRoot, type Ownership, readBlock, readRelease } from './ownership.ts'
import type { Release } from './releases.ts'
import type { Reports } from './reports.ts'
import type { Turns } from './turns.ts'

type Answer = RequestAnswer<RequestAction>

export interface RequestParts {
  readonly households: Households
  readonly claims: Claims
  readonly mailboxes: Mailboxes
  readonly ownership: Ownership
  readonly turns: Turns
  /** Profile `maker` alone. */
  readonly factory?: FactoryDesk
  readonly checks?: Checks
  readonly reports?: Reports
  readonly operator?: OperatorDesk
  /** A member's clips are to be gone. */
  readonly remove?: Delete
  /** The owner's word that a held device is one board with a restored card. */
  readonly confirm: (deviceId: string) => Promise<void>
  readonly changed: (owners: readonly string[]) => Promise<void>
  readonly registrationCode: () => Promise<string>
  readonly codeUsed?: (next: string) => void
  /** How often a household may open a mailbox, and one key that is of no household may ask. */
  readonly invitations?: Allowance
  readonly strangers?: Allowance
  /** How often one root or member may send orders, rosters and moves. */
  readonly orders?: Allowance
}

const OK = { ok: true } as const
const done = (work: Promise<void>): Promise<Answer> => work.then(() => OK)

/** What is done for each signed request (PROTOCOL 5.3), once signature and nonce have been checked. */
export class Requests {
  readonly #parts: RequestParts
  readonly #invitations: Allowance
  readonly #strangers: Allowance
  readonly #orders: Allowance

  constructor(parts: RequestParts) {
    this.#parts = parts
    this.#invitations = parts.invitations ?? new Allowance({ burst: 30, everyMs: 20_000, keysMax: 20_000 })
    // A camera that pairs asks once a second.
    this.#strangers = parts.strangers ?? new Allowance({ burst: 60, everyMs: 500, keysMax: 20_000 })
    // An app gives a hub that has lost all of them back at once: one for each claim that a home may have.
    this.#orders = parts.orders ?? new Allowance({ burst: 600, everyMs: 30_000, keysMax: 20_000 })
  }

  /** Of a household. */
  async ofHousehold(householdId: string, signerId: string, body: RequestBody): Promise<Answer> {
    const { mailboxes, turns } = this.#parts
    // A poll waits for nobody.
    if (body.action === 'mailbox') {
      await this.#mustBeRoot(householdId, signerId)
      return mailboxes.look(householdId, body.mailbox)
    }
    if (body.action === 'report') {
      await this.#mustBeMember(householdId, signerId)
      return turns.take(`reports ${householdId}`, () => this.#report(householdId, signerId, body))
    }
    if (body.action === 'delete') {
      await this.#mustBeMember(householdId, signerId)
      const { remove } = this.#parts
      if (remove === undefined) throw new OwnlensError('hub.request', body.action)
      this.#orders.take(signerId)
      return turns.take(`clips ${householdId}`, () => remove(householdId, signerId, body.deletion))
    }
    return turns.take(`household ${householdId}`, () => this.#inTurn(householdId, signerId, body))
  }

  async #inTurn(householdId: string, signerId: string, body: RequestBody): Promise<Answer> {
    const { mailboxes, ownership, turns, confirm } = this.#parts
    if (body.action === 'household') return done(this.#register(householdId, signerId, body))
    // Its root may be new: the roster shows.
    if (body.action === 'roster') {
      this.#orders.take(signerId)
      return done(this.#renew(householdId, signerId, body.roster, body.successions))
    }
    // Whoever carries it: it is the root's word, and a hub that has lost it gets it from any app.
    if (body.action === 'block') {
      const root = await this.#rootFor(householdId, signerId)
      // Each for itself: a member who sends too many keeps no order of the root's out.
      this.#orders.take(signerId)
      return done(this.#block(await readBlock(body.block, householdId, root)))
    }
    await this.#mustBeRoot(householdId, signerId)
    switch (body.action) {
      case 'claim':
        return done(this.#claim(householdId, signerId, body.claim))
      case 'invite':
        this.#invitations.take(householdId)
        return mailboxes.open(householdId, body.mailbox)
      case 'reveal':
        return done(mailboxes.reveal(householdId, body.mailbox, body.reveal, signerId))
      case 'decline':
        return done(mailboxes.decline(householdId, body.mailbox))
      case 'release':
        return done(this.#release(await readRelease(body.release, householdId, signerId)))
      case 'object':
        return turns.take(`device ${body.deviceId}`, () => ownership.object(householdId, body.deviceId))
      case 'confirm':
        await ownership.mustOwn(householdId, body.deviceId)
        return done(confirm(body.deviceId))
      case 'move':
        this.#orders.take(signerId)
        return done(ownership.move(householdId, signerId, body.move))
      default:
        throw new OwnlensError('hub.request', body.action)
    }
  }

  /** Of no household: a camera, a successor, a station. */
  async ofStranger(signerId: string, body: RequestBody): Promise<Answer> {
    const { households, mailboxes, ownership, turns, factory, checks, operator } = this.#parts
    if (operator?.operatorId === signerId)
      return body.action === 'erase' ? this.#erase(operator, body) : operator.take(body)
    // Stations have a share of their own.
    if (factory !== undefined && body.action === 'register') return factory.register(signerId, body)
    this.#strangers.take(signerId)
    switch (body.action) {
      case 'knock': {
        const { householdId, reveal, claim } = await mailboxes.knock(signerId, body.mailbox)
        const { roster, successions } = await households.published(householdId)
        return { householdId, roster, successions, reveal, claim }
      }
      case 'half': {
        await factory?.introduce(signerId, body.idevid)
        const rootOf = (householdId: string) => households.rootId(householdId)
        const became = await mailboxes.put(signerId, body.mailbox, body.half, rootOf)
        if (became === 'rival') throw new OwnlensError('pair.taken')
        return OK
      }
      case 'serial':
        if (factory !== undefined) return done(factory.settle(signerId, body.serial))
        throw new OwnlensError('hub.request', body.action)
      case 'station':
      case 'signer':
        if (factory !== undefined)
          return done(
            factory.announce(signerId, body.action, body.action === 'station' ? body.station : body.signer),
          )
        throw new OwnlensError('hub.request', body.action)
      case 'check':
        if (checks !== undefined) return checks.check(signerId, body.code)
        throw new OwnlensError('hub.request', body.action)
      case 'maker-block':
        if (factory !== undefined)
          return done(this.#makerBlock(await factory.readOrder(signerId, body), factory))
        throw new OwnlensError('hub.request', body.action)
      case 'serial-keys':
        if (factory !== undefined) return factory.devicesOf(signerId, body.serial)
        throw new OwnlensError('hub.request', body.action)
      case 'device':
        return ownership.device(signerId)
      case 'reset':
        return turns.take(`device ${signerId}`, () => ownership.reset(signerId, body.reset))
      case 'heir':
        return households.heir(signerId)
      default:
        throw new OwnlensError('hub.request', body.action)
    }
  }

  /** In the turns of the household and of all its cameras: nothing of it is written while it is forgotten, nor after. */
  async #erase(operator: OperatorDesk, body: Extract<RequestBody, { action: 'erase' }>): Promise<Answer> {
    const { turns } = this.#parts
    return turns.take(`household ${body.householdId}`, async () => {
      const ids = [...(await operator.erasure.devicesOf(body.householdId))].sort()
      const work = () => operator.take(body)
      return ids.reduceRight((inner, id) => () => turns.take(`device ${id}`, inner), work)()
    })
  }

  /** A stranger and an unknown household are answered alike. */
  async #mustBeRoot(householdId: string, signerId: string): Promise<void> {
    const rootId = await this.#parts.households.rootId(householdId)
    if (rootId !== signerId) throw new OwnlensError('hub.household')
  }

  async #mustBeMember(householdId: string, signerId: string): Promise<void> {
    if (!(await this.#parts.households.isMember(householdId, signerId)))
      throw new OwnlensError('hub.household')
  }

  async #report(
    householdId: string,
    memberId: string,
    body: Extract<RequestBody, { action: 'report' }>,
  ): Promise<Answer> {
    if (this.#parts.reports === undefined) throw new OwnlensError('hub.request', body.action)
    return this.#parts.reports.take(householdId, memberId, body)
  }

  /** The household's root, for the root itself and for its members. */
  async #rootFor(householdId: string, signerId: string): Promise<CurrentRoot> {
    const { households } = this.#parts
    const root = await households.currentRoot(householdId)
    const may = root?.rootId === signerId || (await households.isMember(householdId, signerId))
    if (root === undefined || !may) throw new OwnlensError('hub.household')
    return root
  }

  async #register(
    householdId: string,
    signerId: string,
    body: Extract<RequestBody, { action: 'household' }>,
  ): Promise<void> {
    const { households, registrationCode, codeUsed } = this.#parts
    const before = await registrationCode()
    await households.register(householdId, signerId, body)
    const next = await registrationCode()
    if (next !== before) codeUsed?.(next)
  }

  async #renew(
    householdId: string,
    signerId: string,
    roster: string,
    successions: readonly string[],
  ): Promise<void> {
    const removed = await this.#parts.households.renew(householdId, signerId, roster, successions)
    if (removed.length > 0) await this.#parts.changed(removed)
  }

  async #claim(householdId: string, rootId: string, jws: string): Promise<void> {
    const { claims, turns, changed, factory } = this.#parts
    if (await claims.repeats(householdId, jws)) return
    const claim = await readClaim(jws, { householdId, rootId })
    await turns.take(`device ${claim.deviceId}`, async () => {
      // Whoever has it goes on with it, whatever becomes of its serial.
      const owner = await claims.device(claim.deviceId)
      if (owner?.household_id !== householdId) await factory?.mayPair(claim.deviceId)
      await claims.take(claim)
      await changed([claim.deviceId])
    })
  }

  async #release(release: Release): Promise<void> {
    const { ownership, turns, changed } = this.#parts
    const { deviceId } = release.payload
    await turns.take(`device ${deviceId}`, async () => {
      if (await ownership.release(release)) await changed([deviceId])
    })
  }

  /** One at a time, and in the turns of all its devices. */
  async #makerBlock(order: MakerBlock, factory: FactoryDesk): Promise<void> {
    const { turns, changed } = this.#parts
    const ids = [...order.devices].sort()
    const work = async () => {
      const concerned = await factory.giveOrder(order)
      if (order.blocked && concerned.length > 0) await changed(concerned)
    }
    const inTurn = ids.reduceRight((inner, id) => () => turns.take(`device ${id}`, inner), work)
    await turns.take('the maker’s orders', inTurn)
  }

  /** In the turns of all its devices: no enrolment is under way for any of them. */
  async #block(order: BlockOrder): Promise<void> {
    const { ownership, turns, changed } = this.#parts
    const { devices, blocked } = order
    const ids = [...new Set(devices.map(({ deviceId }) => deviceId))].sort()
    const work = async () => {
      if ((await ownership.block(order)) && blocked) await changed(ids)
    }
    await ids.reduceRight((inner, id) => () => turns.take(`device ${id}`, inner), work)()
  }
}
