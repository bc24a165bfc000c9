import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { type Claim, readClaim } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32, hex, sha256 } from '../../protocol/ids.ts'
import {
  type CertificateName,
  certificateUri,
  enrolmentKind,
  readCertificateUri,
  requestKind,
} from '../../protocol/registrar.ts'
import { acceptRoster, type Roster, rosterKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import type { Authority } from './authority.ts'
import { serialOf } from './certificates.ts'
import type { Tables } from './database.ts'
import type { Nonces } from './nonces.ts'

/** Somebody lost rights: sessions that no longer fit must end. */
export interface Change {
  /** Device or member. */
  readonly owner: string
}

export interface RegistrarParts {
  readonly database: Kysely<Tables>
  readonly authority: Authority
  readonly nonces: Nonces
  readonly disk: Disk
  /** Where the registration code lies. */
  readonly codePath: string
  readonly now: () => Date
  /** Told after every commit that adds or takes rights. */
  readonly changed: (change: Change) => Promise<void>
}

/**
 * Knows households by their rosters and devices by their claims, and gives certificates to those whom they name. It sees no
 * picture, and no answer of its changes whom a camera seals to.
 */
export class Registrar {
  readonly #parts: RegistrarParts
  readonly #rosters = new Map<string, Roster>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: RegistrarParts) {
    this.#parts = parts
  }

  /** The code that lets one household register. */
  async registrationCode(): Promise<string> {
    const { disk, codePath } = this.#parts
    return (await readText(disk, codePath)) ?? this.newCode()
  }

  async newCode(): Promise<string> {
    const code = base32(randomBytes(10)).match(/.{4}/g)?.join('-') ?? ''
    await replaceFile(this.#parts.disk, this.#parts.codePath, code)
    return code
  }

  /** Takes a signed request (PROTOCOL 5.3). Throws the code that the asker is told. */
  async request(jws: string): Promise<void> {
    const { signer, payload } = await readStatement(requestKind, jws, 'itself')
    this.#parts.nonces.use(payload.nonce, signer.id)
    const { householdId, body } = payload
    if (body.action !== 'claim') return this.#inTurn(() => this.#takeRoster(householdId, signer.id, body))
    return this.#inTurn(() => this.#takeClaim(householdId, signer.id, body.claim))
  }

  async #takeRoster(
    householdId: string,
    signerId: string,
    body:
      | { action: 'household'; code: string; roster: string }
      | { action: 'roster'; roster: string; successions: string[] },
  ): Promise<void> {
    const held = await this.roster(householdId)
    if (body.action === 'household') {
      // Registering again what is registered is no error: the first answer may have been lost.
      if (held?.jws === body.roster) return
      if (held !== undefined) throw new OwnlensError('hub.household', 'registered already')
      const code = Buffer.from((await this.registrationCode()).padEnd(40))
      if (!timingSafeEqual(code, Buffer.from(body.code.trim().toLowerCase().padEnd(40).slice(0, 40))))
        throw new OwnlensError('hub.code')
    } else if (held === undefined) throw new OwnlensError('hub.household')
    const successions = body.action === 'roster' ? body.successions : []
    const first = await readStatement(rosterKind, body.roster, signerId)
    const pin = { householdId, rootId: first.payload.firstRootId }
    const roster = await acceptRoster(pin, held, body.roster, successions)
    if (roster === held) return
    const row = {
      household_id: householdId,
      roster: roster.jws,
      roster_number: roster.number,
      successions: JSON.stringify(successions),
    }
    await this.#parts.database
      .insertInto('households')
      .values(row)
      .onConflict(conflict => conflict.column('household_id').doUpdateSet(row))
      .execute()
    if (body.action === 'household') await this.newCode()
    this.#rosters.set(householdId, roster)
    const removed =
      held?.members.filter(({ memberId }) => !roster.members.some(now => now.memberId === memberId)) ?? []
    for (const { memberId } of removed) await this.#supersede(memberId)
  }

  async #takeClaim(householdId: string, signerId: string, jws: string): Promise<void> {
    const roster = await this.roster(householdId)
    if (roster === undefined || roster.rootId !== signerId) throw new OwnlensError('hub.household')
    const claim = await readClaim(jws, { householdId, rootId: roster.rootId })
    const changed = await this.#parts.database
      .transaction()
      .execute(transaction => this.#swapEpoch(transaction, claim))
    if (changed) await this.#supersede(claim.deviceId)
  }

  /** Compare and swap: of two homes at once exactly one wins. Returns false for the very claim that stands already. */
  async #swapEpoch(transaction: Transaction<Tables>, claim: Claim): Promise<boolean> {
    const device = await transaction
      .selectFrom('devices')
      .select(['epoch'])
      .where('device_id', '=', claim.deviceId)
      .executeTakeFirst()
    const current = device?.epoch ?? 0
    const standing = await transaction
      .selectFrom('claims')
      .select(['claim'])
      .where('device_id', '=', claim.deviceId)
      .where('epoch', '=', claim.epoch)
      .executeTakeFirst()
    if (standing?.claim === claim.jws && claim.epoch === current) return false
    if (claim.registrarEpoch !== current || claim.epoch <= current) throw new OwnlensError('claim.epoch')
    const { deviceId: device_id, householdId: household_id, epoch } = claim
    const registered_at = this.#parts.now().toISOString()
    await transaction
      .insertInto('claims')
      .values({ device_id, epoch, household_id, claim: claim.jws, registered_at })
      .execute()
    await transaction
      .insertInto('devices')
      .values({ device_id, household_id, epoch, counter: 0, request: '', certificate: '', held: 0 })
      .onConflict(conflict => conflict.column('device_id').doUpdateSet({ household_id, epoch }))
      .execute()
    return true
  }

  /**
   * Gives a TLS certificate (PROTOCOL 5.4).
   *
   * @param csr PKCS#10, DER.
   * @param statement the header `Ownlens-Statement`.
   * @returns PKCS#7 certs-only, DER.
   */
  async enrol(csr: Uint8Array, statement: string): Promise<Uint8Array> {
    const request = await this.#parts.authority.readRequest(csr)
    const { signer, payload } = await readStatement(enrolmentKind, statement, 'itself')
    const { id, householdId, role } = payload
    if (signer.id !== id) throw new OwnlensError('statement.signer')
    if (payload.tlsKey !== request.keyHash || payload.caId !== this.#parts.authority.caId)
      throw new OwnlensError('enrol.statement')
    const requestHash = hex(sha256(statement, csr))
    if (role.kind === 'member') {
      this.#parts.nonces.use(payload.nonce, id)
      const roster = await this.roster(householdId)
      if (roster === undefined || !roster.members.some(({ memberId }) => memberId === id))
        throw new OwnlensError('enrol.member')
      if (!new RegExp(`^${id}\\.[a-z2-7]{8}$`).test(request.commonName))
        throw new OwnlensError('enrol.csr', 'CN must be the member’s id, a dot and 8 characters')
      return (await this.#issue(request, { kind: 'member', householdId, id })).answer
    }
    if (request.commonName !== id) throw new OwnlensError('enrol.csr', 'CN must be the device’s id')
    const name = { kind: 'device', householdId, epoch: role.epoch, id } as const
    return this.#inTurn(() => this.#enrolDevice(request, name, role.counter, requestHash, payload.nonce))
  }

  async #enrolDevice(
    request: Awaited<ReturnType<Authority['readRequest']>>,
    name: Extract<CertificateName, { kind: 'device' }>,
    counter: number,
    requestHash: string,
    nonce: string,
  ): Promise<Uint8Array> {
    const { database, nonces } = this.#parts
    const device = await database
      .selectFrom('devices')
      .selectAll()
      .where('device_id', '=', name.id)
      .executeTakeFirst()
    // A lost answer: the same request is answered in the same way, its nonce being used up.
    if (device?.request === requestHash && device.epoch === name.epoch)
      return Buffer.from(device.certificate, 'base64')
    nonces.use(nonce, name.id)
    if (device === undefined || device.household_id !== name.householdId || device.epoch !== name.epoch)
      throw new OwnlensError('enrol.claim')
    if (counter <= device.counter || device.held === 1) {
      await database.updateTable('devices').set({ held: 1 }).where('device_id', '=', name.id).execute()
      throw new OwnlensError('enrol.held')
    }
    await this.#supersede(name.id)
    const { answer } = await this.#issue(request, name)
    const certificate = Buffer.from(answer).toString('base64')
    await database
      .updateTable('devices')
      .set({ counter, request: requestHash, certificate })
      .where('device_id', '=', name.id)
      .execute()
    return answer
  }

  async #issue(
    request: Awaited<ReturnType<Authority['readRequest']>>,
    name: CertificateName,
  ): Promise<{ answer: Uint8Array }> {
    const certificate = await request.issue(name, this.#parts.now())
    await this.#parts.database
      .insertInto('certificates')
      .values({
        serial: serialOf(certificate),
        common_name: request.commonName,
        owner: name.id,
        uri: certificateUri(name),
        not_after: certificate.notAfter.toISOString(),
        superseded_at: null,
      })
      .execute()
    await this.#parts.changed({ owner: name.id })
    return { answer: this.#parts.authority.certsOnly([certificate]) }
  }

  /** All certificates of this owner count no more; its sessions end. */
  async #supersede(owner: string): Promise<void> {
    await this.#parts.database
      .updateTable('certificates')
      .set({ superseded_at: this.#parts.now().toISOString() })
      .where('owner', '=', owner)
      .where('superseded_at', 'is', null)
      .execute()
    await this.#parts.changed({ owner })
  }

  /** The certificate's name if it counts now: known, not superseded, not past its end. */
  async nameOf(serial: string): Promise<CertificateName | undefined> {
    const row = await this.#parts.database
      .selectFrom('certificates')
      .select(['uri', 'not_after', 'superseded_at'])
      .where('serial', '=', serial)
      .executeTakeFirst()
    if (row === undefined || row.superseded_at !== null) return undefined
    return Date.parse(row.not_after) > this.#parts.now().getTime() ? readCertificateUri(row.uri) : undefined
  }

  /** Every certificate that has not passed its end, for a broker that is told in files. */
  async certificates(): Promise<readonly Tables['certificates'][]> {
    const from = new Date(this.#parts.now().getTime() - 60 * 60_000).toISOString()
    return this.#parts.database.selectFrom('certificates').selectAll().where('not_after', '>', from).execute()
  }

  /** The newest roster of a household, checked when it came. */
  async roster(householdId: string): Promise<Roster | undefined> {
    const cached = this.#rosters.get(householdId)
    if (cached !== undefined) return cached
    const row = await this.#household(householdId)
    if (row === undefined) return undefined
    const { payload } = await readStatement(rosterKind, row.roster, 'itself')
    const pin = { householdId, rootId: payload.firstRootId }
    const roster = await acceptRoster(pin, undefined, row.roster, JSON.parse(row.successions) as string[])
    this.#rosters.set(householdId, roster)
    return roster
  }

  /** What a member or device of the household may read. */
  async published(householdId: string): Promise<{ roster: string; successions: string[] }> {
    const row = await this.#household(householdId)
    if (row === undefined) throw new OwnlensError('hub.household')
    return { roster: row.roster, successions: JSON.parse(row.successions) as string[] }
  }

  async claims(householdId: string): Promise<readonly string[]> {
    const rows = await this.#parts.database
      .selectFrom('claims')
      .select(['claim'])
      .where('household_id', '=', householdId)
      .orderBy('registered_at')
      .limit(1000)
      .execute()
    return rows.map(row => row.claim)
  }

  /** The newest epoch of a device; 0 for one that nobody has claimed. */
  async epochOf(deviceId: string): Promise<number> {
    return (await this.device(deviceId))?.epoch ?? 0
  }

  async device(deviceId: string): Promise<{ household_id: string; epoch: number } | undefined> {
    return this.#parts.database
      .selectFrom('devices')
      .select(['household_id', 'epoch'])
      .where('device_id', '=', deviceId)
      .executeTakeFirst()
  }

  async #household(householdId: string): Promise<Tables['households'] | undefined> {
    return this.#parts.database
      .selectFrom('households')
      .selectAll()
      .where('household_id', '=', householdId)
      .executeTakeFirst()
  }

  /** One change after the other: each judges what the one before has left. */
  async #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(change)
    this.#turn = result.catch(() => undefined)
    return result
  }
}
