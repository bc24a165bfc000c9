import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import { readRegistration, serialKind } from '../../protocol/maker.ts'
import { type MakerBlock, readMakerBlock } from '../../protocol/maker-block.ts'
import { type MakerRoot, readIdevid, readStation } from '../../protocol/maker-chain.ts'
import { type MakerKeyKind, makerKeyKinds } from '../../protocol/maker-keys.ts'
import type { RequestAnswer, RequestBody } from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import { Allowance } from './allowance.ts'
import type { Db } from './database.ts'
import { enterMakerBlock, mayGive } from './maker-blocks.ts'
import { enterMakerKey, mustBeSigner } from './maker-keys.ts'
import { notify } from './notices.ts'
import type { OrderJournal } from './order-journal.ts'
import { type Binding, Serials } from './serials.ts'

/** Whether a device may be paired by somebody who does not have it yet. In profile `home` nobody asks. */
export interface Pairable {
  /** Throws `serial.unknown`, `serial.disputed`. */
  mayPair(deviceId: string): Promise<void>
}

export interface FactoryDeskParts {
  readonly database: Db
  readonly root: MakerRoot
  /** Where orders are kept beside the database. */
  readonly journal: OrderJournal
  readonly now: () => Date
  /** How often one station may register; small in tests. */
  readonly registrations?: Allowance
  /** How often one signer may carry an order here; small in tests. */
  readonly makerOrders?: Allowance
}

/**
 * Takes what stations and the maker's root say of serials (PROTOCOL 9). It knows the root's certificate and nobody's key:
 * whoever runs the hub makes no camera. Here signatures are checked; what changes is in `serials.ts`.
 */
export class FactoryDesk implements Pairable {
  readonly #db: Db
  readonly #root: MakerRoot
  readonly #journal: OrderJournal
  readonly #now: () => Date
  readonly #serials: Serials
  readonly #registrations: Allowance
  readonly #orders: Allowance

  constructor({ database, root, journal, now, registrations, makerOrders }: FactoryDeskParts) {
    this.#db = database
    this.#root = root
    this.#journal = journal
    this.#now = now
    this.#serials = new Serials(database, now)
    // As many as the hub's HTTPS side lets one network ask in a minute, a nonce and a request for each.
    this.#registrations =
      registrations ?? new Allowance({ burst: 240, everyMs: 250, keysMax: 10_000, refusal: 'station.busy' })
    // Each is in the log for good.
    this.#orders = makerOrders ?? new Allowance({ burst: 200, everyMs: 20_000, keysMax: 1000 })
  }

