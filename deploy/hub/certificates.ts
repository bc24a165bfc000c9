import 'reflect-metadata'
import {
  createPrivateKey,
  createPublicKey,
  type X509Certificate as NodeCertificate,
  randomBytes,
  webcrypto,
} from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

cryptoProvider.set(webcrypto as never)

export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const MINUTE = 60_000
export const DAY = 24 * 60 * MINUTE
/** How long the authority, and what it certifies for the hub itself, is good. */
export const CA_LIFETIME_MS = 3650 * DAY
/** Certificates begin so long before their making, for clocks that differ. */
export const EARLY = 5 * MINUTE

/** A P-256 key pair with its certificate. */
export interface Certified {
  readonly certificate: X509Certificate
  readonly privateKey: webcrypto.CryptoKey
}

/** What a certificate is for. */
export type Purpose = 'hub-tls' | 'hub-key' | 'client'

/** All authorities' name: they differ in their keys (RFC 5280 §4.2.1.1), and one certified by another is self-issued. */
const AUTHORITY_NAME = 'CN=Ownlens hub CA'

/** A self-signed certificate authority, valid for ten years; with a new key unless one is given. */
export async function makeAuthority(now: Date, given?: webcrypto.CryptoKeyPair): Promise<Certified> {
  const keys = given ?? (await newKeys())
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: AUTHORITY_NAME,
    notBefore: new Date(now.getTime() - EARLY),
    notAfter: new Date(now.getTime() + CA_LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: await authorityExtensions(keys.publicKey),
  })
  return { certificate, privateKey: keys.privateKey }
}

/**
 * One authority's key certified by another's while one follows the other (RFC 4210 §4.4): good while both are. It is
 * self-issued, so that the issuer's path length 0 does not count it (RFC 5280 §4.2.1.9).
 */
export async function certifyAuthority(
  issuer: Certified,
  { certificate: subject }: Certified,
  now: Date,
): Promise<X509Certificate> {
  const ends = [issuer.certificate, subject].map(({ notAfter }) => notAfter.getTime())
  return X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: AUTHORITY_NAME,
    issuer: AUTHORITY_NAME,
    notBefore: new Date(now.getTime() - EARLY),
    notAfter: new Date(Math.min(...ends)),
    signingAlgorithm: ALGORITHM,
    signingKey: issuer.privateKey,
    publicKey: subject.publicKey,
    extensions: [
      await AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
      ...(await authorityExtensions(subject.publicKey)),
    ],
  })
}

async function authorityExtensions(key: PublicKey | webcrypto.CryptoKey): Promise<Extension[]> {
  return [
    await SubjectKeyIdentifierExtension.create(key),
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ]
}

/** A certificate by this authority, from five minutes back; none outlives the authority. */
export async function issue(
  authority: Certified,
  request: {
    name: string
    publicKey: PublicKey | webcrypto.CryptoKey
    purpose: Purpose
    alternativeNames: JsonGeneralName[]
    now: Date
    lifetimeMs: number
  },
): Promise<X509Certificate> {
  const { name, publicKey, purpose, alternativeNames, now, lifetimeMs } = request
  const usages: Record<Purpose, ExtendedKeyUsage[]> = {
    'hub-tls': [ExtendedKeyUsage.serverAuth],
    'hub-key': [],
    client: [ExtendedKeyUsage.clientAuth],
  }
  const from = now.getTime() - EARLY
  const extensions: Extension[] = [
    await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    await SubjectKeyIdentifierExtension.create(publicKey),
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new SubjectAlternativeNameExtension(alternativeNames),
  ]
  if (usages[purpose].length > 0) extensions.push(new ExtendedKeyUsageExtension(usages[purpose]))
  return X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(from),
    notAfter: new Date(Math.min(from + lifetimeMs, authority.certificate.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    signingKey: authority.privateKey,
    publicKey,
    extensions,
  })
}

/** A key and its certificate; a new key unless one is given. */
export async function makeCertified(
  authority: Certified,
  request: Omit<Parameters<typeof issue>[1], 'publicKey'>,
  given?: webcrypto.CryptoKeyPair,
): Promise<Certified> {
  const keys = given ?? (await newKeys())
  return {
    certificate: await issue(authority, { ...request, publicKey: keys.publicKey }),
    privateKey: keys.privateKey,
  }
}

/** Names under which the hub is reached, as X.509 writes them. */
export function hostNames(names: readonly string[]): JsonGeneralName[] {
  return names.map(value => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }))
}

/** PKCS#8 PEM of a private key. */
export async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  const lines =
    Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}

/** Reads what `keyToPem` wrote. */
export async function keysFromPem(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = createPrivateKey(pem)
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign']),
    publicKey: await subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

/** Serial number of a certificate as TLS reports it: lower-case hexadecimal without leading zeros. */
export function serialOf(certificate: X509Certificate | NodeCertificate): string {
  return certificate.serialNumber.toLowerCase().replace(/^0+/, '')
}

/** 127 random bits: positive, and never guessed. */
function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
