import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { CompactSign, exportJWK } from 'jose'
import { makePrivateKey, signerOf } from '../../protocol/keys.ts'
import { successionKind } from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { newPerson, newSigner } from '../support/people.ts'
import {
  encoded,
  flipped,
  headerOf,
  hmacSigned,
  mirrored,
  signedAs,
  signedOver,
  stated,
  stray,
} from './forge.ts'
import type { StatementVector } from './format.ts'
import { kindCases } from './kinds.ts'
import { sealedKindCases } from './kinds-sealed.ts'

/** What a reader looks at in every statement is shown on one kind, a succession, whose form is the simplest; then each kind's form. */
export async function statementVectors(): Promise<readonly StatementVector[]> {
  return [...(await envelopeVectors()), ...(await formVectors())]
}

async function envelopeVectors(): Promise<readonly StatementVector[]> {
  const { typ } = successionKind
  const key = makePrivateKey()
  const signer = signerOf(key)
  const id = newSigner().id
  const issuedAt = '2026-11-24T12:00:00.000Z'
  const payload = { householdId: id, generation: 1, newRootId: id, newSuccessorId: id, issuedAt }
  const text = JSON.stringify(payload)
  const good = await makeStatement(successionKind, payload, signer)
  const [header = '', body = '', signature = ''] = good.split('.')
  const plainHeader = await headerOf(key, typ)
  const { jwk } = plainHeader
  const withHeader = async (changed: object) =>
    signedAs(key, JSON.stringify({ ...plainHeader, ...changed }), text)
  const withText = (changed: object) =>
    signedAs(key, JSON.stringify(plainHeader), JSON.stringify({ ...payload, ...changed }))
  const written = (changed: string) => signedAs(key, JSON.stringify(plainHeader), changed)
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const p384 = await new CompactSign(Buffer.from(text))
    .setProtectedHeader({ alg: 'ES384', typ, jwk: await exportJWK(other.publicKey) })
    .sign(other.privateKey)
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const twice = `{"alg":"ES256","typ":"ownlens-roster/1",${JSON.stringify(plainHeader).slice(15)}`
  const unencoded = encoded(JSON.stringify({ ...plainHeader, b64: false, crit: ['b64'] }))
  const point = { ...(jwk as object), y: encoded(Buffer.alloc(32, 7)) }
  const cases: Readonly<Record<string, string>> = {
    'header changed → statement.kind': [flipped(header), body, signature].join('.'),
    'payload changed → statement.signature': [header, flipped(body), signature].join('.'),
    'signature changed → statement.signature': [header, body, flipped(signature)].join('.'),
    'signature of another statement → statement.signature': [header, body, written('{}').split('.')[2]].join(
      '.',
    ),
    'a signature of zeros → statement.signature': [header, body, encoded(Buffer.alloc(64))].join('.'),
    'half a signature → statement.signature': [header, body, signature.slice(0, 43)].join('.'),
    'no signature → statement.signature': `${header}.${body}.`,
    'only two parts → statement.kind': `${header}.${body}`,
    'four parts → statement.kind': `${good}.${signature}`,
    'nothing → statement.kind': '',
    'another signer → statement.signer': await makeStatement(successionKind, payload, newSigner()),
    'alg none → statement.signature': `${encoded(JSON.stringify({ alg: 'none', typ, jwk }))}.${body}.`,
    'alg HS256 with the public key → statement.signature': hmacSigned(
      spki,
      JSON.stringify({ ...plainHeader, alg: 'HS256' }),
      text,
    ),
    'another curve → statement.signature': p384,
    'a key that is no point of the curve → statement.signature': await withHeader({ jwk: point }),
    'a private key inside → statement.signature': await withHeader({ jwk: await exportJWK(key) }),
    'another name → statement.kind': await withHeader({ typ: 'ownlens-roster/1' }),
    'no name → statement.kind': await withHeader({ typ: undefined }),
    'a name in upper case → statement.kind': await withHeader({ typ: 'Ownlens-Succession/1' }),
    'a name twice, the last one right → statement.kind': signedAs(key, twice, text),
    'a newer version → statement.version': await withHeader({ typ: 'ownlens-succession/2' }),
    'version 0 → statement.version': await withHeader({ typ: 'ownlens-succession/0' }),
    'no key → statement.signature': await withHeader({ jwk: undefined }),
    'a key’s name in the header → statement.signature': await withHeader({ kid: signer.id }),
    'more in the key → statement.signature': await withHeader({ jwk: { ...(jwk as object), use: 'sig' } }),
    'critical and unknown → statement.signature': await withHeader({ crit: ['exp'], exp: 1 }),
    'a payload that is not encoded → statement.kind': signedOver(key, `${unencoded}.${text}`),
    'padded → statement.kind': `${good}=`,
    'a line feed behind it → statement.kind': `${good}\n`,
    'stray bits in the signature → statement.signature': `${header}.${body}.${stray(signature)}`,
    'unknown field → statement.form': withText({ admin: true }),
    'a field of all objects → statement.form': written(text.replace('{', '{"__proto__":{},')),
    'missing field → statement.form': withText({ newRootId: undefined }),
    'generation 0 → statement.form': withText({ generation: 0 }),
    'an id that is none → statement.form': withText({ newRootId: 'x' }),
    'an id with stray bits → statement.form': withText({ newRootId: `${id.slice(0, -1)}b` }),
    'a time without milliseconds → statement.form': withText({ issuedAt: '2026-11-24T12:00:00Z' }),
    'a field named twice → statement.form': written(text.replace('{', '{"generation":2,')),
    'a field named twice, once escaped → statement.form': written(
      text.replace('{', '{"gener\\u0061tion":2,'),
    ),
    'a byte order mark → statement.form': written(`\ufeff${text}`),
    'bytes that are no UTF-8 → statement.form': await signer.sign(
      typ,
      Buffer.from(`${text.slice(0, -1)}\xff}`, 'latin1'),
    ),
    'a list → statement.form': written(`[${text}]`),
    'no JSON → statement.form': written('text'),
  }
  const over = { text: 'A', times: successionKind.maxBytes - good.length + 1 }
  const holds = { typ, signedBy: signer.id, expect: 'ok', payload, hash: statementHash(good) }
  return [
    { name: 'good', ...holds, jws: good },
    {
      name: 'one byte too large',
      typ,
      signedBy: signer.id,
      jws: good,
      append: over,
      expect: 'statement.size',
    },
    { name: 'the same with the other signature that holds', ...holds, jws: mirrored(good) },
    ...Object.entries(cases).map(([named, jws]) => {
      const [name = '', expect = ''] = named.split(' → ')
      return { name, typ, signedBy: signer.id, jws, expect }
    }),
  ]
}