  /**
   * Action `register`.
   *
   * @throws OwnlensError `station.*`, `statement.*`, `serial.birth`, `serial.taken`, `serial.key`.
   */
  async register(
    signerId: string,
    { registration, chain, offline }: Extract<RequestBody, { action: 'register' }>,
  ): Promise<{ disputed: boolean }> {
    const stationId = await readStation(chain, this.#root, this.#now())
    if (stationId !== signerId) throw new OwnlensError('station.unknown', 'another station’s certificate')
    this.#registrations.take(stationId)
    const read = await readRegistration(registration)
    // A stolen registration is nobody else's to hand in: it would be so offline.
    if (read.stationId !== stationId) throw new OwnlensError('statement.signer', 'another station’s')
    const content = { kind: 'registration', registration, chain, offline } as const
    const box = { hash: read.boxCode, madeAt: read.madeAt }
    return this.#bind({ ...read, box, proof: registration, content }, offline)
  }

  /** Actions `station` and `signer`. Throws `statement.*`, `station.old`, `station.office`. */
  async announce(signerId: string, kind: MakerKeyKind, jws: string): Promise<void> {
    const { id: rootId } = this.#root
    if (signerId !== rootId) throw new OwnlensError('statement.signer', makerKeyKinds[kind].typ)
    const keep = () => this.#journal.keep({ kind, word: jws })
    await enterMakerKey(this.#db, kind, jws, { signedBy: rootId, now: this.#now(), keep })
  }

  /**
   * Action `maker-block`: an order whose signatures hold, and which a signer carries here. Whether it may be given is seen when it
   * is (`giveOrder`).
   *
   * @throws OwnlensError `block.signer`, `block.second`, `hub.busy`, `statement.*`.
   */
  async readOrder(
    signerId: string,
    { block, second }: Extract<RequestBody, { action: 'maker-block' }>,
  ): Promise<MakerBlock> {
    await mustBeSigner(this.#db, signerId)
    this.#orders.take(signerId)
    return readMakerBlock(block, second)
  }

  /**
   * In the turns of all its devices, and of the maker's orders.
   *
   * @returns the devices that it changed anything for.
   * @throws OwnlensError `block.signer`, `block.second`, `block.old`, `block.ahead`.
   */
  async giveOrder(order: MakerBlock): Promise<readonly string[]> {
    if (!(await mayGive(this.#db, order, this.#now()))) return []
    // First where no backup of the database takes it back.
    await this.#journal.keep({ kind: 'makerBlock', block: order.jws, second: order.second?.jws ?? null })
    const { changed, overtaken } = await enterMakerBlock(this.#db, order, this.#now())
    // What stays is forgotten at the next start.
    for (const { jws: block, second } of overtaken)
      await this.#journal.forget({ kind: 'makerBlock', block, second }).catch(() => undefined)
    return changed
  }

  /** Action `serial-keys`. Throws `block.signer`. */
  async devicesOf(signerId: string, serial: string): Promise<RequestAnswer<'serial-keys'>> {
    await mustBeSigner(this.#db, signerId)
    return { devices: await this.#serials.bearersOf(serial) }
  }

  /** Action `serial`. Throws `statement.*`, `serial.old`. */
  async settle(signerId: string, jws: string): Promise<void> {
    if (signerId !== this.#root.id) throw new OwnlensError('statement.signer', serialKind.typ)
    const { payload } = await readStatement(serialKind, jws, this.#root.id)
    const content = { kind: 'serial', serial: jws } as const
    await this.#serials.settle({ ...payload, proof: jws, stationId: null, content }, payload.number)
  }

  /**
   * The certificates that a camera shows with its half: they register one whose station has worked offline and has not
   * handed in its file yet. What stands is not changed by them. Whether it may be paired then is `mayPair`'s to say.
   *
   * @param idevid DER in base64, leaf first; none: nothing happens.
   * @throws OwnlensError `station.*`.
   */
  async introduce(deviceId: string, idevid: readonly string[]): Promise<void> {
    if (idevid.length === 0 || (await this.#serials.knows(deviceId))) return
    const shown = await readIdevid(idevid, this.#root, this.#now())
    if (shown.deviceId !== deviceId) throw new OwnlensError('station.unknown', 'another device’s certificate')
    // A share beside the station's own: boards whose labels were given away ask again and again, and must not stop its line.
    this.#registrations.take(`boards of ${shown.stationId}`)
    try {
      const content = { kind: 'idevid', chain: idevid } as const
      await this.#bind({ ...shown, proof: JSON.stringify(idevid), content }, true)
    } catch (error) {
      // Root or station gave the serial, or the device, another partner since: the maker's matter, and nobody's who asks.
      const code = codeOf(error)
      if (code !== 'serial.taken' && code !== 'serial.key') throw error
    }
  }

  async mayPair(deviceId: string): Promise<void> {
    await this.#serials.mayPair(deviceId)
  }

  /** Whoever has one of the cameras that dispute a serial is told. */
  async #bind(binding: Binding, offline: boolean): Promise<{ disputed: boolean }> {
    const { serial } = binding
    const { disputed, fresh } = await this.#serials.bind(binding, { offline })
    for (const { deviceId, householdId } of fresh ? await this.#serials.disputing(serial) : [])
      if (householdId !== null)
        await notify(this.#db, householdId, { kind: 'serial', deviceId, serial }, this.#now())
    return { disputed }
  }
}
