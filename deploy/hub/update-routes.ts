import { createReadStream } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { OwnlensError } from '../../protocol/errors.ts'

const PATH_MAX = 200
/** No part begins with a dot: neither `..` nor what an unfinished copy leaves. */
const PATH_PART = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/

/**
 * PROTOCOL 5.6: files for everybody, certificate or not, so that a camera that is blocked gets its fixes. What is in them is
 * signed by whoever made them; the hub vouches for nothing here.
 *
 * @param folder what lies in it is public. It need not be there.
 */
export function updateRoutes(server: FastifyInstance, folder: string): void {
  server.get('/updates/*', async (request, reply) => {
    const { '*': path } = request.params as { '*': string }
    const file = await findFile(folder, path)
    if (file === undefined) throw new OwnlensError('hub.absent')
    return reply
      .type('application/octet-stream')
      .header('content-length', file.bytes)
      .send(createReadStream(file.path))
  })
}

/** A plain file in the folder; no link is followed, wherever it leads. */
async function findFile(
  folder: string,
  path: string,
): Promise<{ readonly path: string; readonly bytes: number } | undefined> {
  const parts = path.split('/')
  if (path.length > PATH_MAX || !parts.every(part => PATH_PART.test(part))) return undefined
  let at = folder
  for (const [index, part] of parts.entries()) {
    at = join(at, part)
    const found = await lstat(at).catch(() => undefined)
    const isLast = index === parts.length - 1
    if (found === undefined || !(isLast ? found.isFile() : found.isDirectory())) return undefined
    if (isLast) return { path: at, bytes: found.size }
  }
  return undefined
}
