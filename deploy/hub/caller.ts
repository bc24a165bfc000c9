import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import type { Admission } from './broker.ts'
import { serialOf } from './certificates.ts'
import { networkOf } from './door.ts'

/** A certificate that was shown in TLS with its key. Whether it counts is the registrar's to say. */
export interface Shown {
  readonly serial: string
  readonly commonName: string
}

/** The certificate that this connection proved to hold; undefined without one that a CA of ours made and that has not ended. */
export function certificateBehind(request: FastifyRequest): Shown | undefined {
  const socket = request.raw.socket as TLSSocket
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
  if (certificate === undefined) return undefined
  return { serial: serialOf(certificate), commonName: String(socket.getPeerCertificate().subject.CN) }
}

/**
 * Who asks, by TLS certificate, if it lets them into this household now. Throws `hub.forbidden`, the same for a household
 * that is another's and one that does not exist.
 */
export async function callerOf(
  request: FastifyRequest,
  admission: Admission,
  householdId: string,
  who: 'member' | 'anyone of the household',
): Promise<CertificateName> {
  const serial = certificateBehind(request)?.serial
  const name = serial === undefined ? undefined : await admission.nameOf(serial)
  if (name === undefined || name.householdId !== householdId) throw new OwnlensError('hub.forbidden')
  if (who === 'member' && name.kind !== 'member') throw new OwnlensError('hub.forbidden')
  return name
}

/** Under which key requests are counted: a certificate, else the network that they come from. */
export function countedAs(request: FastifyRequest): string {
  const serial = certificateBehind(request)?.serial
  return serial === undefined ? `network ${networkOf(request.ip)}` : `certificate ${serial}`
}

export const hasCertificate = (key: string): boolean => key.startsWith('certificate ')

/** The body as text. Throws `hub.request`. */
export function bodyOf(request: FastifyRequest): string {
  if (typeof request.body !== 'string') throw new OwnlensError('hub.request', 'no body')
  return request.body
}

/** What of a request must have this form. Throws `hub.request`. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new OwnlensError('hub.request', parsed.error.issues[0]?.path.join('.'))
  return parsed.data
}
