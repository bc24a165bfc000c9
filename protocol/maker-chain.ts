import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate,
} from '@peculiar/x509'
import { OwnlensError } from './errors.ts'
import { idOfKey } from './ids.ts'
import { serialNumber } from './maker.ts'

cryptoProvider.set(webcrypto as never)

/** The maker's root, to which everything of the maker's must lead. */
export interface MakerRoot {
  /** Of its key: also signs statements about serials. */
  readonly id: string
  readonly certificate: X509Certificate
}

/** What a board's own certificate says (PROTOCOL 9.4). */
export interface Idevid {
  readonly deviceId: string
  readonly serial: string
  /** Whose station made it. */
  readonly stationId: string
}

/** X.520 calls it serialNumber: of a thing, not of a certificate. */
export const SERIAL_NUMBER = '2.5.4.5'
/** Extensions that we understand; another one that is critical refuses the certificate (RFC 5280 §4.2). */
const UNDERSTOOD = new Set(['2.5.29.15', '2.5.29.19'])
const PEM_MAX = 16 * 1024

/**
 * Reads the root's certificate, its own signature included.
 *
 * @param pem one certificate.
 * @throws OwnlensError `station.root`.
 */
export async function readMakerRoot(pem: string, now: Date): Promise<MakerRoot> {
  try {
    if (pem.length > PEM_MAX) throw new Error('too large')
    const certificate = new X509Certificate(pem)
    await check(certificate, certificate, now)
    checkAuthority(certificate)
    return { id: keyId(certificate), certificate }
  } catch (cause) {
    throw new OwnlensError('station.root', (cause as Error).message, { cause })
  }
}

/**
 * Reads a station's chain: its certificate, and the root's behind it or not.
 *
 * @param chain DER in base64.
 * @returns the station's id: of the key that signs its registrations.
 * @throws OwnlensError `station.unknown`.
 */
export async function readStation(chain: readonly string[], root: MakerRoot, now: Date): Promise<string> {
  return judged(async () => {
    const [station, ...more] = belowRoot(chain, root)
    if (station === undefined || more.length > 0) throw new Error('it must be one certificate below the root')
    return keyId(await checkStation(station, root, now))
  })
}

/**
 * Reads a board's chain: its IDevID, its station's certificate, and the root's behind them or not.
 *
 * @param chain DER in base64.
 * @throws OwnlensError `station.unknown`.
 */
export async function readIdevid(chain: readonly string[], root: MakerRoot, now: Date): Promise<Idevid> {
  return judged(async () => {
    const [leaf, station, ...more] = belowRoot(chain, root)
    if (leaf === undefined || station === undefined || more.length > 0)
      throw new Error('it must be two certificates below the root')
    const stationId = keyId(await checkStation(station, root, now))
    await check(leaf, station, now)
    if (leaf.getExtension(BasicConstraintsExtension)?.ca) throw new Error('a board is no authority')
    const [deviceId, ...otherNames] = leaf.subjectName.getField('CN')
    const [serial, ...otherSerials] = leaf.subjectName.getField(SERIAL_NUMBER)
    if (otherNames.length > 0 || otherSerials.length > 0) throw new Error('it has several names')
    if (deviceId !== keyId(leaf)) throw new Error('it does not name its own key')
    return { deviceId, serial: serialNumber.parse(serial), stationId }
  })
}

async function checkStation(station: X509Certificate, root: MakerRoot, now: Date): Promise<X509Certificate> {
  await check(root.certificate, root.certificate, now)
  await check(station, root.certificate, now)
  checkAuthority(station)
  if (station.getExtension(BasicConstraintsExtension)?.pathLength !== 0)
    throw new Error('a station makes no other stations')
  return station
}

function checkAuthority(certificate: X509Certificate): void {
  if (certificate.getExtension(BasicConstraintsExtension)?.ca !== true) throw new Error('it is no authority')
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages ?? 0
  if ((usages & KeyUsageFlags.keyCertSign) === 0) throw new Error('it may not sign certificates')
}

/** What holds for every certificate of a chain (RFC 5280 §6.1.3). */
async function check(certificate: X509Certificate, issuer: X509Certificate, now: Date): Promise<void> {
  const { algorithm } = certificate.publicKey as { algorithm: { name?: string; namedCurve?: string } }
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') throw new Error('not a P-256 key')
  const signature = certificate.signatureAlgorithm as { name: string; hash?: { name?: string } }
  if (signature.name !== 'ECDSA' || signature.hash?.name !== 'SHA-256')
    throw new Error('not signed by ECDSA with SHA-256')
  if (!same(certificate.issuerName.toArrayBuffer(), issuer.subjectName.toArrayBuffer()))
    throw new Error('it names another issuer')
  if (now < certificate.notBefore || now > certificate.notAfter)
    throw new Error('it is not valid at this time')
  if (certificate.extensions.some(({ critical, type }) => critical && !UNDERSTOOD.has(type)))
    throw new Error('it has a critical extension that nobody here understands')
  if (!(await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true })))
    throw new Error('its signature does not hold')
}

function belowRoot(chain: readonly string[], root: MakerRoot): readonly X509Certificate[] {
  const certificates = chain.map(der => new X509Certificate(Buffer.from(der, 'base64')))
  const last = certificates.at(-1)
  const ends = last !== undefined && same(last.rawData, root.certificate.rawData)
  return ends ? certificates.slice(0, -1) : certificates
}

async function judged<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new OwnlensError('station.unknown', (cause as Error).message.split('\n')[0], { cause })
  }
}

const keyId = (certificate: X509Certificate): string => idOfKey(new Uint8Array(certificate.publicKey.rawData))

const same = (one: ArrayBuffer, other: ArrayBuffer): boolean => Buffer.from(one).equals(Buffer.from(other))
