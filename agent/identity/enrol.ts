import { join } from 'node:path'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import type { HubClient, HubNonce } from '../../wire/hub-client.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import type { Household } from '../household.ts'

/**
 * Gets the camera's certificates. Every request carries a counter that grows and is on the disk before it is sent, so that
 * the registrar can tell a copied key; the boot nonce is made anew at every start.
 */
export class Enrolment {
  readonly #disk: Disk
  readonly #path: string
  readonly #signer: Signer
  readonly #boot: string
  #held: { tls: TlsIdentity; hub: HubNonce } | undefined

  constructor(options: { disk: Disk; data: string; signer: Signer; boot: string }) {
    this.#disk = options.disk
    this.#path = join(options.data, 'enrolment-counter')
    this.#signer = options.signer
    this.#boot = options.boot
  }

  /** The certificate in use, or a fresh one when there is none or it is past its half-life. */
  async identity(
    hub: HubClient,
    household: Household,
    now: number,
  ): Promise<{ tls: TlsIdentity; hub: HubNonce }> {
    if (this.#held !== undefined && now < this.renewAt) return this.#held
    const { householdId, epoch, deviceId } = household.claim
    const role = { kind: 'device', epoch, counter: await this.#count(), boot: this.#boot } as const
    this.#held = await hub.enrol({ commonName: deviceId, householdId, role, signer: this.#signer })
    this.#renewAt = now + Math.max(60_000, (this.#held.tls.notAfter.getTime() - now) / 2)
    return this.#held
  }

  #renewAt = 0

  /** Wall clock milliseconds. */
  get renewAt(): number {
    return this.#renewAt
  }

  /** The next connection starts with a fresh certificate. */
  forget(): void {
    this.#held = undefined
  }

  async #count(): Promise<number> {
    const text = (await readText(this.#disk, this.#path)) ?? '0'
    if (!/^\d{1,15}$/.test(text)) throw new OwnlensError('enrol.counter', this.#path)
    const counter = Number(text) + 1
    await replaceFile(this.#disk, this.#path, String(counter))
    return counter
  }
}
