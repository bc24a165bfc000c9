import type { X509Certificate } from '@peculiar/x509'
import { OwnlensError } from '../../protocol/errors.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import type { Authority, CertificateRequest } from './authority.ts'
import { enter, supersede, supersedeSurplus } from './certificate-book.ts'
import { serialOf } from './certificates.ts'
import type { Db } from './database.ts'

type DeviceName = Extract<CertificateName, { kind: 'device' }>
type MemberName = Extract<CertificateName, { kind: 'member' }>

/** So many of one member's certificates count at once; the oldest give way. */
const LIVE_MAX = 256

/** What a device's statement said beside its name. */
export interface DeviceEnrolment {
  readonly request: CertificateRequest
  readonly name: DeviceName
  readonly counter: number
  /** SHA-256 over statement and request: the same ones again are a retry. */
  readonly requestHash: string
  /** Uses up the statement's nonce. */
  readonly useNonce: () => void
}

/** Gives certificates to whom rosters and claims name, and remembers which of them count. */
export class Enrolments {
  readonly #db: Db
  readonly #authority: Authority
  readonly #now: () => Date
  readonly #liveMax: number

  constructor(db: Db, authority: Authority, now: () => Date, liveMax = LIVE_MAX) {
    this.#db = db
    this.#liveMax = liveMax
    this.#authority = authority
    this.#now = now
  }

  /** For somebody whom the roster names. Certificates that the member has already go on counting. */
  async member(request: CertificateRequest, name: MemberName): Promise<Uint8Array> {
    const certificate = await request.issue(name, this.#now())
    await this.#db.transaction().execute(async transaction => {
      await this.#enter(transaction, request, name, certificate)
      await supersedeSurplus(transaction, name.id, this.#liveMax, this.#now())
    })
    return this.#authority.certsOnly([certificate])
  }

  /**
   * For a device in the epoch that stands. The certificate before counts no more.
   *
   * @returns the answer, and whether it is a new one: an answer that was lost is given again.
   * @throws OwnlensError `enrol.claim`, `enrol.held`, `hub.nonce`.
   */
  async device(wanted: DeviceEnrolment): Promise<{ answer: Uint8Array; fresh: boolean }> {
    const { request, name, counter, requestHash, useNonce } = wanted
    const device = await this.#db
      .selectFrom('devices')
      .select(['household_id', 'epoch', 'counter', 'request', 'certificate', 'held'])
      .where('device_id', '=', name.id)
      .executeTakeFirst()
    // Its nonce is used up, and was good when it came first.
    if (device?.request === requestHash && device.epoch === name.epoch)
      return { answer: Buffer.from(device.certificate, 'base64'), fresh: false }
    useNonce()
    if (device === undefined || device.household_id !== name.householdId || device.epoch !== name.epoch)
      throw new OwnlensError('enrol.claim')
    if (counter <= device.counter || device.held === 1) {
      await this.#db.updateTable('devices').set({ held: 1 }).where('device_id', '=', name.id).execute()
      throw new OwnlensError('enrol.held')
    }
    const certificate = await request.issue(name, this.#now())
    const answer = this.#authority.certsOnly([certificate])
    await this.#db.transaction().execute(async transaction => {
      await supersede(transaction, { owner: name.id }, this.#now())
      await this.#enter(transaction, request, name, certificate)
      await transaction
        .updateTable('devices')
        .set({ counter, request: requestHash, certificate: Buffer.from(answer).toString('base64') })
        .where('device_id', '=', name.id)
        .execute()
    })
    return { answer, fresh: true }
  }

  async #enter(
    transaction: Db,
    { commonName }: CertificateRequest,
    name: CertificateName,
    certificate: X509Certificate,
  ): Promise<void> {
    const { notAfter } = certificate
    await enter(transaction, { serial: serialOf(certificate), commonName, name, notAfter }, this.#now())
  }
}
