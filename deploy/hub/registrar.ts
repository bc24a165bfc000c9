import { readClaim } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import {
  type CertificateName,
  enrolmentKind,
  type RequestBody,
  readCertificateUri,
  requestKind,
} from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import { Allowance } from './allowance.ts'
import type { Authority, CertificateRequest } from './authority.ts'
import { allRemembered, lookUp } from './certificate-book.ts'
import { Claims, type Owned } from './claims.ts'
import { openCode, replaceCode } from './codes.ts'
import type { Db, Tables } from './database.ts'
import { Enrolments } from './enrolments.ts'
import { Households } from './households.ts'
import type { Nonces } from './nonces.ts'
import { Turns } from './turns.ts'

export interface RegistrarParts {
  readonly database: Db
  readonly authority: Authority
  readonly nonces: Nonces
  readonly now: () => Date
  /** Told after every commit that adds or takes rights of this device or member; answers wait for it. */
  readonly changed: (owner: string) => Promise<void>
  /** Told the next registration code when a household has used the one before. */
  readonly codeUsed?: (next: string) => void
  /** How often one key may enrol; small in tests. */
  readonly enrolments?: Allowance
  /** How many claims one household may have; small in tests. */
  readonly claimsMax?: number
  /** How many of one member's certificates count at once; small in tests. */
  readonly liveMax?: number
}

/**
 * Knows households by their rosters and devices by their claims, and gives certificates to those whom they name. It sees no
 * picture, and no answer of its changes whom a camera seals to. Here signatures are checked and changes take turns, those of
 * one household and those of one device; what changes is in `households.ts`, `claims.ts`, `enrolments.ts`.
 */
export class Registrar {
  readonly #parts: RegistrarParts
  readonly #households: Households
  readonly #claims: Claims
  readonly #enrolments: Enrolments
  readonly #turns = new Turns()
  readonly #allowance: Allowance

  constructor(parts: RegistrarParts) {
    const { database, authority, now, claimsMax, liveMax } = parts
    this.#parts = parts
    this.#households = new Households(database, now)
    this.#claims = new Claims(database, now, claimsMax)
    this.#enrolments = new Enrolments(database, authority, now, liveMax)
    // A camera that has lost its hub comes back every 15 seconds.
    this.#allowance = parts.enrolments ?? new Allowance({ burst: 100, everyMs: 10_000, keysMax: 20_000 })
  }

  /** The code that lets one household register. */
  async registrationCode(): Promise<string> {
    return openCode(this.#parts.database)
  }

  /** Makes another code; the one before counts no more. */
  async newCode(): Promise<string> {
    return this.#parts.database.transaction().execute(replaceCode)
  }

  /** Takes a signed request (PROTOCOL 5.3). Throws the code that the asker is told. */
  async request(jws: string): Promise<void> {
    const { signer, payload } = await readStatement(requestKind, jws, 'itself')
    this.#parts.nonces.use(payload.nonce, signer.id)
    await this.#turns.take(`household ${payload.householdId}`, () =>
      this.#take(payload.householdId, signer.id, payload.body),
    )
  }

