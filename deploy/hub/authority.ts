import 'reflect-metadata'
import { createPrivateKey } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Pkcs10CertificateRequest, type X509Certificate, X509Certificates } from '@peculiar/x509'
import { OwnlensError } from '../../protocol/errors.ts'
import { hex, idOfKey, sha256 } from '../../protocol/ids.ts'
import { type Signer, signerOf } from '../../protocol/keys.ts'
import { type CertificateName, certificateUri } from '../../protocol/registrar.ts'
import type { Disk } from '../../storage/disk.ts'
import { type CaChange, type CaFiles, kept, openCas } from './ca-files.ts'
import {
  CA_LIFETIME_MS,
  type Certified,
  certifyAuthority,
  DAY,
  hostNames,
  issue,
  keyToPem,
  makeCertified,
} from './certificates.ts'
import { makeCrl, type Revoked } from './crl.ts'

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
 *
 * While one CA follows another (RFC 4210 §4.4) there are two: the new one certifies, both are trusted, and each is certified
 * by the other, so that who pins either finds its way to everything.
 */
export class Authority {
  readonly #ca: Certified
  readonly #old: Certified | undefined
  /** Each certified by the other: new with old, old with new. None when there is one CA. */
  readonly #crossed: readonly X509Certificate[]
  readonly #hubCertificate: X509Certificate
  /** Signs nonces, acknowledgements, receipts. */
  readonly hubKey: Signer
  /** The current CA's. */
  readonly caId: string
  /** The one before it, until it is retired. */
  readonly oldCaId: string | undefined
  /** All of `cacerts`: the current CA first. */
  readonly caPem: string
  /** Whom the hub's servers trust to certify clients: both CAs, by themselves. */
  readonly trustPem: string
  /** For HTTPS and MQTT. The certificate that leads from the old CA to the new one goes with it. */
  readonly tls: PemIdentity
  /** For the hub's own connection to a broker that runs apart. */
  readonly client: PemIdentity

  private constructor(parts: {
    cas: CaFiles
    crossed: readonly X509Certificate[]
    hubKey: Signer
    hubCertificate: X509Certificate
    tls: PemIdentity
    client: PemIdentity
  }) {
    const { current, old } = parts.cas
    this.#ca = current
    this.#old = old
    this.#crossed = parts.crossed
    this.hubKey = parts.hubKey
    this.#hubCertificate = parts.hubCertificate
    this.caId = idOf(current)
    this.oldCaId = old && idOf(old)
    this.caPem = this.#all().map(asPem).join('')
    this.trustPem = [current, ...(old ? [old] : [])].map(({ certificate }) => asPem(certificate)).join('')
    this.tls = parts.tls
    this.client = parts.client
  }

  /**
   * @param names host names and addresses of the hub, besides this machine's own.
   * @param options.ca what is to be done about the CA first.
   * @throws OwnlensError `hub.damaged`.
   */
  static async open(
    disk: Disk,
    data: string,
    names: readonly string[],
    options: { now?: Date; ca?: CaChange | undefined } = {},
  ): Promise<Authority> {
    const { now = new Date() } = options
    const folder = join(data, 'ca')
    await disk.makeFolder(folder)
    const cas = await openCas(disk, folder, now, options.ca)
    const { current: ca, old } = cas
    const crossed = old && [await certifyAuthority(old, ca, now), await certifyAuthority(ca, old, now)]
    const common = { name: 'hub', now, lifetimeMs: CA_LIFETIME_MS }
    const own = [{ type: 'url' as const, value: 'ownlens:hub' }]
    const hub = await kept(
      disk,
      join(folder, 'hub-key'),
      keys => makeCertified(ca, { ...common, purpose: 'hub-key', alternativeNames: own }, keys),
      certificate => certificate.verify({ publicKey: ca.certificate.publicKey, signatureOnly: true }),
    )
    const reached = [...new Set([...names, 'localhost', hostname(), '127.0.0.1', '::1'])]
    const tls = await toPem(
      await makeCertified(ca, { ...common, purpose: 'hub-tls', alternativeNames: hostNames(reached) }),
    )
    const client = await makeCertified(ca, { ...common, purpose: 'client', alternativeNames: own })
    return new Authority({
      cas,
      crossed: crossed ?? [],
      hubKey: signerOf(createPrivateKey(await keyToPem(hub.privateKey))),
      hubCertificate: hub.certificate,
      tls: crossed?.[0] ? { ...tls, certificate: tls.certificate + asPem(crossed[0]) } : tls,
      client: await toPem(client),
    })
  }

  /** Whether requests that are meant for this CA are meant for this hub. */
  goesBy(caId: string): boolean {
    return caId === this.caId || caId === this.oldCaId
  }

  #all(): readonly X509Certificate[] {
    return [this.#ca.certificate, ...this.#crossed, ...(this.#old ? [this.#old.certificate] : [])]
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

  /** What counts no more, as a list of each CA: whose certificates they were is not asked. */
  async crl(revoked: readonly Revoked[], now = new Date()): Promise<string> {
    const lists = [await makeCrl(this.#ca, revoked, now)]
    if (this.#old) lists.push(await makeCrl(this.#old, revoked, now))
    return lists.join('')
  }

  /** PKCS#7 certs-only, DER (RFC 7030 §4.2.3). Without a certificate: `cacerts`, roll-over included (§4.1.3). */
  certsOnly(certificate?: X509Certificate): Uint8Array {
    const certificates = certificate === undefined ? this.#all() : [certificate]
    return new Uint8Array(new X509Certificates([...certificates]).export('raw'))
  }
}

async function toPem({ certificate, privateKey }: Certified): Promise<PemIdentity> {
  return { certificate: asPem(certificate), key: await keyToPem(privateKey) }
}

const asPem = (certificate: X509Certificate): string => `${certificate.toString('pem').trimEnd()}\n`

const idOf = ({ certificate }: Certified): string => idOfKey(new Uint8Array(certificate.publicKey.rawData))
