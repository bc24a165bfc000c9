import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { CompactSign, exportJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import { count } from '../../protocol/fields.ts'
import { makePrivateKey, signerOf } from '../../protocol/keys.ts'
import { makeStatement, readStatement, statementHash } from '../../protocol/statement.ts'

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const kind = {
  typ: 'ownlens-test/2',
  maxBytes: 2048,
  schema: z.strictObject({ text: z.string(), number: count }),
}
const key = makePrivateKey()
const signer = signerOf(key)
const other = signerOf(makePrivateKey())
const payload = { text: 'Wohnzimmer', number: 7 }

async function codeOfReading(jws: string, signedBy: string = signer.id): Promise<string> {
  return readStatement(kind, jws, signedBy).then(
    () => 'ok',
    error => {
      if (!(error instanceof OwnlensError)) throw error
      return error.code
    },
  )
}

/** A JWS of this header over this text, by `key`. */
async function signed(header: Record<string, unknown>, text = JSON.stringify(payload)): Promise<string> {
  const { kty, crv, x, y } = await exportJWK(key)
  const full = { alg: 'ES256', typ: kind.typ, jwk: { kty, crv, x, y }, ...header }
  return new CompactSign(Buffer.from(text)).setProtectedHeader(full as never).sign(key)
}

const withHeader = (jws: string, header: object) =>
  [Buffer.from(JSON.stringify(header)).toString('base64url'), ...jws.split('.').slice(1)].join('.')

test('what was signed is read, with its signer', async () => {
  const jws = await makeStatement(kind, payload, signer)
  expect(await readStatement(kind, jws, signer.id)).toMatchObject({ jws, payload, signer: { id: signer.id } })
  expect((await readStatement(kind, jws, 'itself')).signer.id).toBe(signer.id)
})

test('another signer than the one that must have signed', async () => {
  expect(await codeOfReading(await makeStatement(kind, payload, other))).toBe('statement.signer')
})

test('any one character changed is refused, by a code of ours', async () => {
  const jws = await makeStatement(kind, payload, signer)
  await fc.assert(
    fc.asyncProperty(fc.nat(jws.length - 1), fc.constantFrom(...'AZaz09-_.= \n{'), async (at, letter) => {
      const changed = jws.slice(0, at) + letter + jws.slice(at + 1)
      if (changed !== jws) expect(await codeOfReading(changed)).toMatch(/^statement\./)
    }),
    { numRuns: 300 },
  )
})

test('any text at all is refused, by a code of ours', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 3000 }), async text => {
      expect(await codeOfReading(text)).toMatch(/^statement\./)
    }),
  )
})

describe('a header that is not exactly ours', () => {
  test.each([
    ['another name', { typ: 'ownlens-other/2' }, 'statement.kind'],
    ['no typ', { typ: undefined }, 'statement.kind'],
    ['an older version', { typ: 'ownlens-test/1' }, 'statement.version'],
    ['a newer version', { typ: 'ownlens-test/3' }, 'statement.version'],
    ['a version that is no number', { typ: 'ownlens-test/2a' }, 'statement.kind'],
    ['no key', { jwk: undefined }, 'statement.signature'],
    ['another field', { kid: 'x' }, 'statement.signature'],
  ])('%s', async (_name, header, code) => {
    expect(await codeOfReading(await signed(header))).toBe(code)
  })

  test('none, and a key for HMAC', async () => {
    const jws = await makeStatement(kind, payload, signer)
    const [, body] = jws.split('.')
    const none = withHeader(`x.${body}.`, { alg: 'none', typ: kind.typ })
    expect(await codeOfReading(none)).toBe('statement.signature')
    const secret = Buffer.from('0'.repeat(64))
    const hmac = await new CompactSign(Buffer.from('{}'))
      .setProtectedHeader({ alg: 'HS256', typ: kind.typ })
      .sign(secret)
    expect(await codeOfReading(hmac, 'itself')).toBe('statement.signature')
  })

  test('a key of another curve', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const jws = await new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: 'ES384', typ: kind.typ, jwk: await exportJWK(publicKey) })
      .sign(privateKey)
    expect(await codeOfReading(jws, 'itself')).toBe('statement.signature')
  })

  test('a private key inside', async () => {
    expect(await codeOfReading(await signed({ jwk: await exportJWK(key) }))).toBe('statement.signature')
  })
})