  async #take(householdId: string, signerId: string, body: RequestBody): Promise<void> {
    if (body.action === 'household') {
      const before = await this.registrationCode()
      await this.#households.register(householdId, signerId, body.code, body.roster)
      const next = await this.registrationCode()
      if (next !== before) this.#parts.codeUsed?.(next)
    } else if (body.action === 'roster') {
      const removed = await this.#households.renew(householdId, signerId, body.roster, body.successions)
      for (const memberId of removed) await this.#parts.changed(memberId)
    } else await this.#takeClaim(householdId, signerId, body.claim)
  }

  async #takeClaim(householdId: string, signerId: string, jws: string): Promise<void> {
    if ((await this.#households.rootId(householdId)) !== signerId) throw new OwnlensError('hub.household')
    const claim = await readClaim(jws, { householdId, rootId: signerId })
    await this.#turns.take(`device ${claim.deviceId}`, async () => {
      if (await this.#claims.take(claim)) await this.#parts.changed(claim.deviceId)
    })
  }

  /**
   * Gives a TLS certificate (PROTOCOL 5.4).
   *
   * @param csr PKCS#10, DER.
   * @param statement the header `Ownlens-Statement`.
   * @returns PKCS#7 certs-only, DER.
   */
  async enrol(csr: Uint8Array, statement: string): Promise<Uint8Array> {
    const { authority, nonces, changed } = this.#parts
    const { signer, payload } = await readStatement(enrolmentKind, statement, 'itself')
    const { id, householdId, role, nonce } = payload
    if (signer.id !== id) throw new OwnlensError('statement.signer')
    const request = await authority.readRequest(csr)
    if (payload.tlsKey !== request.keyHash || payload.caId !== authority.caId)
      throw new OwnlensError('enrol.statement')
    if (request.keyHash === hex(sha256(signer.spki)))
      throw new OwnlensError('enrol.csr', 'TLS needs a key of its own')
    this.#allowance.take(id)
    if (role.kind === 'member') {
      nonces.use(nonce, id)
      return this.#turns.take(`household ${householdId}`, () => this.#enrolMember(request, householdId, id))
    }
    if (request.commonName !== id) throw new OwnlensError('enrol.csr', 'CN must be the device’s id')
    const name = { kind: 'device', householdId, epoch: role.epoch, id } as const
    const requestHash = hex(sha256(statement, '\n', csr))
    const useNonce = () => nonces.use(nonce, id)
    return this.#turns.take(`device ${id}`, async () => {
      const enrolment = { request, name, counter: role.counter, requestHash, useNonce }
      const { answer, fresh } = await this.#enrolments.device(enrolment)
      if (fresh) await changed(id)
      return answer
    })
  }

  async #enrolMember(request: CertificateRequest, householdId: string, id: string): Promise<Uint8Array> {
    if (!(await this.#households.isMember(householdId, id))) throw new OwnlensError('enrol.member')
    if (!new RegExp(`^${id}\\.[a-z2-7]{8}$`).test(request.commonName))
      throw new OwnlensError('enrol.csr', 'CN must be the member’s id, a dot and 8 characters')
    const answer = await this.#enrolments.member(request, { kind: 'member', householdId, id })
    await this.#parts.changed(id)
    return answer
  }

  /** The certificate's name if it counts now: known, not superseded, not past its end. */
  async nameOf(serial: string): Promise<CertificateName | undefined> {
    const found = await lookUp(this.#parts.database, serial)
    return found !== undefined && found.notAfter > this.#parts.now().getTime()
      ? readCertificateUri(found.uri)
      : undefined
  }

  /** Every certificate that is not forgotten, for a broker that is told in files. */
  async certificates(): Promise<readonly Tables['certificates'][]> {
    return allRemembered(this.#parts.database, this.#parts.now())
  }

  /** What a member or device of the household may read. Throws `hub.household`. */
  async published(householdId: string): Promise<{ roster: string; successions: string[] }> {
    return this.#households.published(householdId)
  }

  /** The newest roster's number; 0 for a household that nobody registered. */
  async rosterNumber(householdId: string): Promise<number> {
    return this.#households.rosterNumber(householdId)
  }

  /** All claims of a household, oldest first. */
  async claims(householdId: string): Promise<readonly string[]> {
    return this.#claims.ofHousehold(householdId)
  }

  /** The newest epoch of a device; 0 for one that nobody has claimed. */
  async epochOf(deviceId: string): Promise<number> {
    return (await this.device(deviceId))?.epoch ?? 0
  }

  /** Whose a device is now; undefined for one that nobody has claimed. */
  async device(deviceId: string): Promise<Owned | undefined> {
    return this.#claims.device(deviceId)
  }

  /** Resolves when no change is under way. */
  async idle(): Promise<void> {
    await this.#turns.idle()
  }
}