/** Every kind: what it looks like, and what it must not look like. All checks before the form succeed. */
async function formVectors(): Promise<readonly StatementVector[]> {
  const [signer, person] = [newSigner(), await newPerson('x25519')]
  const found: StatementVector[] = []
  const all = [...kindCases(signer.id, person.recipients.x25519), ...sealedKindCases(signer.id)]
  for (const { kind, good, bad } of all) {
    const { typ } = kind
    const name = (what: string) => `${typ}: ${what}`
    const common = { typ, signedBy: signer.id }
    for (const [what, payload] of Object.entries(good)) {
      const jws = await makeStatement(kind, payload, signer)
      found.push({ name: name(what), ...common, jws, expect: 'ok', payload, hash: statementHash(jws) })
    }
    const first = good.good
    if (first === undefined) continue
    const jws = await makeStatement(kind, first, signer)
    const over = { text: 'A', times: kind.maxBytes - jws.length + 1 }
    found.push({ name: name('one byte too large'), ...common, jws, append: over, expect: 'statement.size' })
    const [missing = ''] = Object.keys(first)
    const changes = { 'an unknown field': { note: '' }, [`no ${missing}`]: { [missing]: undefined }, ...bad }
    for (const [what, changed] of Object.entries(changes))
      found.push({
        name: name(what),
        ...common,
        jws: await stated(signer, typ, JSON.stringify({ ...first, ...changed })),
        expect: 'statement.form',
      })
  }
  return found
}
