import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, certifyBoard, certifyRoot } from '../../deploy/factory/certificates.ts'
import { makePrivateKey, privateKeyFromPem, privateKeyToPem, publicKeyOf } from '../../protocol/keys.ts'
import { readIdevid, readMakerRoot, readStation, SERIAL_NUMBER } from '../../protocol/maker-chain.ts'
import { der, TestMaker, TestStation } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'

const now = new Date()
const inYears = (years: number) => new Date(now.getTime() + years * 365.25 * 86_400_000)
let folder: string
let remove: () => Promise<void>
let maker: TestMaker
let station: TestStation
const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { encoding: 'utf8', cwd: folder, stdio: 'pipe' })

beforeAll(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  maker = await TestMaker.make('Maker "A", Inc.')
  station = await maker.station('Line 1, #2')
})
afterAll(() => remove())

const pem = (base64: string) => `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
async function files(idevid: readonly string[]): Promise<void> {
  const [leaf = '', middle = ''] = idevid.map(pem)
  await writeFile(join(folder, 'root.pem'), maker.authority.certificate.toString('pem'))
  await writeFile(join(folder, 'station.pem'), middle)
  await writeFile(join(folder, 'leaf.pem'), leaf)
}

describe('what the factory makes', () => {
  test('openssl verifies strictly, for a serial of any allowed form, now and in nine years', async () => {
    for (const serial of ['1', 'OL-2026.0001', `A${'.-z9'.repeat(7)}abc`]) {
      await files(await station.idevid(serial))
      const verify = (...more: string[]) =>
        openssl(
          ...['verify', '-x509_strict', '-CAfile', 'root.pem', '-untrusted', 'station.pem'],
          ...more,
          'leaf.pem',
        )
      expect(verify()).toContain('OK')
      expect(verify('-attime', String(Math.floor(inYears(9).getTime() / 1000)))).toContain('OK')
      // The station's certificate ends after ten years, and so do its registrations.
      expect(() => verify('-attime', String(Math.floor(inYears(10.1).getTime() / 1000)))).toThrow(/expired/)
      expect(openssl('verify', '-x509_strict', '-CAfile', 'root.pem', 'station.pem')).toContain('OK')
    }
  })

  test('a board’s says serial and key, has no end, and makes no other', async () => {
    const board = newSigner()
    await files(await station.idevid('OL-1', board))
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text')
    expect(text).toContain(`Subject: serialNumber = OL-1, CN = ${board.id}`)
    expect(text).toMatch(/Not After : Dec 31 23:59:59 9999 GMT/)
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/)
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/)
    const raw = openssl('asn1parse', '-in', 'leaf.pem')
    expect(raw).toContain('GENERALIZEDTIME   :99991231235959Z')
    expect(raw).toMatch(/:serialNumber\n.*PRINTABLESTRING\s+:OL-1\n/)
    const leaf = new NodeCertificate(pem((await station.idevid('OL-1', board))[0] ?? ''))
    expect(leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(board.spki)).toBe(true)
  })

  test('a station’s is an authority without others below, for ten years at most', async () => {
    await files(await station.idevid('OL-1'))
    const text = openssl('x509', '-in', 'station.pem', '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus')
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(text).toContain('Certificate Sign')
    expect(text).toContain('Subject: CN=Line 1, #2')
    const { validFrom, validTo } = new NodeCertificate(pem(station.chain[0] ?? ''))
    expect(new Date(validTo).getTime()).toBeLessThanOrEqual(inYears(10.01).getTime())
    expect(new Date(validTo).getUTCFullYear() - new Date(validFrom).getUTCFullYear()).toBe(10)
  })

  test('is read back, with the root behind it or without', async () => {
    const board = newSigner()
    const idevid = await station.idevid('OL-1', board)
    const wanted = { deviceId: board.id, serial: 'OL-1', stationId: station.signer.id }
    const rootDer = der(maker.authority.certificate)
    for (const chain of [idevid, [...idevid, rootDer]])
      expect(await readIdevid(chain, maker.root, now)).toEqual(wanted)
    for (const chain of [station.chain, [...station.chain, rootDer]])
      expect(await readStation(chain, maker.root, now)).toBe(station.signer.id)
    expect(maker.root.id).toBe(maker.signer.id)
  })
})

/** A certificate with any extensions, by anybody. */
async function forged(
  issuer: Authority,
  options: { ca?: boolean; pathLength?: number; usages?: number; more?: Extension[]; names?: object[] } = {},
): Promise<Authority> {
  const key = makePrivateKey()
  const { spki, id } = publicKeyOf(key)
  const { ca = true, pathLength = 0, usages = KeyUsageFlags.keyCertSign, more = [] } = options
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const { subtle } = webcrypto
  const pkcs8 = issuer.key.export({ type: 'pkcs8', format: 'der' })
  const certificate = await X509CertificateGenerator.create({
    subject: new Name((options.names ?? [{ CN: [id] }]) as never),
    issuer: issuer.certificate.subjectName,
    notBefore: now,
    notAfter: inYears(1),
    signingAlgorithm: algorithm,
    publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
    signingKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    extensions: [
      new BasicConstraintsExtension(ca, ca && pathLength >= 0 ? pathLength : undefined, true),
      new KeyUsagesExtension(usages, true),
      ...more,
    ],
  })
  return { certificate, key }
}

describe('what is refused', () => {
  const station1 = (chain: readonly string[], at = now) => codeFrom(readStation(chain, maker.root, at))
  const board1 = (chain: readonly string[], at = now) => codeFrom(readIdevid(chain, maker.root, at))
  const UNKNOWN = 'station.unknown'

  test('a station of another maker, even one of the same name', async () => {
    const other = await TestMaker.make('Maker "A", Inc.')
    const theirs = await other.station('Line 1, #2')
    expect(await station1(theirs.chain)).toBe(UNKNOWN)
    expect(await station1([...theirs.chain, der(other.authority.certificate)])).toBe(UNKNOWN)
    expect(await station1([...theirs.chain, der(maker.authority.certificate)])).toBe(UNKNOWN)
    expect(await board1(await theirs.idevid('OL-1'))).toBe(UNKNOWN)
  })

  test('a station before and after its time', async () => {
    expect(await station1(station.chain, inYears(9.9))).toBeUndefined()
    expect(await station1(station.chain, inYears(10.1))).toBe(UNKNOWN)
    expect(await station1(station.chain, inYears(-1))).toBe(UNKNOWN)
    const idevid = await station.idevid('OL-1')
    expect(await board1(idevid, inYears(9.9))).toBeUndefined()
    expect(await board1(idevid, inYears(10.1))).toBe(UNKNOWN)
  })

  test('a board’s certificate, or a station’s, used as an authority', async () => {
    const key = makePrivateKey()
    const board = publicKeyOf(key)
    const leaf = await certifyBoard(
      station.authority,
      { deviceId: board.id, spki: board.spki, serial: 'OL-1' },
      now,
    )
    const asStation = new TestStation({ certificate: leaf, key }, [der(leaf), ...station.chain])
    expect(await station1([der(leaf)])).toBe(UNKNOWN)
    expect(await station1(asStation.chain)).toBe(UNKNOWN)
    const below = await asStation.idevid('OL-2')
    expect(await board1(below.slice(0, 3))).toBe(UNKNOWN)
    expect(await board1(below.slice(0, 2))).toBe(UNKNOWN)
    const second = await forged(station.authority)
    expect(await station1([der(second.certificate), ...station.chain])).toBe(UNKNOWN)
    expect(await station1([der(second.certificate)])).toBe(UNKNOWN)
  })

  test('what the root signed, but not as a station', async () => {
    const marked = new Extension('1.2.3.4', true, new Uint8Array([5, 0]))
    const harmless = new Extension('1.2.3.4', false, new Uint8Array([5, 0]))
    const { authority } = maker
    const judge = async (options: Parameters<typeof forged>[1]) =>
      station1([der((await forged(authority, options)).certificate)])
    expect(await judge({})).toBeUndefined()
    expect(await judge({ more: [harmless] })).toBeUndefined()
    expect(await judge({ more: [marked] })).toBe(UNKNOWN)
    expect(await judge({ ca: false })).toBe(UNKNOWN)
    expect(await judge({ pathLength: 1 })).toBe(UNKNOWN)
    expect(await judge({ pathLength: -1 })).toBe(UNKNOWN)
    expect(await judge({ usages: KeyUsageFlags.digitalSignature })).toBe(UNKNOWN)
    expect(await station1([der(authority.certificate)])).toBe(UNKNOWN)
  })

  test('a board’s certificate that names another key, no serial, two serials, or one of no serial’s form', async () => {
    expect(await board1(await station.idevid('OL-1', newSigner(), newSigner().id))).toBe(UNKNOWN)
    const judge = async (make: (id: string) => object[]) => {
      const key = makePrivateKey()
      const own = publicKeyOf(key)
      const { certificate } = await forged(station.authority, { ca: false, names: make(own.id) })
      return board1([der(certificate), ...station.chain])
    }
    for (const serials of [[], ['OL-1', 'OL-2'], ['OL 1'], ['']])
      expect(
        await judge(id => [...serials.map(serial => ({ [SERIAL_NUMBER]: [serial] })), { CN: [id] }]),
      ).toBe(UNKNOWN)
    // A station that certifies an authority has done something else than make a board.
    const authority = await forged(station.authority, {
      names: [{ [SERIAL_NUMBER]: ['OL-1'] }, { CN: ['x'] }],
    })
    expect(await board1([der(authority.certificate), ...station.chain])).toBe(UNKNOWN)
  })

  test('changed bytes, noise, too many and too few', async () => {
    const idevid = await station.idevid('OL-1')
    for (let at = 0; at < 200; at += 7) {
      const bytes = Buffer.from(idevid[0] ?? '', 'base64')
      const place = Math.floor((at * bytes.length) / 200)
      bytes[place] = (bytes[place] ?? 0) ^ 0x41
      expect(await board1([bytes.toString('base64'), ...station.chain])).toBe(UNKNOWN)
    }
    for (const chain of [[], [''], ['AAAA'], idevid.slice(0, 1), [...station.chain, ...station.chain]])
      expect(await station1(chain)).toBe(UNKNOWN)
    for (const chain of [[], ['AAAA', ...station.chain], [...idevid].reverse()])
      expect(await board1(chain)).toBe(UNKNOWN)
  })

  test('as the maker’s root: anything but one', async () => {
    const root = maker.authority.certificate.toString('pem')
    expect(await codeFrom(readMakerRoot(root, inYears(100)))).toBeUndefined()
    const old = makePrivateKey()
    const future = (await certifyRoot(old, 'Maker', inYears(1))).toString('pem')
    const bad = [future, '', 'no', pem(station.chain[0] ?? ''), root.slice(0, -80), root + ' '.repeat(20_000)]
    for (const text of bad) expect(await codeFrom(readMakerRoot(text, now))).toBe('station.root')
    // A copy signed by another key under the same names.
    const key = privateKeyFromPem(privateKeyToPem(makePrivateKey()))
    const { certificate } = await forged({ certificate: maker.authority.certificate, key })
    expect(await codeFrom(readMakerRoot(certificate.toString('pem'), now))).toBe('station.root')
  })
})
