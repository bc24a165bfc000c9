import 'reflect-metadata'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { X509Certificates } from '@peculiar/x509'
import { sql } from 'kysely'
import { Allowance } from '../../deploy/hub/allowance.ts'
import { Authority } from '../../deploy/hub/authority.ts'
import { serialOf } from '../../deploy/hub/certificates.ts'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { Nonces } from '../../deploy/hub/nonces.ts'
import { OrderJournal } from '../../deploy/hub/order-journal.ts'
import { Registrar } from '../../deploy/hub/registrar.ts'
import { replayOrders } from '../../deploy/hub/replay.ts'
import type { Signer } from '../../protocol/keys.ts'
import {
  enrolmentKind,
  type RequestAction,
  type RequestAnswer,
  type RequestBody,
  requestKind,
} from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import type { EnrolmentRole, HubNonce } from '../../wire/hub-client.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import type { Archive } from './archive.ts'
import type { FaultName } from './faults.ts'
import { afterEnrolment, withFault } from './faults-hub.ts'
import { tlsRequest } from './keys.ts'

/** A certificate as its owner holds it. */
export interface Certificate {
  readonly serial: string
  readonly commonName: string
  readonly notAfter: number
}

type Rows = Record<string, readonly Record<string, unknown>[]>

let opened: Promise<Authority> | undefined

/** One CA for all walks of a process: its keys decide nothing. */
async function authority(): Promise<Authority> {
  opened ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ownlens-model-'))
    try {
      return await Authority.open(disk, folder, [])
    } finally {
      await rm(folder, { recursive: true })
    }
  })()
  return opened
}

/**
 * The hub: the real registrar over a real database (in memory), asked as off the wire. It keeps to the model's clock. Its
 * database may be taken back to an earlier day.
 */
export class Hub {
  readonly url = 'https://127.0.0.1:8443'
  readonly database: Db
  readonly authority: Authority
  readonly #clock: () => number
  readonly #fault: FaultName | undefined
  readonly #startedAt: number
  readonly #archive: Archive
  readonly #journal = new OrderJournal(
    FaultDisk.make({ model: 'ordered', folder: '/hub' }).disk,
    '/hub/orders',
  )
  /** Told whose rights have changed. */
  changed: (owners: readonly string[]) => Promise<void> = async () => undefined
  registrar: Registrar
  #nonces: Nonces
  /** Told of every request that was not refused. */
  accepted: (householdId: string | null, body: RequestBody, signerId: string) => void = () => undefined
  /** Grows with everything that may have changed the database. */
  version = 0

  private constructor(
    database: Db,
    ca: Authority,
    clock: () => number,
    archive: Archive,
    fault: FaultName | undefined,
  ) {
    this.#fault = fault
    this.database = database
    this.authority = ca
    this.#clock = clock
    this.#startedAt = clock()
    this.#archive = archive
    this.#nonces = new Nonces()
    this.registrar = this.#start()
  }

  static async open(clock: () => number, archive: Archive, fault?: FaultName): Promise<Hub> {
    return new Hub(await openDatabase(':memory:'), await authority(), clock, archive, fault)
  }

  /** As at a start of the process: nonces and allowances are its memory's. */
  #start(): Registrar {
    const now = this.#clock
    const monotonic = () => now() - this.#startedAt
    const allowance = (burst: number, everyMs: number) =>
      new Allowance({ burst, everyMs, keysMax: 1000, now: monotonic })
    this.#nonces = new Nonces({ now: monotonic })
    if (this.#fault === 'registrar takes a request twice') this.#nonces.use = monotonic
    return new Registrar({
      database: this.database,
      authority: this.authority,
      nonces: this.#nonces,
      journal: this.#journal,
      now: () => new Date(now()),
      changed: owners => this.changed(owners),
      enrolments: allowance(100, 10_000),
      invitations: allowance(30, 20_000),
      strangers: allowance(60, 500),
    })
  }

  get address(): { readonly url: string; readonly caId: string } {
    return { url: this.url, caId: this.authority.caId }
  }

  async nonce(id: string): Promise<HubNonce> {
    const epoch = await this.registrar.epochOf(id)
    return {
      nonce: this.#nonces.make(id),
      hubKeyId: this.authority.hubKey.id,
      time: this.#clock(),
      heardAt: performance.now(),
      epoch,
      broker: 'mqtts://127.0.0.1:8883',
    }
  }

  async request<A extends RequestAction>(
    householdId: string | null,
    body: Extract<RequestBody, { action: A }>,
    signer: Signer,
  ): Promise<RequestAnswer<A>> {
    const { nonce } = await this.nonce(signer.id)
    const { caId } = this.authority
    const jws = await makeStatement(requestKind, { householdId, caId, nonce, body }, signer)
    this.#archive.addBody(body)
    const ask = withFault(this, this.#fault, async () => this.raw(jws))
    const answer = (await ask(householdId, body)) as RequestAnswer<A>
    this.accepted(householdId, body, signer.id)
    return answer
  }

  /** A request as it comes off the wire. */
  async raw(jws: string): Promise<RequestAnswer<RequestAction>> {
    this.#archive.add('request', jws)
    this.version++
    return this.registrar.request(jws)
  }

  /** @param variant another one is another TLS key. */
  async enrol(
    signer: Signer,
    householdId: string,
    role: EnrolmentRole,
    variant: number,
  ): Promise<{ certificate: Certificate; hub: HubNonce }> {
    const hub = await this.nonce(signer.id)
    const suffix = 'abcdefgh'.slice(0, 7) + 'abcdefgh'.charAt(variant % 8)
    const commonName = role.kind === 'device' ? signer.id : `${signer.id}.${suffix}`
    const request = await tlsRequest(commonName, variant)
    const { caId } = this.authority
    const statement = await makeStatement(
      enrolmentKind,
      { id: signer.id, householdId, tlsKey: request.keyHash, caId, nonce: hub.nonce, role },
      signer,
    )
    this.version++
    const answer = this.registrar.enrol(request.csr, statement)
    await answer.catch(() => undefined)
    await afterEnrolment(this, this.#fault, signer.id)
    const [issued] = new X509Certificates(await answer)
    if (issued === undefined) throw new Error('no certificate')
    const notAfter = issued.notAfter.getTime()
    return { certificate: { serial: serialOf(issued), commonName, notAfter }, hub }
  }

  /** All rows, as a backup has them. */
  async backup(): Promise<Rows> {
    const rows: Rows = {}
    for (const name of await this.#tables())
      rows[name] = (
        await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(this.database)
      ).rows
    return rows
  }

  /** The hub starts again with the database of that day. */
  async restore(rows: Rows): Promise<void> {
    this.version++
    for (const name of await this.#tables()) {
      await sql`delete from ${sql.table(name)}`.execute(this.database)
      for (const row of rows[name] ?? [])
        await this.database
          .insertInto(name as 'devices')
          .values(row as never)
          .execute()
    }
    if (this.#fault !== 'registrar forgets orders with its database')
      await replayOrders(this.database, this.#journal, {
        now: new Date(this.#clock()),
        makerRootId: undefined,
      })
    this.registrar = this.#start()
  }

  async #tables(): Promise<readonly string[]> {
    const { rows } = await sql<{ name: string }>`
      select name from sqlite_master where type = 'table' and name <> 'migrations'`.execute(this.database)
    return rows.map(({ name }) => name)
  }

  async close(): Promise<void> {
    await this.registrar.idle()
    await this.database.destroy()
  }
}
