import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { id, nonce } from '../../protocol/fields.ts'
import { nonceKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { bodyOf, callerOf, parse } from './caller.ts'
import type { HttpsParts } from './https.ts'

const asker = z.strictObject({ for: id, challenge: nonce })
const household = z.strictObject({ householdId: id })

/** PROTOCOL 5.1–5.3: the CA, nonces, signed requests, and what a household may read of itself. */
export function registrarRoutes(server: FastifyInstance, parts: HttpsParts): void {
  const { authority, registrar, nonces } = parts
  const hub = Buffer.from(authority.hubCertificate).toString('base64')
  server.get('/ca.pem', (_request, reply) => reply.type('application/x-pem-file').send(authority.caPem))
  server.get('/nonce', async request => {
    const { for: id, challenge } = parse(asker, request.query)
    const statement = {
      nonce: nonces.make(id),
      for: id,
      challenge,
      time: parts.now().toISOString(),
      epoch: await registrar.epochOf(id),
      broker: parts.brokerUrl(),
    }
    return { nonce: await makeStatement(nonceKind, statement, authority.hubKey), hub }
  })
  server.post('/request', async request => registrar.request(bodyOf(request)))
  server.get('/households/:householdId/roster', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'anyone of the household')
    return registrar.published(householdId)
  })
  server.get('/households/:householdId/claims', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'member')
    return { claims: await registrar.claims(householdId) }
  })
  server.get('/households/:householdId/blocks', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'member')
    return { blocks: await registrar.blocks(householdId) }
  })
  server.get('/households/:householdId/notices', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'member')
    return { notices: await registrar.notices(householdId) }
  })
  server.get('/households/:householdId/status', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'member')
    return { statuses: await parts.statuses.ofHousehold(householdId) }
  })
  server.get('/households/:householdId/reports', async request => {
    const { householdId } = parse(household, request.params)
    await callerOf(request, registrar, householdId, 'member')
    return parts.reports.ofHousehold(householdId)
  })
}
