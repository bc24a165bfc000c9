import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import {
  cryptoProvider,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509Certificates,
} from '@peculiar/x509'
import { OwnlensError } from '../protocol/errors.ts'
import { hex, idOfKey, sha256 } from '../protocol/ids.ts'

cryptoProvider.set(webcrypto as never)

/** A key that does nothing but TLS, with the certificate that the hub's registrar gave for it. */
export interface TlsIdentity {
  /** Subject CN: also the MQTT client id. */
  readonly name: string
  readonly certificate: string
  readonly key: string
  readonly ca: string
  readonly notAfter: Date
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

/** The end-entity certificate out of a PKCS#7 certs-only answer (RFC 7030 §4.2.3), checked against the CA. */
export async function readIssued(
  pkcs7: Uint8Array,
  keyHash: string,
  ca: X509Certificate,
): Promise<X509Certificate> {
  try {
    for (const certificate of new X509Certificates(pkcs7)) {
      if (hex(sha256(new Uint8Array(certificate.publicKey.rawData))) !== keyHash) continue
      if (await certificate.verify({ publicKey: ca.publicKey, signatureOnly: true })) return certificate
    }
  } catch (cause) {
    throw new OwnlensError('enrol.answer', 'it cannot be read', { cause })
  }
  throw new OwnlensError('enrol.answer', 'no certificate for the key that was asked for')
}

/** The id of a certificate's key. */
export function keyIdOf(certificate: X509Certificate): string {
  return idOfKey(new Uint8Array(certificate.publicKey.rawData))
}

/** Reads the hub's CA and checks it against the pinned id, its own signature included. Throws `hub.ca`. */
export async function readPinnedCa(pem: string, caId: string): Promise<X509Certificate> {
  if (pem.length > 16 * 1024) throw new OwnlensError('hub.ca', 'too large')
  try {
    const certificate = new X509Certificate(pem)
    if (keyIdOf(certificate) === caId && (await certificate.verify({ signatureOnly: true })))
      return certificate
  } catch (cause) {
    throw new OwnlensError('hub.ca', undefined, { cause })
  }
  throw new OwnlensError('hub.ca')
}

/**
 * TLS options that accept the hub and nobody else: its certificate must chain to the pinned CA and carry the CN `hub`.
 * Host names say nothing here, so that a hub may move to another address. TLS 1.3 only:
 * before it a client's certificate, and with it household and device, travels in the clear.
 */
export function hubTls(ca: string): {
  ca: string
  minVersion: 'TLSv1.3'
  rejectUnauthorized: true
  checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined
} {
  return {
    ca,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) =>
      certificate.subject?.CN === 'hub'
        ? undefined
        : new OwnlensError('hub.ca', 'it is not the hub’s certificate'),
  }
}

/** The hub key, out of the certificate that the pinned CA gave for it. Throws `hub.ca`. */
export async function readHubKey(der: Uint8Array, ca: X509Certificate): Promise<string> {
  const certificate = readCertificate(der)
  const good = await certificate.verify({ publicKey: ca.publicKey, signatureOnly: true })
  const named = certificate.subjectName.getField('CN').includes('hub')
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? []
  const marked = names.some(name => name.type === 'url' && name.value === 'ownlens:hub')
  if (!good || !named || !marked) throw new OwnlensError('hub.ca', 'the hub’s key is not certified')
  return keyIdOf(certificate)
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw new OwnlensError('hub.ca', 'the hub’s key is not certified', { cause })
  }
}
