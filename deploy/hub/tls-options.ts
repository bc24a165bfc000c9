import { constants } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import type { PemIdentity } from './authority.ts'

/** A handshake that takes longer is given up. */
export const HANDSHAKE_MS = 10_000

/**
 * How the hub's servers do TLS. TLS 1.3 only: before it a client's certificate, and with it household and device, travels in
 * the clear. No resumption: a resumed session would keep an expired certificate alive.
 */
export function serverTls(identity: PemIdentity, ca: string): TlsOptions {
  return {
    key: identity.key,
    cert: identity.certificate,
    ca,
    requestCert: true,
    // Who has no good certificate is told so by what answers, not by a closed connection.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: HANDSHAKE_MS,
  }
}
