import { KeyObject, sign } from 'node:crypto'
import { AuthorityKeyIdentifierExtension } from '@peculiar/x509'
import { CA_LIFETIME_MS, type Certified, EARLY } from './certificates.ts'

/** A certificate that counts no more: its serial number in hexadecimal, and since when. */
export interface Revoked {
  readonly serial: string
  readonly at: Date
}

/** DER's tags for what a list is made of (X.690 §8). */
const INTEGER = 0x02
const BIT_STRING = 0x03
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30
const EXTENSIONS = 0xa0

/** `ecdsa-with-SHA256` (RFC 5758 §3.2). */
const ALGORITHM = Buffer.from('300a06082a8648ce3d040302', 'hex')
/** Version 2. */
const VERSION = Buffer.from('020101', 'hex')

/**
 * An authority's list of certificates that count no more (RFC 5280 §5), PEM. Written out by hand: a broker that is told in
 * files gets it anew whenever a session must end, and a general encoder takes a third of a millisecond for each entry.
 */
export async function makeCrl(
  { certificate, privateKey }: Certified,
  revoked: readonly Revoked[],
  now: Date,
): Promise<string> {
  // Two authorities have one name: without this a list would be tried with the wrong key.
  const keyId = await AuthorityKeyIdentifierExtension.create(certificate.publicKey)
  const entries = revoked.map(({ serial, at }) => der(SEQUENCE, integer(serial), time(at)))
  const list = der(
    SEQUENCE,
    ...[VERSION, ALGORITHM, Buffer.from(certificate.subjectName.toArrayBuffer())],
    ...[time(new Date(now.getTime() - EARLY)), time(new Date(now.getTime() + CA_LIFETIME_MS))],
    ...(entries.length > 0 ? [der(SEQUENCE, ...entries)] : []),
    der(EXTENSIONS, der(SEQUENCE, Buffer.from(keyId.rawData))),
  )
  const signature = sign('sha256', list, { key: KeyObject.from(privateKey), dsaEncoding: 'der' })
  return toPem(der(SEQUENCE, list, ALGORITHM, der(BIT_STRING, Buffer.from([0]), signature)))
}

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, { length: bytes }) => sum + bytes, 0)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(length)]), ...contents])
}

/** X.690 §8.1.3. */
function lengthOf(bytes: number): number[] {
  if (bytes < 0x80) return [bytes]
  const octets: number[] = []
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return [0x80 | octets.length, ...octets]
}

/** Positive: a first bit that is set would be a sign. */
function integer(serial: string): Buffer {
  const bytes = Buffer.from(serial.length % 2 === 0 ? serial : `0${serial}`, 'hex')
  return der(INTEGER, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

/** RFC 5280 §5.1.2.4: until 2049 with two digits of the year. */
function time(at: Date): Buffer {
  const digits = `${at.toISOString().slice(0, 19).replace(/\D/g, '')}Z`
  return at.getUTCFullYear() < 2050
    ? der(UTC_TIME, Buffer.from(digits.slice(2)))
    : der(GENERALIZED_TIME, Buffer.from(digits))
}

/** RFC 7468 §6 calls it X509 CRL, and OpenSSL reads nothing else. */
function toPem(list: Buffer): string {
  const lines = list.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`
}
