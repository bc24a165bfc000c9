import { randomBytes } from 'node:crypto'
import { CompactSign, exportJWK } from 'jose'
import { makePrivateKey, signerOf } from '../../protocol/keys.ts'
import { successionKind } from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { newPerson, newSigner, TestHousehold } from '../support/people.ts'
import type { ClaimVector, RosterVector, StatementVector } from './format.ts'

/** One kind stands for all: a succession, whose form is the simplest. */
export async function statementVectors(): Promise<readonly StatementVector[]> {
  const key = makePrivateKey()
  const signer = signerOf(key)
  const id = newSigner().id
  const payload = {
    householdId: id,
    generation: 1,
    newRootId: id,
    newSuccessorId: id,
    issuedAt: '2026-11-24T12:00:00.000Z',
  }
  const { kty, crv, x, y } = await exportJWK(key)
  const jwk = { kty, crv, x, y }
  const sign = (header: object, text: string) =>
    new CompactSign(Buffer.from(text))
      .setProtectedHeader({ alg: 'ES256', typ: successionKind.typ, jwk, ...header } as never)
      .sign(key)
  const text = JSON.stringify(payload)
  const good = await makeStatement(successionKind, payload, signer)
  const [header = '', body = '', signature = ''] = good.split('.')
  const flip = (segment: string) =>
    `${segment.slice(0, 9)}${segment[9] === 'A' ? 'B' : 'A'}${segment.slice(10)}`
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: successionKind.typ, jwk })).toString(
    'base64url',
  )
  const cases: readonly (readonly [string, string, string])[] = [
    ['good', good, 'ok'],
    ['header changed', [flip(header), body, signature].join('.'), 'statement.kind'],
    ['payload changed', [header, flip(body), signature].join('.'), 'statement.signature'],
    ['signature changed', [header, body, flip(signature)].join('.'), 'statement.signature'],
    [
      'signature of another statement',
      [header, body, (await sign({}, '{}')).split('.')[2]].join('.'),
      'statement.signature',
    ],
    ['another signer', await makeStatement(successionKind, payload, newSigner()), 'statement.signer'],
    ['alg none', `${unsigned}.${body}.`, 'statement.signature'],
    ['another name', await sign({ typ: 'ownlens-roster/1' }, text), 'statement.kind'],
    ['no name', await sign({ typ: undefined }, text), 'statement.kind'],
    ['another version', await sign({ typ: 'ownlens-succession/2' }, text), 'statement.version'],
    ['no key', await sign({ jwk: undefined }, text), 'statement.signature'],
    ['another header field', await sign({ kid: 'x' }, text), 'statement.signature'],
    ['too large', await sign({}, JSON.stringify({ ...payload, more: 'x'.repeat(9000) })), 'statement.size'],
    ['unknown field', await sign({}, JSON.stringify({ ...payload, admin: true })), 'statement.form'],
    ['missing field', await sign({}, JSON.stringify({ ...payload, newRootId: undefined })), 'statement.form'],
    ['generation 0', await sign({}, JSON.stringify({ ...payload, generation: 0 })), 'statement.form'],
    ['an id that is none', await sign({}, JSON.stringify({ ...payload, newRootId: 'x' })), 'statement.form'],
    [
      'a time without milliseconds',
      await sign({}, JSON.stringify({ ...payload, issuedAt: '2026-11-24T12:00:00Z' })),
      'statement.form',
    ],
    ['a field named twice', await sign({}, text.replace('{', '{"generation":2,')), 'statement.form'],
    ['no JSON', await sign({}, 'text'), 'statement.form'],
    ['padded', `${good}=`, 'statement.kind'],
  ]
  return cases.map(([name, jws, expect]) => ({
    name,
    typ: successionKind.typ,
    signedBy: signer.id,
    jws,
    expect,
  }))
}

export async function rosterVectors(): Promise<readonly RosterVector[]> {
  const [home, other] = [new TestHousehold(), new TestHousehold()]
  const [anna, ben] = [await newPerson('x25519'), await newPerson('x25519')]
  const thief = home.root
  const first = await home.roster(1, null, [anna, ben])
  const second = await home.roster(2, statementHash(first), [anna])
  const prev = statementHash(second)
  const { pin } = home
  const vectors: RosterVector[] = []
  const add = (
    name: string,
    roster: string,
    expect: string,
    held: string | null = second,
    successions: readonly string[] = [],
  ) => vectors.push({ name, pin, held, successions, roster, expect })
  add('the first', first, 'ok', null)
  add('the next', second, 'ok', first)
  add('the same again', second, 'ok')
  add('a later one, those between missing', await home.roster(9, 'f'.repeat(64), [anna]), 'ok')
  add('an older one, with a removed member', first, 'roster.old')
  add('another one of the same number', await home.roster(2, statementHash(first), [anna, ben]), 'roster.old')
  add('a fork', await home.roster(3, statementHash(first), [anna, ben]), 'roster.chain')
  add('no prev', await home.roster(3, null, [anna]), 'roster.chain')
  add('another household', await other.roster(3, prev, [anna]), 'roster.household')
  add(
    'another successor',
    await home.roster(3, prev, [anna], { firstSuccessorId: newSigner().id }),
    'roster.household',
  )
  add('signed by a member', await home.roster(3, prev, [anna], {}, anna.signer), 'statement.signer')
  add('signed by a stranger', await home.roster(3, prev, [anna], {}, newSigner()), 'statement.signer')
  add('a member named twice', await home.roster(3, prev, [anna, anna]), 'roster.member')
  add('below its own minimum', await home.roster(3, prev, [anna], { minimumSuite: 'hybrid' }), 'roster.suite')
  const stolen = await home.recipientOf(anna, 1, { recipients: ben.recipients }, ben.signer)
  const members = [{ memberId: anna.signer.id, recipient: stolen }]
  add('a recipient put in by somebody else', await home.roster(3, prev, [], { members }), 'statement.signer')
  await home.succeed()
  const after = await home.roster(3, prev, [anna])
  add('by the successor’s root', after, 'ok', second, home.successions)
  add('by the successor’s root, the succession missing', after, 'roster.generation')
  const late = await home.roster(4, statementHash(after), [ben], { generation: 0 }, thief)
  add('by the root that was replaced', late, 'roster.generation', after, home.successions)
  return vectors
}

export async function claimVectors(): Promise<readonly ClaimVector[]> {
  const [home, other] = [new TestHousehold(), new TestHousehold()]
  const [device, twin] = [await newPerson('x25519'), await newPerson('x25519')]
  const secret = randomBytes(16)
  const half = await home.half(device, secret, 2)
  const cases: readonly (readonly [string, string, string])[] = [
    ['good', await home.claim(device, half, 2), 'ok'],
    ['signed by a stranger', await home.claim(device, half, 2, {}, newSigner()), 'statement.signer'],
    ['signed by the device', await home.claim(device, half, 2, {}, device.signer), 'statement.signer'],
    ['signed by another household', await other.claim(device, half, 2), 'statement.signer'],
    [
      'names another household',
      await home.claim(device, half, 2, { householdId: other.id }),
      'claim.household',
    ],
    ['names another device', await home.claim(twin, half, 2), 'claim.half'],
    ['names another epoch', await home.claim(device, half, 3), 'claim.half'],
    [
      'a half for another household',
      await home.claim(device, await other.half(device, secret, 2), 2),
      'claim.half',
    ],
  ]
  return cases.map(([name, claim, expect]) => ({
    name,
    householdId: home.id,
    rootId: home.root.id,
    claim,
    expect,
  }))
}
