import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import rangeParser from 'range-parser'
import { z } from 'zod'
import { clipId, epoch, id } from '../../protocol/fields.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { callerOf, parse } from './caller.ts'
import { cursorOf } from './clip-shelf.ts'
import type { HttpsParts } from './https.ts'

const household = z.strictObject({ householdId: id })
const page = z.strictObject({
  after: z.string().max(80).default(''),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/)
    .transform(Number)
    .pipe(z.int().max(500))
    .default(200),
})
const place = z.strictObject({
  householdId: id,
  epoch: z
    .string()
    .regex(/^[1-9]\d{0,9}$/)
    .transform(Number)
    .pipe(epoch),
  deviceId: id,
  clipId,
  part: z.string().max(8),
})

/** PROTOCOL 6.7: what is stored of one's own household. */
export function clipRoutes(server: FastifyInstance, { registrar, store }: HttpsParts): void {
  server.get('/clips/:householdId', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'member')
    const { after, limit } = parse(page, request.query)
    const { clips, more } = await store.list(householdId, after, limit)
    const last = clips.at(-1)
    return { clips, next: last === undefined || !more ? null : cursorOf(last) }
  })
  server.get('/clips/:householdId/:epoch/:deviceId/:clipId/:part', async (request, reply) => {
    const asked = parse(place, request.params)
    await callerOf(request, registrar, asked.householdId, 'member')
    const bytes = Buffer.from(await store.read(asked, asked.clipId, asked.part))
    return sendRange(request.headers, reply.type('application/octet-stream'), bytes)
  })
}

/** Answers with all of it, or with the range that was asked for (RFC 9110 §14): one, or else all. */
function sendRange(headers: IncomingHttpHeaders, reply: FastifyReply, bytes: Buffer): FastifyReply {
  const etag = `"${hex(sha256(bytes))}"`
  reply.header('etag', etag).header('accept-ranges', 'bytes')
  if (headers['if-none-match'] === etag) return reply.code(304).send()
  const { range, 'if-range': ifRange = etag } = headers
  // What it has a part of is another one: it gets all of this one.
  if (range === undefined || ifRange !== etag) return reply.send(bytes)
  const wanted = rangeParser(bytes.length, range)
  if (wanted === UNSATISFIABLE)
    return reply.code(416).header('content-range', `bytes */${bytes.length}`).send()
  const [first, ...others] = Array.isArray(wanted) && wanted.type === 'bytes' ? wanted : []
  if (first === undefined || others.length > 0) return reply.send(bytes)
  const { start, end } = first
  reply.header('content-range', `bytes ${start}-${end}/${bytes.length}`)
  return reply.code(206).send(bytes.subarray(start, end + 1))
}

/** What `range-parser` answers where no range of these bytes is meant. */
const UNSATISFIABLE = -1
