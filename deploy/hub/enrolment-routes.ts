import type { FastifyInstance, FastifyReply } from 'fastify'
import { bodyOf } from './caller.ts'
import type { HttpsParts } from './https.ts'

const CSR_MAX = 8 * 1024

/** PROTOCOL 5.4: certificates by EST (RFC 7030), asked for with a statement in the header `Ownlens-Statement`. */
export function enrolmentRoutes(server: FastifyInstance, { authority, registrar }: HttpsParts): void {
  // RFC 7030 §4.1
  server.get('/.well-known/est/cacerts', (_request, reply) => certsOnly(reply, authority.certsOnly()))
  // RFC 7030 §4.2
  for (const path of ['simpleenroll', 'simplereenroll'])
    server.post(`/.well-known/est/${path}`, { bodyLimit: CSR_MAX }, async (request, reply) => {
      const csr = Buffer.from(bodyOf(request).replace(/-----[^-\n]+-----/g, ''), 'base64')
      const statement = request.headers['ownlens-statement']
      return certsOnly(reply, await registrar.enrol(csr, typeof statement === 'string' ? statement : ''))
    })
}

// RFC 7030 §4.1.3, §4.2.3
function certsOnly(reply: FastifyReply, pkcs7: Uint8Array): FastifyReply {
  return reply
    .type('application/pkcs7-mime; smime-type=certs-only')
    .header('content-transfer-encoding', 'base64')
    .send(Buffer.from(pkcs7).toString('base64'))
}
