import { type AddressInfo, createServer, isIPv6, type Server } from 'node:net'
import { OwnlensError } from '../../protocol/errors.ts'

/** Resolves when the server listens. Throws `hub.port`. */
export async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => reject(portError(host, port, cause)))
    server.listen(port, host, resolve)
  })
}

/** Why nothing can listen there. */
export function portError(host: string, port: number, cause: unknown): OwnlensError {
  const { code } = cause as { code?: string }
  const why: Record<string, string> = {
    EADDRINUSE: 'something else listens there',
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'it is not an address of this machine',
    ENOTFOUND: 'there is no such address',
  }
  const detail = `${authority(host, port)}: ${why[code ?? ''] ?? code ?? (cause as Error).message}`
  return new OwnlensError('hub.port', detail, { cause })
}

/** `host:port` as URLs write it. */
export function authority(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

/** A port that nothing holds now: for a program that does not choose one itself. */
export async function freePort(host: string): Promise<number> {
  const server = createServer()
  await listen(server, host, 0)
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
