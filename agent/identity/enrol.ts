import { join } from 'node:path'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import { sameHub } from '../../wire/hub-address.ts'
import type { HubAddress, HubClient, HubNonce } from '../../wire/hub-client.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import type { Household } from '../household.ts'

/** Whatever a hub writes into a certificate. */
const RENEW_MIN_MS = 60_000
const RENEW_MAX_MS = 12 * 3_600_000

const COUNTER = /^\d{1,15}$/

/**
 * Gets the camera's certificates. Every request carries a counter that grows and is on the disk before it is sent, so that
 * the registrar can tell a copied key; the boot nonce is made anew at every start.
 */
export class Enrolment {
  readonly #disk: Disk
  readonly #path: string
  readonly #signer: Signer
  readonly #boot: string
  #held: { tls: TlsIdentity; hub: HubNonce; at: HubAddress } | undefined

  constructor(options: { disk: Disk; data: string; signer: Signer; boot: string }) {
    this.#disk = options.disk
    this.#path = join(options.data, 'enrolment-counter')
    this.#signer = options.signer
    this.#boot = options.boot
  }

  /** A new epoch begins a line of its own (PROTOCOL 5.4): a damaged counter begins anew with it. */
  static async begin(disk: Disk, data: string): Promise<void> {
    const path = join(data, 'enrolment-counter')
    if (!COUNTER.test((await readText(disk, path)) ?? '0')) await replaceFile(disk, path, '0')
  }

  /** The certificate in use, or a fresh one when there is none or it is past its half-life. */
  async identity(hub: HubClient, household: Household): Promise<{ tls: TlsIdentity; hub: HubNonce }> {
    if (this.#held !== undefined && sameHub(this.#held.at, hub.address) && this.renewInMs > 0)
      return this.#held
    const { householdId, epoch, deviceId } = household.claim
    const role = { kind: 'device', epoch, counter: await this.#count(), boot: this.#boot } as const
    const held = await hub.enrol({ commonName: deviceId, householdId, role, signer: this.#signer })
    this.#held = { ...held, at: hub.address }
    // By the hub's own time: a board's wall clock may be years off, and may jump.
    const halfLifeMs = (held.tls.notAfter.getTime() - held.hub.time) / 2
    const waitMs = Math.min(Math.max(halfLifeMs, RENEW_MIN_MS), RENEW_MAX_MS)
    this.#renewAt = performance.now() + waitMs * (1 - Math.random() / 10)
    return held
  }

  #renewAt = 0

  /** Milliseconds until the certificate should be renewed: half of its life, with some jitter. */
  get renewInMs(): number {
    return this.#renewAt - performance.now()
  }

  /** The next connection starts with a fresh certificate. */
  forget(): void {
    this.#held = undefined
  }

  async #count(): Promise<number> {
    const text = (await readText(this.#disk, this.#path)) ?? '0'
    if (!COUNTER.test(text)) throw new OwnlensError('enrol.counter', this.#path)
    const counter = Number(text) + 1
    await replaceFile(this.#disk, this.#path, String(counter))
    return counter
  }
}
