import 'reflect-metadata'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { X509Certificate, X509Certificates } from '@peculiar/x509'
import { pino } from 'pino'
import type { Allowance } from '../../deploy/hub/allowance.ts'
import { Authority } from '../../deploy/hub/authority.ts'
import { serialOf } from '../../deploy/hub/certificates.ts'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { FactoryDesk } from '../../deploy/hub/factory-desk.ts'
import { Nonces } from '../../deploy/hub/nonces.ts'
import { OrderJournal } from '../../deploy/hub/order-journal.ts'
import { Registrar, type RegistrarParts } from '../../deploy/hub/registrar.ts'
import { Statuses } from '../../deploy/hub/statuses.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { MakerRoot } from '../../protocol/maker-chain.ts'
import {
  enrolmentKind,
  type RequestAction,
  type RequestAnswer,
  type RequestBody,
  requestKind,
} from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { makeTlsRequest, type TlsRequest } from '../../wire/tls.ts'
import { type Home, newHome, resetOf } from './hub-people.ts'
import { temporaryFolder } from './places.ts'

/** What stands in an enrolment's statement, where it is not what belongs there. */
export interface EnrolmentWishes {
  readonly householdId: string
  readonly epoch?: number
  readonly counter?: number
  /** Of a start of its own unless it is given. */
  readonly boot?: string
  readonly commonName?: string
  readonly request?: TlsRequest
  readonly changed?: object
}

export interface DeskOptions extends Partial<RegistrarParts> {
  /** Profile `maker`. */
  readonly makerRoot?: MakerRoot
  readonly registrations?: Allowance
  readonly makerOrders?: Allowance
}

/** A registrar with a database of its own, without network: requests are handed to it as they come off the wire. */
export class Desk {
  readonly registrar: Registrar
  readonly authority: Authority
  readonly nonces: Nonces
  readonly journal: OrderJournal
  readonly statuses: Statuses
  readonly database: Db
  readonly folder: string
  /** Whom the broker was told of, and in how many calls. */
  readonly changed: string[] = []
  calls = 0
  /** Every query since the last `splice`. */
  readonly queries: { sql: string; parameters: readonly unknown[] }[]
  /** What the journal has told of: JSON lines. */
  readonly told: string[] = []
  /** Profile `maker`'s. */
  readonly factory: FactoryDesk | undefined
  /** The registrar's clock. */
  now = new Date()
  readonly #close: () => Promise<void>

  private constructor(
    parts: Pick<Desk, 'authority' | 'database' | 'folder' | 'queries'>,
    { makerRoot: root, registrations, makerOrders, ...options }: DeskOptions,
    close: () => Promise<void>,
  ) {
    this.authority = parts.authority
    this.database = parts.database
    this.folder = parts.folder
    this.queries = parts.queries
    this.nonces = new Nonces()
    this.journal = new OrderJournal(
      disk,
      join(parts.folder, 'orders'),
      pino({}, { write: line => void this.told.push(line) }),
    )
    this.statuses = new Statuses(this.database, () => this.now, pino({ level: 'silent' }))
    this.#close = close
    const { database } = this
    const now = () => this.now
    const { journal } = this
    this.factory =
      root &&
      new FactoryDesk({
        ...{ database, root, journal, now },
        ...(registrations && { registrations }),
        ...(makerOrders && { makerOrders }),
      })
    this.registrar = new Registrar({
      database,
      authority: this.authority,
      nonces: this.nonces,
      journal: this.journal,
      now,
      ...(this.factory && { factory: this.factory }),
      changed: async owners => {
        this.calls++
        this.changed.push(...owners)
      },
      ...options,
    })
  }

  static async open(options: DeskOptions = {}): Promise<Desk> {
    const { path: folder, remove } = await temporaryFolder()
    const queries: Desk['queries'] = []
    const database = await openDatabase(join(folder, 'registrar.db'), query => queries.push(query))
    const authority = await Authority.open(disk, folder, [])
    return new Desk({ authority, database, folder, queries }, options, async () => {
      await database.destroy()
      await remove()
    })
  }

  /** A request by this key, with a nonce of its own unless one is given. */
  async sign(signer: Signer, householdId: string | null, body: RequestBody, nonce?: string): Promise<string> {
    const { caId } = this.authority
    const payload = { householdId, caId, nonce: nonce ?? this.nonces.make(signer.id), body }
    return makeStatement(requestKind, payload, signer)
  }

  async send<A extends RequestAction>(
    signer: Signer,
    householdId: string | null,
    body: Extract<RequestBody, { action: A }>,
  ): Promise<RequestAnswer<A>> {
    return (await this.registrar.request(await this.sign(signer, householdId, body))) as RequestAnswer<A>
  }

  async home(): Promise<Home> {
    const home = await newHome()
    const code = await this.registrar.registrationCode()
    await this.send(home.root, home.id, { action: 'household', code, roster: home.first, successions: [] })
    return home
  }

  async claim(home: Home, camera: Signer, epoch = 1, registrarEpoch = epoch - 1): Promise<void> {
    const claim = await home.claim(camera, epoch, { registrarEpoch })
    await this.send(home.root, home.id, { action: 'claim', claim })
  }

  async release(home: Home, camera: Signer, epoch = 1): Promise<void> {
    const release = await home.release(camera, epoch)
    await this.send(home.root, home.id, { action: 'release', release })
  }

  /** The camera's button was held: from when on others may claim it. */
  async reset(camera: Signer, epoch = 1): Promise<string | null> {
    const reset = await resetOf(camera, epoch)
    return (await this.send(camera, null, { action: 'reset', reset })).freeAt
  }

  /** Lets the registrar's clock run on. */
  later(milliseconds: number): void {
    this.now = new Date(this.now.getTime() + milliseconds)
  }

  /** CSR and statement of an enrolment: a device's when it has an epoch, else a member's. */
  async enrolment(signer: Signer, wishes: EnrolmentWishes): Promise<{ csr: Uint8Array; statement: string }> {
    const { householdId, epoch, counter = 1, changed } = wishes
    const member = `${signer.id}.${base32(randomBytes(5))}`
    const request =
      wishes.request ??
      (await makeTlsRequest(wishes.commonName ?? (epoch === undefined ? member : signer.id)))
    const boot = wishes.boot ?? base32(randomBytes(16))
    const payload = {
      id: signer.id,
      householdId,
      tlsKey: request.keyHash,
      caId: this.authority.caId,
      nonce: this.nonces.make(signer.id),
      role: epoch === undefined ? { kind: 'member' } : { kind: 'device', epoch, counter, boot },
      ...changed,
    }
    return { csr: request.csr, statement: await makeStatement(enrolmentKind, payload as never, signer) }
  }

  /** The certificate that an enrolment gives. */
  async enrol(signer: Signer, wishes: EnrolmentWishes): Promise<X509Certificate> {
    const { csr, statement } = await this.enrolment(signer, wishes)
    return this.certificate(await this.registrar.enrol(csr, statement))
  }

  certificate(answer: Uint8Array): X509Certificate {
    const [certificate] = new X509Certificates(answer)
    return certificate ?? new X509Certificate('')
  }

  /** Whether this certificate counts now. */
  async counts(certificate: X509Certificate): Promise<boolean> {
    return (await this.registrar.nameOf(serialOf(certificate))) !== undefined
  }

  close(): Promise<void> {
    return this.#close()
  }
}

/** What `work` is refused with; undefined when it is not. */
export async function codeFrom(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    error => (error as { code?: string }).code ?? String(error),
  )
}
