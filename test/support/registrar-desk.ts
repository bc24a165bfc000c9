import 'reflect-metadata'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { X509Certificate, X509Certificates } from '@peculiar/x509'
import type { Allowance } from '../../deploy/hub/allowance.ts'
import { Authority } from '../../deploy/hub/authority.ts'
import { serialOf } from '../../deploy/hub/certificates.ts'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { Nonces } from '../../deploy/hub/nonces.ts'
import { Registrar, type RegistrarParts } from '../../deploy/hub/registrar.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { enrolmentKind, type RequestBody, requestKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { makeTlsRequest, type TlsRequest } from '../../wire/tls.ts'
import { type Home, newHome } from './hub-people.ts'
import { temporaryFolder } from './places.ts'

/** What stands in an enrolment's statement, where it is not what belongs there. */
export interface EnrolmentWishes {
  readonly householdId: string
  readonly epoch?: number
  readonly counter?: number
  readonly commonName?: string
  readonly request?: TlsRequest
  readonly changed?: object
}

/** A registrar with a database of its own, without network: requests are handed to it as they come off the wire. */
export class Desk {
  readonly registrar: Registrar
  readonly authority: Authority
  readonly nonces: Nonces
  readonly database: Db
  readonly folder: string
  /** Whom the broker was told of. */
  readonly changed: string[] = []
  /** Every query since the last `splice`. */
  readonly queries: { sql: string; parameters: readonly unknown[] }[]
  /** The registrar's clock. */
  now = new Date()
  readonly #close: () => Promise<void>

  private constructor(
    parts: Pick<Desk, 'authority' | 'database' | 'folder' | 'queries'>,
    options: Partial<RegistrarParts>,
    close: () => Promise<void>,
  ) {
    this.authority = parts.authority
    this.database = parts.database
    this.folder = parts.folder
    this.queries = parts.queries
    this.nonces = new Nonces()
    this.#close = close
    this.registrar = new Registrar({
      database: this.database,
      authority: this.authority,
      nonces: this.nonces,
      now: () => this.now,
      changed: async owner => void this.changed.push(owner),
      ...options,
    })
  }

  static async open(options: Partial<RegistrarParts> & { enrolments?: Allowance } = {}): Promise<Desk> {
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
  async sign(signer: Signer, householdId: string, body: RequestBody, nonce?: string): Promise<string> {
    const payload = { householdId, nonce: nonce ?? this.nonces.make(signer.id), body }
    return makeStatement(requestKind, payload, signer)
  }

  async send(signer: Signer, householdId: string, body: RequestBody): Promise<void> {
    await this.registrar.request(await this.sign(signer, householdId, body))
  }

  async home(): Promise<Home> {
    const home = await newHome()
    const code = await this.registrar.registrationCode()
    await this.send(home.root, home.id, { action: 'household', code, roster: home.first })
    return home
  }

  async claim(home: Home, camera: Signer, epoch = 1, registrarEpoch = epoch - 1): Promise<void> {
    const claim = await home.claim(camera, epoch, { registrarEpoch })
    await this.send(home.root, home.id, { action: 'claim', claim })
  }

  /** CSR and statement of an enrolment: a device's when it has an epoch, else a member's. */
  async enrolment(signer: Signer, wishes: EnrolmentWishes): Promise<{ csr: Uint8Array; statement: string }> {
    const { householdId, epoch, counter = 1, changed } = wishes
    const member = `${signer.id}.${base32(randomBytes(5))}`
    const request =
      wishes.request ??
      (await makeTlsRequest(wishes.commonName ?? (epoch === undefined ? member : signer.id)))
    const boot = base32(randomBytes(16))
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
