import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509Certificates,
} from '@peculiar/x509'
import { OwnlensError } from '../protocol/errors.ts'
import { hex, idOfKey, sha256 } from '../protocol/ids.ts'
import type { SignedTime } from './signed-time.ts'

cryptoProvider.set(webcrypto as never)

/** A key that does nothing but TLS, with the certificate that the hub's registrar gave for it. */
export interface TlsIdentity {
  /** Subject CN: also the MQTT client id. */
  readonly name: string
  readonly certificate: string
  readonly key: string
  readonly ca: string
  readonly notAfter: Date
  /** The hub's time when it was issued. */
  readonly signed?: SignedTime
}

/** A fresh TLS key and a request for its certificate. */
export interface TlsRequest {
  /** PKCS#10, DER. */
  readonly csr: Uint8Array
  /** PKCS#8 PEM. */
  readonly key: string
  /** SHA-256 over the SubjectPublicKeyInfo in the request, hexadecimal. */
  readonly keyHash: string
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Makes a TLS key (P-256) and a PKCS#10 request with this subject CN. */
export async function makeTlsRequest(name: string): Promise<TlsRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
  })
  const key = webcryptoToPem(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const keyHash = hex(sha256(new Uint8Array(request.publicKey.rawData)))
  return { csr: new Uint8Array(request.rawData), key, keyHash }
}

function webcryptoToPem(pkcs8: ArrayBuffer): string {
  const lines =
    Buffer.from(pkcs8)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}

/** The end-entity certificate out of a PKCS#7 certs-only answer (RFC 7030 §4.2.3), checked against the hub's CAs. */
export async function readIssued(
  pkcs7: Uint8Array,
  keyHash: string,
  authorities: readonly X509Certificate[],
): Promise<X509Certificate> {
  try {
    for (const certificate of new X509Certificates(pkcs7)) {
      if (hex(sha256(new Uint8Array(certificate.publicKey.rawData))) !== keyHash) continue
      if (await isBy(certificate, authorities)) return certificate
    }
  } catch (cause) {
    throw new OwnlensError('enrol.answer', 'it cannot be read', { cause })
  }
  throw new OwnlensError('enrol.answer', 'no certificate for the key that was asked for')
}

async function isBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): Promise<boolean> {
  for (const { publicKey } of authorities)
    if (await certificate.verify({ publicKey, signatureOnly: true })) return true
  return false
}

/** The id of a certificate's key. */
export function keyIdOf(certificate: X509Certificate): string {
  return idOfKey(new Uint8Array(certificate.publicKey.rawData))
}

/** A hub's CA that is pinned by its id, and what it vouches for. */
export interface PinnedCa {
  /** The pinned CA alone: what TLS trusts. */
  readonly pem: string
  /** The pinned CA, and the one that comes after or before it if the pinned one has certified it (RFC 4210 §4.4). */
  readonly authorities: readonly X509Certificate[]
}

/** Finds the pinned CA among the hub's certificates; its own signature must hold. Throws `hub.ca`. */
export async function readPinnedCa(pem: string, caId: string): Promise<PinnedCa> {
  if (pem.length > 16 * 1024) throw new OwnlensError('hub.ca', 'too large')
  try {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    const all = blocks.map(block => new X509Certificate(block))
    for (const ca of all) {
      if (keyIdOf(ca) !== caId || !(await ca.verify({ signatureOnly: true }))) continue
      const vouched: X509Certificate[] = []
      for (const other of all)
        if (keyIdOf(other) !== caId && isAuthority(other) && (await isBy(other, [ca]))) vouched.push(other)
      return { pem: ca.toString('pem'), authorities: [ca, ...vouched] }
    }
  } catch (cause) {
    throw new OwnlensError('hub.ca', undefined, { cause })
  }
  throw new OwnlensError('hub.ca')
}

const isAuthority = (certificate: X509Certificate): boolean =>
  certificate.getExtension(BasicConstraintsExtension)?.ca === true

/** The hub key's certificate, which one of the hub's CAs must have given. Its dates are the caller's to check. Throws `hub.ca`. */
export async function readHubKey(
  der: Uint8Array,
  authorities: readonly X509Certificate[],
): Promise<X509Certificate> {
  const certificate = readCertificate(der)
  const good = await isBy(certificate, authorities)
  const named = certificate.subjectName.getField('CN').includes('hub')
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? []
  const marked = names.some(name => name.type === 'url' && name.value === 'ownlens:hub')
  if (!good || !named || !marked) throw new OwnlensError('hub.ca', 'the hub’s key is not certified')
  return certificate
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw new OwnlensError('hub.ca', 'the hub’s key is not certified', { cause })
  }
}
