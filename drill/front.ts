import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Authority } from '../deploy/hub/authority.ts'
import { disk } from '../storage/disk.ts'
import type { HubClient } from '../wire/hub-client.ts'
import type { TlsIdentity } from '../wire/tls.ts'

/** A cache before a hub, with the hub's own certificate: it answers one home's questions with what it holds of another's. */
export interface Front {
  readonly url: string
  /** Answers that were another home's. */
  readonly mixedUp: number
  close(): Promise<void>
}

/**
 * @param hubFolder the hub's data: a cache in front of it is certified by the same authority.
 * @param mixUp the path that is fetched in place of the one that was asked for.
 * @param as whose certificate the cache had fetched it with.
 */
export async function cachingFront(
  hubFolder: string,
  hub: HubClient,
  mixUp: (path: string) => string | undefined,
  as: TlsIdentity,
): Promise<Front> {
  const { tls, caPem } = await Authority.open(disk, hubFolder, ['127.0.0.1'])
  let mixedUp = 0
  const server = createServer(
    { key: tls.key, cert: tls.certificate, minVersion: 'TLSv1.3' },
    (request, response) => {
      const path = request.url ?? '/'
      const answer = async (): Promise<Uint8Array> => {
        if (path === '/ca.pem') return Buffer.from(caPem)
        const other = mixUp(path)
        if (other !== undefined) mixedUp++
        return hub.getBytes(other ?? path, as)
      }
      answer().then(
        bytes => response.end(bytes),
        () => response.writeHead(502).end(),
      )
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    get mixedUp() {
      return mixedUp
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
