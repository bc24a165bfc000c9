import 'reflect-metadata'
import { type KeyObject, randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { publicKeyOf } from '../../protocol/keys.ts'
import { SERIAL_NUMBER } from '../../protocol/maker-chain.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
/** For clocks that differ. */
const EARLY_MS = 5 * 60_000
/** "No end" (RFC 5280 §4.1.2.5). */
const NO_END = new Date('9999-12-31T23:59:59Z')
const STATION_YEARS = 10

/** A certificate and the key that it is about. */
export interface Authority {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

/**
 * The maker's root (PROTOCOL 9.4). It has no end: hubs trust this very key, and the boards' certificates, which have no end
 * either, would end with it.
 */
export async function certifyRoot(key: KeyObject, name: string, now: Date): Promise<X509Certificate> {
  const { spki } = publicKeyOf(key)
  return X509CertificateGenerator.create({
    ...(await common(now)),
    subject: commonName(name),
    issuer: commonName(name),
    notAfter: NO_END,
    publicKey: await verifying(spki),
    signingKey: await signing(key),
    extensions: [
      await SubjectKeyIdentifierExtension.create(await verifying(spki)),
      new BasicConstraintsExtension(true, 1, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
}

/** A station's certificate: an authority that makes boards' certificates and no other authority, for ten years. */
export async function certifyStation(
  root: Authority,
  spki: Uint8Array,
  name: string,
  now: Date,
): Promise<X509Certificate> {
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(now.getUTCFullYear() + STATION_YEARS)
  return certify(root, spki, {
    subject: commonName(name),
    notAfter: new Date(notAfter.getTime() - EARLY_MS),
    now,
    uses: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  })
}

/** A board's birth certificate (IEEE 802.1AR, IDevID): its serial and its own key, without end. */
export async function certifyBoard(
  station: Authority,
  board: { deviceId: string; spki: Uint8Array; serial: string },
  now: Date,
): Promise<X509Certificate> {
  return certify(station, board.spki, {
    subject: new Name([
      { [SERIAL_NUMBER]: [{ printableString: board.serial }] },
      { CN: [{ printableString: board.deviceId }] },
    ]),
    notAfter: NO_END,
    now,
    uses: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ],
  })
}

async function certify(
  issuer: Authority,
  spki: Uint8Array,
  { subject, notAfter, now, uses }: { subject: Name; notAfter: Date; now: Date; uses: Extension[] },
): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    ...(await common(now)),
    subject,
    issuer: issuer.certificate.subjectName,
    notAfter,
    publicKey: await verifying(spki),
    signingKey: await signing(issuer.key),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
      await SubjectKeyIdentifierExtension.create(await verifying(spki)),
      ...uses,
    ],
  })
}

/** Whatever is in it, a quotation mark included. */
const commonName = (name: string): Name => new Name([{ CN: [{ utf8String: name }] }])

async function common(
  now: Date,
): Promise<{ serialNumber: string; notBefore: Date; signingAlgorithm: object }> {
  // 127 random bits: positive, and never guessed.
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return {
    serialNumber: bytes.toString('hex'),
    notBefore: new Date(now.getTime() - EARLY_MS),
    signingAlgorithm: ALGORITHM,
  }
}

function signing(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
}

function verifying(spki: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify'])
}