test('base64url that is written in another way than the one with zeros in its spare bits', async () => {
  const jws = await makeStatement(kind, payload, signer)
  const last = jws.at(-1) ?? ''
  for (const other of 'AQgw')
    if (other !== last) expect(await codeOfReading(jws.slice(0, -1) + other)).not.toBe('ok')
  // Each of these decodes to the same 64 bytes.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const at = alphabet.indexOf(last)
  for (let stray = 1; stray < 16; stray++)
    expect(await codeOfReading(jws.slice(0, -1) + alphabet[at + stray])).toBe('statement.signature')
})

test('a header that names its kind twice', async () => {
  const { kty, crv, x, y } = await exportJWK(key)
  const jwk = JSON.stringify({ kty, crv, x, y })
  const header = `{"alg":"ES256","typ":"ownlens-other/2","typ":"${kind.typ}","jwk":${jwk}}`
  const input = [header, JSON.stringify(payload)]
    .map(text => Buffer.from(text).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  expect(await codeOfReading(`${input}.${signature.toString('base64url')}`)).toBe('statement.kind')
})

describe('a payload that is not exactly ours', () => {
  test.each([
    ['an unknown field', JSON.stringify({ ...payload, admin: true })],
    ['a missing field', '{"text":"x"}'],
    ['no JSON', 'text'],
    ['nothing', ''],
    ['a number beyond 2^53', '{"text":"x","number":9007199254740993}'],
    ['a list', '[]'],
    ['a field named twice', '{"text":"x","number":1,"number":2}'],
    ['a field named twice, once escaped', '{"text":"x","number":1,"n\\u0075mber":2}'],
    ['a byte order mark', '\ufeff{"text":"x","number":1}'],
  ])('%s', async (_name, text) => {
    expect(await codeOfReading(await signed({}, text))).toBe('statement.form')
  })
})

test('text is text: what in it looks like fields counts for none, and costs no more than its length', async () => {
  const loose = { ...kind, maxBytes: 256 * 1024, schema: z.strictObject({ texts: z.array(z.string()) }) }
  const odd = fc.array(fc.string({ unit: fc.constantFrom('"', ':', '\\', ' ', 'a', '{', ',') }))
  await fc.assert(
    fc.asyncProperty(odd, async texts => {
      const jws = await makeStatement(loose, { texts }, signer)
      expect((await readStatement(loose, jws, signer.id)).payload).toEqual({ texts })
    }),
  )
  const read = async (quotes: number) => {
    const jws = await makeStatement(loose, { texts: ['"'.repeat(quotes)] }, signer)
    const start = performance.now()
    await readStatement(loose, jws, signer.id)
    return performance.now() - start
  }
  // Looking at each quotation mark anew took half a minute for this one.
  expect(await read(90_000)).toBeLessThan(2000)
})

test('a signature that anybody can rewrite does not make another statement of it', async () => {
  const jws = await makeStatement(kind, payload, signer)
  const [header = '', body = '', signature = ''] = jws.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const mirrored = Buffer.from((P256_ORDER - s).toString(16).padStart(64, '0'), 'hex')
  const twin = [header, body, Buffer.concat([bytes.subarray(0, 32), mirrored]).toString('base64url')].join(
    '.',
  )
  expect(await codeOfReading(twin)).toBe('ok')
  expect(twin).not.toBe(jws)
  expect(statementHash(twin)).toBe(statementHash(jws))
  const another = await makeStatement(kind, { ...payload, number: 8 }, signer)
  expect(statementHash(another)).not.toBe(statementHash(jws))
})

test('nothing may stand around it or be padded', async () => {
  const jws = await makeStatement(kind, payload, signer)
  for (const text of [`${jws}=`, `${jws}\n`, ` ${jws}`, jws.replace('.', '=.'), `${jws}.`])
    expect(await codeOfReading(text)).toMatch(/^statement\./)
})

test('a size beyond the kind’s limit is not even parsed, and cannot be made', async () => {
  const jws = await signed({}, JSON.stringify({ ...payload, text: 'x'.repeat(4000) }))
  expect(await codeOfReading(jws)).toBe('statement.size')
  const made = makeStatement(kind, { ...payload, text: 'x'.repeat(4000) }, signer)
  await expect(made).rejects.toMatchObject({ code: 'statement.size' })
})

test('what readers would refuse cannot be made', async () => {
  const made = makeStatement(kind, { text: 'x', number: -1 }, signer)
  await expect(made).rejects.toMatchObject({ code: 'statement.form' })
})
