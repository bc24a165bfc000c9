import 'reflect-metadata'
import { createPrivateKey, type webcrypto } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Pkcs10CertificateRequest, X509Certificate, X509Certificates } from '@peculiar/x509'
import { OwnlensError } from '../../protocol/errors.ts'
import { hex, idOfKey, sha256 } from '../../protocol/ids.ts'
import { type Signer, signerOf } from '../../protocol/keys.ts'
import { type CertificateName, certificateUri } from '../../protocol/registrar.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import {
  CA_LIFETIME_MS,
  type Certified,
  DAY,
  hostNames,
  issue,
  keysFromPem,
  keyToPem,
  makeAuthority,
  makeCertified,
  makeCrl,
} from './certificates.ts'

/** A key and certificate as TLS libraries take them. */
export interface PemIdentity {
  readonly key: string
  readonly certificate: string
}

/** How long a device's or member's certificate is good, the minutes before its issue included. */
export const CLIENT_LIFETIME_MS = DAY

/** A PKCS#10 request whose own signature holds. */
export interface CertificateRequest {
  /** SHA-256 of its SubjectPublicKeyInfo, hexadecimal. */
  readonly keyHash: string
  /** Its subject's CN: what it asks for; who may have it is the registrar's to say. */
  readonly commonName: string
  /** Certifies its key under `commonName`. Nothing else of the request gets into the certificate. */
  issue(name: CertificateName, now: Date): Promise<X509Certificate>
}

/**
 * The hub's certificate authority and what it made for the hub itself. The CA and the hub key are made at the first start
 * and kept in `DATA/ca/`. The hub's TLS keys are made anew at every start and certified for as long as the CA: a hub may run
 * for years, and clients pin the CA and demand the name, so that a short life would protect nobody.
 */
export class Authority {
  readonly #ca: Certified
  readonly #hubCertificate: X509Certificate
  /** Signs nonces, acknowledgements, receipts. */
  readonly hubKey: Signer
  readonly caId: string
  readonly caPem: string
  /** For HTTPS and MQTT. */
  readonly tls: PemIdentity
  /** For the hub's own connection to a broker that runs apart. */
  readonly client: PemIdentity

  private constructor(parts: {
    ca: Certified
    hubKey: Signer
    hubCertificate: X509Certificate
    tls: PemIdentity
    client: PemIdentity
  }) {
    this.#ca = parts.ca
    this.hubKey = parts.hubKey
    this.#hubCertificate = parts.hubCertificate
    this.caId = idOfKey(new Uint8Array(parts.ca.certificate.publicKey.rawData))
    this.caPem = parts.ca.certificate.toString('pem')
    this.tls = parts.tls
    this.client = parts.client
  }

  /** @param names host names and addresses of the hub, besides this machine's own. */
  static async open(
    disk: Disk,
    data: string,
    names: readonly string[],
    now = new Date(),
  ): Promise<Authority> {
    const folder = join(data, 'ca')
    await disk.makeFolder(folder)
    const ca = await kept(disk, join(folder, 'ca'), keys => makeAuthority(now, keys))
    const common = { name: 'hub', now, lifetimeMs: CA_LIFETIME_MS }
    const own = [{ type: 'url' as const, value: 'ownlens:hub' }]
    const hub = await kept(disk, join(folder, 'hub-key'), keys =>
      makeCertified(ca, { ...common, purpose: 'hub-key', alternativeNames: own }, keys),
    )
    const reached = [...new Set([...names, 'localhost', hostname(), '127.0.0.1', '::1'])]
    const tls = await makeCertified(ca, {
      ...common,
      purpose: 'hub-tls',
      alternativeNames: hostNames(reached),
    })
    const client = await makeCertified(ca, { ...common, purpose: 'client', alternativeNames: own })
    return new Authority({
      ca,
      hubKey: signerOf(createPrivateKey(await keyToPem(hub.privateKey))),
      hubCertificate: hub.certificate,
      tls: await toPem(tls),
      client: await toPem(client),
    })
  }

  /** DER of the hub key's certificate, for who must check its signatures. */
  get hubCertificate(): Uint8Array {
    return new Uint8Array(this.#hubCertificate.rawData)
  }

  /**
   * Reads a PKCS#10 request and checks its own signature.
   *
   * @throws OwnlensError `enrol.csr`.
   */
  async readRequest(der: Uint8Array): Promise<CertificateRequest> {
    try {
      const request = new Pkcs10CertificateRequest(der)
      if (!(await request.verify())) throw new Error('its signature does not hold')
      const { algorithm } = request.publicKey as { algorithm: { name?: string; namedCurve?: string } }
      if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') throw new Error('not a P-256 key')
      const commonName = request.subjectName.getField('CN')[0] ?? ''
      return {
        keyHash: hex(sha256(new Uint8Array(request.publicKey.rawData))),
        commonName,
        issue: (name, now) =>
          issue(this.#ca, {
            name: commonName,
            publicKey: request.publicKey,
            purpose: 'client',
            alternativeNames: [{ type: 'url', value: certificateUri(name) }],
            now,
            lifetimeMs: CLIENT_LIFETIME_MS,
          }),
      }
    } catch (cause) {
      throw new OwnlensError('enrol.csr', cause instanceof Error ? cause.message : undefined, { cause })
    }
  }

  /** A client certificate of the hub's own making with somebody's CN: it pushes that session off a broker. */
  async pushOut(commonName: string, now = new Date()): Promise<PemIdentity> {
    const made = await makeCertified(this.#ca, {
      name: commonName,
      purpose: 'client',
      alternativeNames: [{ type: 'url', value: 'ownlens:hub' }],
      now,
      lifetimeMs: 10 * 60_000,
    })
    return toPem(made)
  }

  crl(revoked: readonly { serial: string; at: Date }[], now = new Date()): Promise<string> {
    return makeCrl(this.#ca, revoked, now)
  }

  /** PKCS#7 certs-only, DER (RFC 7030 §4.1.3, §4.2.3). */
  certsOnly(certificates: readonly X509Certificate[] = [this.#ca.certificate]): Uint8Array {
    return new Uint8Array(new X509Certificates([...certificates]).export('raw'))
  }
}

async function toPem({ certificate, privateKey }: Certified): Promise<PemIdentity> {
  return { certificate: certificate.toString('pem'), key: await keyToPem(privateKey) }
}

/**
 * A key and certificate as they were made at the first start. A certificate that is missing is made anew for the key that is
 * there: ids are hashes of keys, so all pins hold.
 */
async function kept(
  disk: Disk,
  path: string,
  make: (keys?: webcrypto.CryptoKeyPair) => Promise<Certified>,
): Promise<Certified> {
  const [certificate, key] = [await readText(disk, `${path}.pem`), await readText(disk, `${path}.key.pem`)]
  if (key === undefined) {
    if (certificate !== undefined) throw new OwnlensError('hub.damaged', `${path}.key.pem`)
    const made = await make()
    await replaceFile(disk, `${path}.key.pem`, await keyToPem(made.privateKey))
    await replaceFile(disk, `${path}.pem`, made.certificate.toString('pem'))
    return made
  }
  try {
    const keys = await keysFromPem(key)
    if (certificate !== undefined)
      return { certificate: new X509Certificate(certificate), privateKey: keys.privateKey }
    const made = await make(keys)
    await replaceFile(disk, `${path}.pem`, made.certificate.toString('pem'))
    return made
  } catch (cause) {
    throw new OwnlensError('hub.damaged', path, { cause })
  }
}
