import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { clipId, epoch, id } from '../../protocol/fields.ts'
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
    const bytes = await store.read(asked, asked.clipId, asked.part)
    return reply.type('application/octet-stream').send(Buffer.from(bytes))
  })
}
