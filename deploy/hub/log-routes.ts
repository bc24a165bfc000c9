import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import { parse } from './caller.ts'
import type { HttpsParts } from './https.ts'

/** C2SP tlog-tiles: `tile/<level or entries>/<N>`, and `.p/<W>` behind it. */
const TILE = /^(?:entries|[0-5]?\d)\/(?:x\d{3}\/){0,4}\d{3}(?:\.p\/(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]))?$/
const number = z
  .string()
  .regex(/^(0|[1-9]\d{0,15})$/)
  .transform(Number)
  .pipe(z.int())
const since = z.strictObject({
  since: number.default(0),
  witnesses: number.pipe(z.int().min(1).max(64)).default(1),
})
const sizes = z.strictObject({ from: number, to: number })

/** PROTOCOL 10.2: the log, for everybody. What is in it says nothing to who was not shown the records. */
export function logRoutes(server: FastifyInstance, { hubLog, storyFor, disk }: HttpsParts): void {
  server.get('/log/checkpoint', (_request, reply) =>
    reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(hubLog.checkpoint),
  )
  server.get('/log/tile/*', async (request, reply) => {
    const path = (request.params as { '*': string })['*']
    const bytes = TILE.test(path) ? await disk.read(join(hubLog.folder, 'tile', path)) : undefined
    if (bytes === undefined) throw new OwnlensError('log.tile', 'no such file')
    const forever = 'public, max-age=31536000, immutable'
    return reply.type('application/octet-stream').header('cache-control', forever).send(Buffer.from(bytes))
  })
  server.get('/log/head', async request => {
    const told = await storyFor(request)
    const asked = parse(since, request.query)
    return told.head(asked.since, asked.witnesses)
  })
  server.get('/log/consistency', async request => {
    const { from, to } = parse(sizes, request.query)
    const told = await storyFor(request)
    return { consistency: await told.consistency(from, to) }
  })
}
