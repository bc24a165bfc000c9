import type { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import {
  type CertificateName,
  certificateUri,
  enrolmentKind,
  type RequestAction,
  type RequestAnswer,
  readCertificateUri,
  requestKind,
  UNPAIRED_MAX,
} from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import { Allowance } from './allowance.ts'
import type { Authority, CertificateRequest } from './authority.ts'
import { standingBlocks } from './blocks.ts'
import type { Shown } from './caller.ts'
import { allRemembered, lookUp } from './certificate-book.ts'
import type { Checks } from './checks.ts'
import { CLAIMS_MAX, Claims } from './claims.ts'
import { openCode, replaceCode } from './codes.ts'
import type { Db, Tables } from './database.ts'
import type { Delete } from './deletions.ts'
import { Enrolments } from './enrolments.ts'
import type { FactoryDesk } from './factory-desk.ts'
import { Households } from './households.ts'
import { Mailboxes } from './mailboxes.ts'
import type { Nonces } from './nonces.ts'
import { noticesOf } from './notices.ts'
import type { OperatorDesk } from './operator-desk.ts'
import type { OrderJournal } from './order-journal.ts'
import { Ownership } from './ownership.ts'
import type { Reports } from './reports.ts'
import { Requests } from './requests.ts'
import { epochToPass, isBlockedIn, type Owned, standingOf } from './standing.ts'
import { Turns } from './turns.ts'

export interface RegistrarParts {
  readonly database: Db
  readonly authority: Authority
  readonly nonces: Nonces
  /** Where orders are kept beside the database. */
  readonly journal: OrderJournal
  readonly now: () => Date
  /** Told once after every commit that adds or takes rights of these devices or members; answers wait for it. */
  readonly changed: (owners: readonly string[]) => Promise<void>
  /** Told the next registration code when a household has used the one before. */
  readonly codeUsed?: (next: string) => void
  /** Profile `maker`: knows which devices the maker has made. Without one every device may be paired. */
  readonly factory?: FactoryDesk
  /** Answers who holds a camera or its box. */
  readonly checks?: Checks
  /** Takes what members report; without one nobody can. */
  readonly reports?: Reports
  /** A member's clips are to be gone. */
  readonly remove?: Delete
  /** Whoever runs the hub. */
  readonly operator?: OperatorDesk
  /** How often one key may enrol; small in tests. */
  readonly enrolments?: Allowance
  /** How often one household may open a mailbox, and how often one key of no household may ask. */
  readonly invitations?: Allowance
  readonly strangers?: Allowance
  /** How often one root or member may send orders, rosters and moves; small in tests. */
  readonly orders?: Allowance
  /** How many claims one household may have; small in tests. */
  readonly claimsMax?: number
  /** How many of one member's certificates count at once; small in tests. */
  readonly liveMax?: number
}

/**
 * Knows households by their rosters and devices by their claims, and gives certificates to those whom they name. It sees no
 * picture, and no answer of its changes whom a camera seals to. Here signatures are checked; changes take turns, those of one
 * household and those of one device (`requests.ts`); what changes is in `households.ts`, `claims.ts`, `mailboxes.ts`,
 * `enrolments.ts`.
 */
export class Registrar {
  readonly #parts: RegistrarParts
  readonly #households: Households
  readonly #claims: Claims
  readonly #enrolments: Enrolments
  readonly #requests: Requests
  readonly #turns = new Turns()
  readonly #allowance: Allowance

  constructor(parts: RegistrarParts) {
    const { database, authority, journal, now, claimsMax, liveMax } = parts
    this.#parts = parts
    this.#households = new Households(database, now)
    this.#claims = new Claims(database, now, claimsMax)
    this.#enrolments = new Enrolments(database, authority, now, liveMax)
    this.#requests = new Requests({
      households: this.#households,
      claims: this.#claims,
      mailboxes: new Mailboxes(database, now),
      ownership: new Ownership(database, journal, now),
      confirm: deviceId => this.confirm(deviceId),
      turns: this.#turns,
      registrationCode: () => this.registrationCode(),
      ...parts,
    })
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

  /** Takes a signed request (PROTOCOL 5.3) and answers it. Throws the code that the asker is told. */
  async request(jws: string): Promise<RequestAnswer<RequestAction>> {
    const { signer, payload } = await readStatement(requestKind, jws, 'itself')
    const { householdId, caId, nonce, body } = payload
    if (!this.#parts.authority.goesBy(caId)) throw new OwnlensError('hub.request_ca')
    const isOperator = signer.id === this.#parts.operator?.operatorId
    const mayBeLarge = isOperator || body.action === 'maker-block'
    if (householdId === null && !mayBeLarge && jws.length > UNPAIRED_MAX)
      throw new OwnlensError('statement.size')
    this.#parts.nonces.use(nonce, signer.id)
    return householdId === null
      ? this.#requests.ofStranger(signer.id, body)
      : this.#requests.ofHousehold(householdId, signer.id, body)
  }

  /**
   * Gives a TLS certificate (PROTOCOL 5.4).
   *
   * @param csr PKCS#10, DER.
   * @param statement the header `Ownlens-Statement`.
   * @param renewed for a renewal only: the certificate that was shown.
   * @returns PKCS#7 certs-only, DER.
   */
  async enrol(csr: Uint8Array, statement: string, renewed?: Shown): Promise<Uint8Array> {
    const { database, authority, nonces, changed } = this.#parts
    const { signer, payload } = await readStatement(enrolmentKind, statement, 'itself')
    const { id, householdId, role, nonce } = payload
    if (signer.id !== id) throw new OwnlensError('statement.signer')
    const request = await authority.readRequest(csr)
    if (payload.tlsKey !== request.keyHash || !authority.goesBy(payload.caId))
      throw new OwnlensError('enrol.statement')
    if (request.keyHash === hex(sha256(signer.spki)))
      throw new OwnlensError('enrol.csr', 'TLS needs a key of its own')
    this.#allowance.take(id)
    if (renewed !== undefined) await this.#checkRenewal(renewed, request.commonName, payload)
    if (role.kind === 'member') {
      nonces.use(nonce, id)
      return this.#turns.take(`household ${householdId}`, () =>
        this.#enrolMember(request, householdId, id, statement),
      )
    }
    if (request.commonName !== id) throw new OwnlensError('enrol.csr', 'CN must be the device’s id')
    const name = { kind: 'device', householdId, epoch: role.epoch, id } as const
    const asked = { counter: role.counter, request: hex(sha256(csr)), boot: role.boot }
    const useNonce = () => nonces.use(nonce, id)
    return this.#turns.take(`device ${id}`, async () => {
      const before = await standingOf(database, id)
      if (isBlockedIn(before, householdId, role.epoch)) {
        useNonce()
        throw new OwnlensError('enrol.blocked')
      }
      const given = await this.#enrolments.device({ request, name, asked, statement, useNonce })
      if (given.kind === 'issued' || (given.kind === 'refused' && given.ended)) await changed([id])
      if (given.kind === 'refused') throw new OwnlensError(given.code)
      return given.answer
    })
  }

  /** A certificate that counts renews itself: same subject, household and epoch (RFC 7030 §4.2.2). */
  async #checkRenewal(
    { serial, commonName }: Shown,
    wanted: string,
    { id, householdId, role }: z.infer<typeof enrolmentKind.schema>,
  ): Promise<void> {
    const name = await this.nameOf(serial)
    const asked: CertificateName =
      role.kind === 'device'
        ? { kind: 'device', householdId, epoch: role.epoch, id }
        : { kind: 'member', householdId, id }
    if (name === undefined || certificateUri(name) !== certificateUri(asked) || commonName !== wanted)
      throw new OwnlensError('enrol.renewal')
  }

  /** The owner's word that a held device is one board with a restored card. Whose word it is has been checked. */
  async confirm(deviceId: string): Promise<void> {
    await this.#turns.take(`device ${deviceId}`, () => this.#enrolments.confirm(deviceId))
  }

  async #enrolMember(
    request: CertificateRequest,
    householdId: string,
    id: string,
    statement: string,
  ): Promise<Uint8Array> {
    if (!(await this.#households.isMember(householdId, id))) throw new OwnlensError('enrol.member')
    if (!new RegExp(`^${id}\\.[a-z2-7]{8}$`).test(request.commonName))
      throw new OwnlensError('enrol.csr', 'CN must be the member’s id, a dot and 8 characters')
    const answer = await this.#enrolments.member(request, { kind: 'member', householdId, id }, statement)
    await this.#parts.changed([id])
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
  async published(householdId: string): ReturnType<Households['published']> {
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

  /** Its root's orders that stand for its cameras, newest first. */
  async blocks(householdId: string): Promise<readonly string[]> {
    return standingBlocks(this.#parts.database, householdId, CLAIMS_MAX)
  }

  /** What a household's members are told of its cameras, newest first. */
  async notices(householdId: string): ReturnType<typeof noticesOf> {
    return noticesOf(this.#parts.database, householdId)
  }

  /** Whether a device is this household's in this epoch, and not blocked: what it sends is kept. */
  async maySend(deviceId: string, householdId: string, epoch: number): Promise<boolean> {
    const standing = await standingOf(this.#parts.database, deviceId)
    return standing.householdId === householdId && standing.epoch === epoch && !standing.blocked
  }

  /** The epoch that a device's next claim must go beyond; 0 for one that nobody has claimed. */
  async epochOf(deviceId: string): Promise<number> {
    return epochToPass(await this.device(deviceId))
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
