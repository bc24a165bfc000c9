import { createPublicKey } from 'node:crypto'
import { base64url, compactVerify, EmbeddedJWK } from 'jose'
import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { hex, sha256 } from './ids.ts'
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
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/

/** A header has these fields and no other (PROTOCOL 2): nothing in it asks a reader to understand more. */
const headerSchema = z.strictObject({
  alg: z.literal('ES256'),
  typ: z.string(),
  jwk: z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
})

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
    if (!jws.split('.').every(isCanonical)) throw new Error('stray bits')
    const verified = await compactVerify(jws, EmbeddedJWK, { algorithms: ['ES256'] })
    bytes = verified.payload
    const { jwk } = headerSchema.parse(headerOf(jws))
    signer = publicKeyOf(createPublicKey({ key: jwk, format: 'jwk' }))
  } catch (cause) {
    throw new OwnlensError('statement.signature', kind.typ, { cause })
  }
  if (signedBy !== 'itself' && signer.id !== signedBy) throw new OwnlensError('statement.signer', kind.typ)
  let value: unknown
  try {
    value = parseOnce(textOf(bytes))
  } catch (cause) {
    throw new OwnlensError('statement.form', kind.typ, { cause })
  }
  const parsed = kind.schema.safeParse(value)
  if (!parsed.success) throw formError(kind, parsed.error)
  return { jws, signer, payload: parsed.data }
}

/**
 * What identifies a statement: SHA-256, hexadecimal, over its compact form without the last dot and the signature. An ECDSA
 * signature can be rewritten by anybody into another one that holds too; what it signs cannot.
 */
export function statementHash(jws: string): string {
  return hex(sha256(jws.slice(0, jws.lastIndexOf('.'))))
}

/** JSON whose objects name no field twice: readers would disagree about which one counts. Throws otherwise. */
function parseOnce(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // Every string is read to its end, so that each character is looked at once however it is written.
  const strings = text.match(/"(?:[^"\\]|\\.)*"\s*:?/g) ?? []
  const written = strings.filter(found => found.endsWith(':')).length
  if (written !== fieldsIn(value)) throw new Error('a field is named twice')
  return value
}

function fieldsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) ? 0 : Object.keys(value).length
  return Object.values(value).reduce((sum: number, inner) => sum + fieldsIn(inner), own)
}

function headerOf(jws: string): unknown {
  return parseOnce(textOf(base64url.decode(jws.slice(0, jws.indexOf('.')))))
}

/** Base64url has spare bits in some last characters; written in any other way than with zeros it is refused. */
const isCanonical = (part: string): boolean => base64url.encode(base64url.decode(part)) === part

const textOf = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)

function checkKind(expected: string, jws: string): void {
  let typ: unknown
  try {
    if (!COMPACT.test(jws) || !isCanonical(jws.slice(0, jws.indexOf('.'))))
      throw new Error('not a compact JWS')
    typ = (headerOf(jws) as { typ?: unknown } | null)?.typ
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
