import { createPublicKey } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, EmbeddedJWK } from 'jose'
import type { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { type PublicKey, publicKeyOf, type Signer } from './keys.ts'

/**
 * A kind of signed statement: its `typ` (`ownlens-<name>/<version>`), the most bytes its compact form may have, and what
 * its payload looks like.
 */
export interface StatementKind<T> {
  readonly typ: string
  readonly maxBytes: number
  readonly schema: z.ZodType<T>
}

/** A statement whose signature holds and whose payload has the right form. */
export interface Statement<T> {
  readonly jws: string
  readonly signer: PublicKey
  readonly payload: T
}

export const SMALL_STATEMENT = 8 * 1024

/** Signs `payload` as a statement of this kind. Throws `statement.form` when it would be refused by readers. */
export async function makeStatement<T>(kind: StatementKind<T>, payload: T, signer: Signer): Promise<string> {
  const parsed = kind.schema.safeParse(payload)
  if (!parsed.success) throw formError(kind, parsed.error)
  const jws = await signer.sign(kind.typ, new TextEncoder().encode(JSON.stringify(parsed.data)))
  if (jws.length > kind.maxBytes) throw new OwnlensError('statement.size', kind.typ)
  return jws
}

/**
 * Checks a statement in the one right order: size, kind and version, signature, signer, and only then its meaning
 * (PROTOCOL 2).
 *
 * @param signedBy the id of the key that must have signed it; `'itself'` for self-certifying statements, whose caller
 *   must compare `signer.id` with an id in the payload.
 * @throws OwnlensError `statement.size`, `statement.kind`, `statement.version`, `statement.signature`,
 *   `statement.signer`, `statement.form`.
 */
export async function readStatement<T>(
  kind: StatementKind<T>,
  jws: string,
  signedBy: string | 'itself',
): Promise<Statement<T>> {
  if (jws.length > kind.maxBytes) throw new OwnlensError('statement.size', kind.typ)
  checkKind(kind.typ, jws)
  let bytes: Uint8Array
  let signer: PublicKey
  try {
    const verified = await compactVerify(jws, EmbeddedJWK, { algorithms: ['ES256'] })
    bytes = verified.payload
    const jwk = verified.protectedHeader.jwk
    if (jwk?.crv !== 'P-256') throw new Error('not P-256')
    signer = publicKeyOf(createPublicKey({ key: { ...jwk }, format: 'jwk' }))
  } catch (cause) {
    throw new OwnlensError('statement.signature', kind.typ, { cause })
  }
  if (signedBy !== 'itself' && signer.id !== signedBy) throw new OwnlensError('statement.signer', kind.typ)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new OwnlensError('statement.form', kind.typ, { cause })
  }
  const parsed = kind.schema.safeParse(value)
  if (!parsed.success) throw formError(kind, parsed.error)
  return { jws, signer, payload: parsed.data }
}

function checkKind(expected: string, jws: string): void {
  let typ: unknown
  try {
    typ = decodeProtectedHeader(jws).typ
  } catch (cause) {
    throw new OwnlensError('statement.kind', expected, { cause })
  }
  if (typ === expected) return
  const [name, version] = typeof typ === 'string' ? typ.split('/') : []
  const sameName = name === expected.split('/')[0] && version !== undefined && /^\d{1,9}$/.test(version)
  throw new OwnlensError(sameName ? 'statement.version' : 'statement.kind', expected)
}

function formError(kind: StatementKind<unknown>, error: z.ZodError): OwnlensError {
  const issue = error.issues[0]
  const where = issue === undefined ? '' : `: ${issue.path.join('.')} ${issue.message}`
  return new OwnlensError('statement.form', `${kind.typ}${where}`)
}
