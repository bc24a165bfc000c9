import type { X509Certificate } from '@peculiar/x509'
import { OwnlensError } from '../../protocol/errors.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import type { Authority, CertificateRequest } from './authority.ts'
import { enter, supersede, supersedeSurplus } from './certificate-book.ts'
import { serialOf } from './certificates.ts'
import type { Db, Tables } from './database.ts'
import { beginLine, historyColumns, readHistory } from './histories.ts'
import type { Asked, History } from './lines.ts'
import { notify } from './notices.ts'
import { record } from './records.ts'
import { Verdicts } from './verdicts.ts'

type DeviceName = Extract<CertificateName, { kind: 'device' }>
type MemberName = Extract<CertificateName, { kind: 'member' }>

/** So many of one member's certificates count at once; the oldest give way. */
const LIVE_MAX = 256

/** What a device's statement said beside its name. */
export interface DeviceEnrolment {
  readonly request: CertificateRequest
  readonly name: DeviceName
  readonly asked: Asked
  /** The statement itself. */
  readonly statement: string
  /** Uses up the statement's nonce; returns when it was given, in milliseconds that only grow. */
  readonly useNonce: () => number
}

/** `again`: what a retry is answered with. `ended`: it came to this just now, and its certificates count no more. */
export type DeviceAnswer =
  | { readonly kind: 'issued' | 'again'; readonly answer: Uint8Array }
  | { readonly kind: 'refused'; readonly code: 'enrol.held' | 'enrol.cloned'; readonly ended: boolean }

/** Gives certificates to whom rosters and claims name, and remembers which of them count. */
export class Enrolments {
  readonly #db: Db
  readonly #authority: Authority
  readonly #now: () => Date
  readonly #liveMax: number
  readonly #verdicts = new Verdicts()

  constructor(db: Db, authority: Authority, now: () => Date, liveMax = LIVE_MAX) {
    this.#db = db
    this.#liveMax = liveMax
    this.#authority = authority
    this.#now = now
  }

  /** For somebody whom the roster names. Certificates that the member has already go on counting. */
  async member(request: CertificateRequest, name: MemberName, statement: string): Promise<Uint8Array> {
    const certificate = await request.issue(name, this.#now())
    await this.#db.transaction().execute(async transaction => {
      await this.#enter(transaction, request, name, certificate)
      await supersedeSurplus(transaction, name.id, this.#liveMax, this.#now())
      await this.#record(transaction, name, statement, 'fresh')
    })
    return this.#authority.certsOnly(certificate)
  }

  /**
   * For a device in the epoch that stands. The certificate before counts no more; of one that is held, or a clone, none counts.
   *
   * @throws OwnlensError `enrol.claim`, `hub.nonce`.
   */
  async device({ request, name, asked, statement, useNonce }: DeviceEnrolment): Promise<DeviceAnswer> {
    const device = await this.#db
      .selectFrom('devices')
      .select(['household_id', 'epoch', 'counter', 'request', 'certificate', 'held', 'cloned', 'boots'])
      .where('device_id', '=', name.id)
      .executeTakeFirst()
    if (device === undefined || device.household_id !== name.householdId || device.epoch !== name.epoch) {
      useNonce()
      throw new OwnlensError('enrol.claim')
    }
    const history = readHistory(device)
    const { verdict, next } = this.#verdicts.of(name.id, history, asked, useNonce)
    const again = { kind: 'again', answer: Buffer.from(device.certificate, 'base64') } as const
    if (verdict === 'retry' && next.boots === history.boots) return again
    if (verdict === 'fresh')
      return { kind: 'issued', answer: await this.#issue(request, name, next, statement) }
    // Once for each time that it comes to this: a device goes on asking.
    const ended = next.state !== history.state
    await this.#db.transaction().execute(async transaction => {
      await write(transaction, name.id, historyColumns(next))
      if (verdict === 'retry' || !ended) return
      await supersede(transaction, { owner: name.id }, this.#now())
      await notify(transaction, name.householdId, { kind: verdict, deviceId: name.id }, this.#now())
      await this.#record(transaction, name, statement, verdict)
    })
    return verdict === 'retry' ? again : { kind: 'refused', code: `enrol.${verdict}`, ended }
  }

  /** The owner says that the card was restored: the device's next request is good whatever its counter. Not a clone's. */
  async confirm(deviceId: string): Promise<void> {
    await this.#db.transaction().execute(transaction => beginLine(transaction, deviceId))
  }

  async #record(
    transaction: Db,
    { householdId, id, kind }: CertificateName,
    enrolment: string,
    verdict: 'fresh' | 'held' | 'cloned',
  ): Promise<void> {
    const about = { householdId, ...(kind === 'device' && { deviceId: id }) }
    await record(transaction, { kind: 'enrolment', enrolment, verdict }, about, this.#now())
  }

  async #issue(
    request: CertificateRequest,
    name: DeviceName,
    next: History,
    statement: string,
  ): Promise<Uint8Array> {
    const certificate = await request.issue(name, this.#now())
    const answer = this.#authority.certsOnly(certificate)
    await this.#db.transaction().execute(async transaction => {
      await supersede(transaction, { owner: name.id }, this.#now())
      await this.#enter(transaction, request, name, certificate)
      const columns = { ...historyColumns(next), certificate: Buffer.from(answer).toString('base64') }
      await write(transaction, name.id, columns)
      await this.#record(transaction, name, statement, 'fresh')
    })
    return answer
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

async function write(db: Db, deviceId: string, columns: Partial<Tables['devices']>): Promise<void> {
  await db.updateTable('devices').set(columns).where('device_id', '=', deviceId).execute()
}
