import { type KeyObject, randomBytes } from 'node:crypto'
import type { X509Certificate } from '@peculiar/x509'
import {
  type Authority,
  certifyBoard,
  certifyRoot,
  certifyStation,
} from '../../deploy/factory/certificates.ts'
import { boxCodeOf, hashOfBoxCode } from '../../protocol/box-code.ts'
import { base32 } from '../../protocol/ids.ts'
import { makePrivateKey, publicKeyOf, type Signer, signerOf } from '../../protocol/keys.ts'
import { birthKind, registrationKind, serialKind } from '../../protocol/maker.ts'
import { makerBlockKind, secondKind } from '../../protocol/maker-block.ts'
import { type MakerRoot, readMakerRoot } from '../../protocol/maker-chain.ts'
import { type MakerKeyKind, makerKeyKinds } from '../../protocol/maker-keys.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { newSigner } from './people.ts'

export const der = (certificate: X509Certificate): string =>
  Buffer.from(certificate.rawData).toString('base64')

/** A maker's keys and certificates, and every statement about serials that they can sign, right or wrong. */
export class TestMaker {
  readonly authority: Authority
  readonly root: MakerRoot
  readonly signer: Signer

  private constructor(authority: Authority, root: MakerRoot) {
    this.authority = authority
    this.root = root
    this.signer = signerOf(authority.key)
  }

  static async make(name = 'Maker', now = new Date()): Promise<TestMaker> {
    const key = makePrivateKey()
    const certificate = await certifyRoot(key, name, now)
    return new TestMaker({ key, certificate }, await readMakerRoot(certificate.toString('pem'), now))
  }

  /** A station that the root certified at this time. */
  async station(name = 'Line 1', now = new Date(), key: KeyObject = makePrivateKey()): Promise<TestStation> {
    const certificate = await certifyStation(this.authority, publicKeyOf(key).spki, name, now)
    return new TestStation({ key, certificate }, [der(certificate)])
  }

  /** What the root says of a station's or a signer's key. */
  says(kind: MakerKeyKind, keyId: string, number: number, active = true, by = this.signer): Promise<string> {
    const payload = { keyId, name: 'Line', number, active, issuedAt: new Date().toISOString() }
    return makeStatement(makerKeyKinds[kind], payload, by)
  }

  word(serial: string, board: Signer, number: number, signer = this.signer): Promise<string> {
    const payload = { serial, deviceId: board.id, number, issuedAt: new Date().toISOString() }
    return makeStatement(serialKind, payload, signer)
  }
}

/** What an order says, where it is not what belongs there. */
interface OrderWishes {
  readonly number?: number
  readonly blocked?: boolean
  readonly reason?: string
}

/** Somebody who gives the maker's orders. */
export class TestSigner {
  readonly signer = newSigner()

  /** Numbered by the time, and one more each. */
  order(devices: readonly Signer[] | readonly string[], wishes: OrderWishes = {}): Promise<string> {
    const { number = nextNumber(), blocked = true, reason = 'Stolen from the warehouse' } = wishes
    const ids = devices.map(device => (typeof device === 'string' ? device : device.id))
    const payload = { number, devices: ids, blocked, reason, issuedAt: new Date().toISOString() }
    return makeStatement(makerBlockKind, payload, this.signer)
  }

  second(order: string): Promise<string> {
    return makeStatement(secondKind, { order: statementHash(order) }, this.signer)
  }
}

let newest = 0
const nextNumber = (): number => {
  newest = Math.max(newest + 1, Date.now())
  return newest
}

/** What a registration says, where it is not what belongs there. */
interface RegistrationWishes {
  readonly born?: string
  readonly birthBy?: Signer
  readonly signer?: Signer
  /** The code in the box. */
  readonly box?: string
  readonly madeAt?: Date
}

export class TestStation {
  readonly authority: Authority
  readonly chain: readonly string[]
  readonly signer: Signer

  constructor(authority: Authority, chain: readonly string[]) {
    this.authority = authority
    this.chain = chain
    this.signer = signerOf(authority.key)
  }

  async registration(serial: string, board: Signer, wishes: RegistrationWishes = {}): Promise<string> {
    const { born = serial, birthBy = board, signer = this.signer, madeAt = new Date() } = wishes
    const { box = boxCodeOf(randomBytes(16)) } = wishes
    const nonce = base32(randomBytes(16))
    const birth = await makeStatement(birthKind, { deviceId: board.id, serial: born, nonce }, birthBy)
    const payload = {
      ...{ serial, deviceId: board.id, birth },
      ...{ boxCode: hashOfBoxCode(box), madeAt: madeAt.toISOString() },
    }
    return makeStatement(registrationKind, payload, signer)
  }

  /** A board's certificates as it shows them. */
  async idevid(serial: string, board = newSigner(), deviceId = board.id): Promise<readonly string[]> {
    const leaf = await certifyBoard(this.authority, { deviceId, spki: board.spki, serial }, new Date())
    return [der(leaf), ...this.chain]
  }
}
