import { codeOf } from '../../protocol/errors.ts'
import { readRegistration, serialKind } from '../../protocol/maker.ts'
import { readMakerBlock } from '../../protocol/maker-block.ts'
import { type MakerRoot, readIdevid, readStation } from '../../protocol/maker-chain.ts'
import { type MakerKeyKind, type MakerKeyWord, makerKeyKinds } from '../../protocol/maker-keys.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Logged, Placed, Tell } from './finding.ts'
import { Serials } from './serials.ts'

const DAY_MS = 24 * 3_600_000
/** Clocks of one hub, read twice. */
const SLACK_MS = 60_000
/** So many devices a single signer may name within a day (PROTOCOL 9.6). */
const SINGLE_MAX = 10

interface Key {
  readonly kind: MakerKeyKind
  readonly number: number
  readonly active: boolean
  readonly position: number
  readonly closed: number
}

/** Who may speak for a maker: its root, the stations and signers that the root has announced in the log, and what they said. */
export class Maker {
  readonly #tell: Tell
  readonly #root: MakerRoot | undefined
  /** The root's key; the first one that speaks as the root when none was named. */
  #rootId: string | undefined
  readonly #keys = new Map<string, Key>()
  readonly #serials: Serials
  /** Devices of single signers' orders, with their time. */
  #single: { readonly at: number; readonly devices: readonly string[] }[] = []
  /** The maker's order that stands, by device. */
  readonly #newest = new Map<string, { readonly number: number; readonly position: number }>()
  readonly #blocked = new Map<string, { readonly position: number; readonly closed: number }>()

  constructor(tell: Tell, root: MakerRoot | undefined) {
    this.#tell = tell
    this.#root = root
    this.#rootId = root?.id
    this.#serials = new Serials(tell)
  }

  /** The key that is taken for the maker's root; undefined when the log has nothing of a maker. */
  get rootId(): string | undefined {
    return this.#rootId
  }

  async key(logged: Logged<'station' | 'signer'>): Promise<void> {
    const { content, position, closed } = logged
    const { kind } = content
    const jws = content.kind === 'station' ? content.station : content.signer
    const { payload, signer } = await readStatement<MakerKeyWord>(makerKeyKinds[kind], jws, 'itself')
    if (!this.#mustBeRoot(signer.id, `what is said of a ${kind}`, logged)) return
    const { keyId, number, active } = payload
    const before = this.#keys.get(keyId)
    if (before !== undefined && (before.kind !== kind || number <= before.number)) {
      const positions = [before.position, position]
      return this.#tell('order', `word ${number} on a ${kind} behind ${before.number}`, {
        positions,
        keys: [keyId],
      })
    }
    this.#keys.set(keyId, { kind, number, active, position, closed })
  }

  async registration(logged: Logged<'registration'>): Promise<void> {
    const { registration, chain } = logged.content
    const { stationId, serial, deviceId } = await readRegistration(registration)
    const root = this.#root
    const proven =
      root === undefined ? stationId : await this.#certified(() => readStation(chain, root, logged.at))
    this.#bound(logged, { stationId, serial, deviceId, isCertified: proven === stationId })
  }

  /** Without the root's certificate nobody can say of whom a chain is. Returns whether it was looked at. */
  async idevid(logged: Logged<'idevid'>): Promise<boolean> {
    const root = this.#root
    if (root === undefined) return false
    const found = await this.#certified(() => readIdevid(logged.content.chain, root, logged.at))
    if (found === undefined)
      this.#tell('station', 'certificates that do not lead to the maker’s root', {
        positions: [logged.position],
      })
    else this.#bound(logged, { ...found, isCertified: true })
    return true
  }

  async serial(logged: Logged<'serial'>): Promise<void> {
    const { payload, signer } = await readStatement(serialKind, logged.content.serial, 'itself')
    if (!this.#mustBeRoot(signer.id, 'a word on a serial', logged)) return
    this.#serials.settle(logged, payload)
  }

  async block(logged: Logged<'makerBlock'>): Promise<void> {
    const { content, position, closed, at } = logged
    const order = await readMakerBlock(content.block, content.second)
    for (const { id } of [order.signer, ...(order.second === null ? [] : [order.second.signer])])
      this.#mustBeActive(id, 'signer', logged)
    const { number, devices, blocked } = order
    const newer = devices.flatMap(id => this.#newest.get(id) ?? []).find(one => number <= one.number)
    if (newer !== undefined) {
      // Orders that a registrar had lost come to it again, with their old numbers.
      const certain = closed === 0
      const positions = [newer.position, position]
      return this.#tell('order', `maker’s order ${number} behind ${newer.number}`, { positions, certain })
    }
    for (const id of devices) this.#newest.set(id, { number, position })
    if (order.second === null) {
      this.#single = this.#single.filter(one => one.at > at.getTime() - DAY_MS + SLACK_MS)
      this.#single.push({ at: at.getTime(), devices })
      const named = new Set(this.#single.flatMap(one => one.devices)).size
      if (named > SINGLE_MAX)
        this.#tell('signer', `${named} devices within a day by one signer alone`, {
          ...{ positions: [position], devices: devices.slice(0, SINGLE_MAX + 1), keys: [order.signer.id] },
        })
    }
    for (const deviceId of devices)
      if (blocked) this.#blocked.set(deviceId, { position, closed })
      else this.#blocked.delete(deviceId)
  }

  /** Tells when a device was given something while an order of the maker's stood. */
  mustNotBlock(deviceId: string, what: string, { position, closed }: Placed): void {
    const block = this.#blocked.get(deviceId)
    if (block === undefined) return
    const about = { positions: [block.position, position], devices: [deviceId] }
    this.#tell('blocked', `${what} while the maker’s order stood`, {
      ...about,
      certain: closed === block.closed,
    })
  }

  end(): void {
    this.#serials.end()
  }

  #bound(
    logged: Placed,
    bound: { stationId: string; serial: string; deviceId: string; isCertified: boolean },
  ): void {
    const { stationId, serial, deviceId, isCertified } = bound
    const about = { positions: [logged.position], devices: [deviceId], serials: [serial], keys: [stationId] }
    if (!isCertified) this.#tell('station', 'its certificate does not lead to the maker’s root', about)
    this.#mustBeActive(stationId, 'station', logged, about)
    this.#serials.bind(logged, { serial, deviceId })
  }

  #mustBeActive(keyId: string, kind: MakerKeyKind, { position, closed }: Placed, about: object = {}): void {
    const key = this.#keys.get(keyId)
    if (key?.kind === kind && key.active) return
    const says = key === undefined ? `a ${kind} that was not announced` : `a ${kind} that was revoked`
    const positions = key === undefined ? [position] : [key.position, position]
    const certain = closed === (key?.closed ?? 0)
    this.#tell(kind === 'station' ? 'station' : 'signer', says, {
      keys: [keyId],
      ...about,
      positions,
      certain,
    })
  }

  #mustBeRoot(keyId: string, what: string, { position }: Placed): boolean {
    this.#rootId ??= keyId
    if (this.#rootId === keyId) return true
    this.#tell('signer', `${what} that the maker’s root has not signed`, {
      positions: [position],
      keys: [keyId],
    })
    return false
  }

  async #certified<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      if (codeOf(error) === 'station.unknown') return undefined
      throw error
    }
  }
}
