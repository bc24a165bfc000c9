import { isIP } from 'node:net'
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import type { X509Certificate } from '@peculiar/x509'
import { checkDates, checkHubChain } from './hub-chain.ts'
import { roadTo } from './road.ts'
import { type SignedTime, timeBy } from './signed-time.ts'

/** Whom a line to a hub must lead to, and who calls. */
export interface HubLine {
  readonly host: string
  readonly port: number
  /** The pinned CA, PEM. */
  readonly ca: string
  /** PEM. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined
  /** Dates are looked at once the hub has said what time it is. */
  readonly signed?: SignedTime | undefined
  readonly signal: AbortSignal
}

/**
 * A TLS connection to the hub and nobody else. OpenSSL's own verdict is left aside: it looks at dates by the machine's clock,
 * and reports an ended certificate of the right CA like one of a foreign CA. So `hub-chain.ts` decides, before a byte of what
 * the caller has to say is sent. TLS 1.3 only: before it a client's certificate, and with it household and device, travels in
 * the clear. It is never resumed.
 *
 * @param line.signal gives up; once there is a line it is the caller's.
 * @returns the socket, and the certificates that were relied on.
 * @throws OwnlensError `hub.ca`; or the error of the connection.
 */
export function connectHub(line: HubLine): Promise<{ socket: TLSSocket; chain: readonly X509Certificate[] }> {
  const { host, port, identity, signal } = line
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = connect({
      ...roadTo({ host, port }),
      ...(isIP(host) === 0 && { servername: host }),
      minVersion: 'TLSv1.3',
      rejectUnauthorized: false,
      ...(identity && { cert: identity.certificate, key: identity.key }),
    })
    socket.setNoDelay(true)
    const stop = () => socket.destroy(new Error('stopped'))
    const over = () => signal.removeEventListener('abort', stop)
    signal.addEventListener('abort', stop, { once: true })
    // It stays: an error that comes when nobody listens any more must not end the process.
    socket.on('error', reject)
    socket.once('close', () => {
      over()
      reject(new Error('closed'))
    })
    socket.once('secureConnect', () => {
      over()
      try {
        const chain = checkHubChain(certificatesOf(socket), line.ca)
        if (line.signed) checkDates(chain, timeBy(line.signed))
        resolve({ socket, chain })
      } catch (error) {
        reject(error)
        socket.destroy()
      }
    })
  })
}

/** What the server sent, the leaf first, as far as it matters. */
function certificatesOf(socket: TLSSocket): Uint8Array[] {
  const leaf: Partial<DetailedPeerCertificate> = socket.getPeerCertificate(true)
  return [leaf.raw, leaf.issuerCertificate?.raw].filter(raw => raw !== undefined)
}
