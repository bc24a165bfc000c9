import 'reflect-metadata'
import { X509Certificate as NodeCertificate } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate,
} from '@peculiar/x509'
import { OwnlensError } from '../protocol/errors.ts'

/** What is looked at in a certificate; any other extension that claims to be critical is refused (RFC 5280 §4.2). */
const KNOWN_CRITICAL = new Set(['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.37'])

/**
 * Decides whether a server's certificates are those of the hub whose CA is pinned: a leaf for TLS servers with the CN `hub`,
 * signed by that CA, or by a new CA key that the pinned one has certified (RFC 4210 §4.4, NewWithOld). Names of hosts say
 * nothing. Dates are not looked at: see `checkDates`.
 *
 * @param sent DER, the leaf first, as the server sent them.
 * @param ca DER or PEM; its key is the pinned one.
 * @returns the certificates that were relied on, the leaf first.
 * @throws OwnlensError `hub.ca`.
 */
export function checkHubChain(sent: readonly Uint8Array[], ca: Uint8Array | string): X509Certificate[] {
  const pinned = certificate(ca)
  const [leaf, next] = sent.slice(0, 2).map(certificate)
  if (leaf === undefined) throw new OwnlensError('hub.ca', 'it shows no certificate')
  checkLeaf(leaf)
  if (isSignedBy(leaf, pinned)) return [leaf, pinned]
  if (next === undefined || !isSignedBy(leaf, next)) throw new OwnlensError('hub.ca', 'it is by another CA')
  checkRollOver(next, pinned)
  return [leaf, next, pinned]
}

/**
 * @param time milliseconds since 1970, signed by the hub. Never the machine's own: a board may wake up in 1970.
 * @throws OwnlensError `hub.ca` when one of these certificates is not good yet, or no more.
 */
export function checkDates(certificates: readonly X509Certificate[], time: number): void {
  for (const { notBefore, notAfter } of certificates) {
    // Whole seconds: the last one belongs to it (RFC 5280 §4.1.2.5).
    if (time < notBefore.getTime()) throw new OwnlensError('hub.ca', 'its certificate is not good yet')
    if (time >= notAfter.getTime() + 1000) throw new OwnlensError('hub.ca', 'its certificate has ended')
  }
}

function checkLeaf(leaf: X509Certificate): void {
  const names = leaf.subjectName.getField('CN')
  const constraints = leaf.getExtension(BasicConstraintsExtension)
  const usages = leaf.getExtension(KeyUsagesExtension)?.usages ?? 0
  const purposes = leaf.getExtension(ExtendedKeyUsageExtension)?.usages ?? []
  if (names.length !== 1 || names[0] !== 'hub')
    throw new OwnlensError('hub.ca', 'it is not the hub’s certificate')
  if (constraints === null || constraints.ca) throw new OwnlensError('hub.ca', 'a CA is no server')
  const forServers =
    (usages & KeyUsageFlags.digitalSignature) !== 0 && purposes.includes(ExtendedKeyUsage.serverAuth)
  if (!forServers) throw new OwnlensError('hub.ca', 'its certificate is not for a server')
}

/** RFC 5280 §4.2.1.9: a self-issued certificate does not count in a path's length. */
function checkRollOver(next: X509Certificate, pinned: X509Certificate): void {
  const constraints = next.getExtension(BasicConstraintsExtension)
  const usages = next.getExtension(KeyUsagesExtension)?.usages ?? 0
  const isCa = constraints?.ca === true && (usages & KeyUsageFlags.keyCertSign) !== 0
  if (!isCa || next.subject !== next.issuer || !isSignedBy(next, pinned))
    throw new OwnlensError('hub.ca', 'it is by another CA')
}

function isSignedBy(child: X509Certificate, issuer: X509Certificate): boolean {
  if (child.issuer !== issuer.subject) return false
  try {
    const { publicKey } = new NodeCertificate(Buffer.from(issuer.rawData))
    return new NodeCertificate(Buffer.from(child.rawData)).verify(publicKey)
  } catch {
    return false
  }
}

function certificate(encoded: Uint8Array | string): X509Certificate {
  try {
    const read = new X509Certificate(encoded)
    for (const { critical, type } of read.extensions)
      if (critical && !KNOWN_CRITICAL.has(type)) throw new Error(`unknown extension ${type}`)
    return read
  } catch (cause) {
    throw new OwnlensError('hub.ca', 'its certificate cannot be read', { cause })
  }
}
