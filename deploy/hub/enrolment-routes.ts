import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OwnlensError } from '../../protocol/errors.ts'
import { bodyOf, certificateBehind } from './caller.ts'
import type { HttpsParts } from './https.ts'

const CSR_MAX = 8 * 1024
const EST = '/.well-known/est'

/**
 * What a request should be (RFC 7030 §4.5.2), DER: a P-256 key (`ecPublicKey` with the one value `prime256v1`) and a signature
 * by `ecdsa-with-SHA256`. The name comes from the statement; no extension is asked for, and none is taken over.
 */
const CSR_ATTRIBUTES = Buffer.from(
  ['3021', '3015', '06072a8648ce3d0201', '310a', '06082a8648ce3d030107', '06082a8648ce3d040302'].join(''),
  'hex',
)

/** PROTOCOL 5.4: certificates by EST (RFC 7030), asked for with a statement in the header `Ownlens-Statement`. */
export function enrolmentRoutes(server: FastifyInstance, { authority, registrar }: HttpsParts): void {
  // RFC 7030 §4.1
  server.get(`${EST}/cacerts`, (_request, reply) => certsOnly(reply, authority.certsOnly()))
  // RFC 7030 §4.5
  server.get(`${EST}/csrattrs`, (_request, reply) =>
    base64(reply.type('application/csrattrs'), CSR_ATTRIBUTES),
  )
  // RFC 7030 §4.2.1
  server.post(`${EST}/simpleenroll`, { bodyLimit: CSR_MAX }, async (request, reply) =>
    certsOnly(reply, await registrar.enrol(csrOf(request), statementOf(request))),
  )
  // RFC 7030 §4.2.2
  server.post(`${EST}/simplereenroll`, { bodyLimit: CSR_MAX }, async (request, reply) => {
    const renewed = certificateBehind(request)
    if (renewed === undefined) throw new OwnlensError('enrol.renewal')
    return certsOnly(reply, await registrar.enrol(csrOf(request), statementOf(request), renewed))
  })
}

/** PKCS#10, DER. It travels in base64 whatever a header says (RFC 8951 §3.1). */
function csrOf(request: FastifyRequest): Uint8Array {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/pkcs10') throw new OwnlensError('enrol.csr', 'Content-Type: application/pkcs10')
  return Buffer.from(bodyOf(request).replace(/-----[^-\n]+-----/g, ''), 'base64')
}

function statementOf(request: FastifyRequest): string {
  const statement = request.headers['ownlens-statement']
  return typeof statement === 'string' ? statement : ''
}

// RFC 7030 §4.1.3, §4.2.3
function certsOnly(reply: FastifyReply, pkcs7: Uint8Array): FastifyReply {
  return base64(reply.type('application/pkcs7-mime; smime-type=certs-only'), pkcs7)
}

/** In lines of 64 characters: some readers take no longer ones (RFC 2045 §6.8 allows 76). */
function base64(reply: FastifyReply, der: Uint8Array): FastifyReply {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return reply.header('content-transfer-encoding', 'base64').send(`${lines.join('\n')}\n`)
}
