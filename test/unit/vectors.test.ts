import { createPublicKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { mayPublish, maySubscribe } from '../../deploy/hub/access.ts'
import { successorKey } from '../../home/successor.ts'
import { checkHalf, readClaim, readHalf } from '../../protocol/claim.ts'
import { householdIdOf } from '../../protocol/ids.ts'
import { readInvitation } from '../../protocol/invitation.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { readPart } from '../../protocol/part.ts'
import { readCertificateUri } from '../../protocol/registrar.ts'
import { acceptRoster, sealsTo } from '../../protocol/roster.ts'
import { openStatement } from '../../protocol/sealed.ts'
import { readStatement, type StatementKind, statementHash } from '../../protocol/statement.ts'
import { readTopic } from '../../protocol/topics.ts'
import { codeOfCall, resultOfCall } from '../support/people.ts'
import { appended, vectors } from '../support/vectors.ts'
import type {
  ClaimVector,
  HalfVector,
  IdVectors,
  PartVector,
  RightVector,
  RosterVector,
  SealedVector,
  StatementVector,
  TextVector,
} from '../vectors/format.ts'
import { KINDS } from '../vectors/kinds.ts'

const ids = await vectors<IdVectors>('ids')
const statements = await vectors<readonly StatementVector[]>('statements')
const rosters = await vectors<readonly RosterVector[]>('rosters')
const halves = await vectors<readonly HalfVector[]>('halves')
const claims = await vectors<readonly ClaimVector[]>('claims')
const rights = await vectors<readonly RightVector[]>('rights')
const parts = await vectors<readonly PartVector[]>('parts')
const sealed = await vectors<readonly SealedVector[]>('sealed')

function kindOf(typ: string): StatementKind<unknown> {
  const kind = KINDS.find(other => other.typ === typ)
  if (kind === undefined) throw new Error(`no kind ${typ}`)
  return kind
}

test('every file has vectors that must pass and vectors that must fail, each with a name of its own', () => {
  for (const all of [statements, rosters, halves, claims]) {
    expect(all.filter(vector => vector.expect === 'ok').length).toBeGreaterThan(0)
    expect(all.filter(vector => vector.expect !== 'ok').length).toBeGreaterThan(5)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  }
})

test('there is a good statement of every kind, and bad ones', () => {
  for (const { typ } of KINDS) {
    const codes = statements.filter(vector => vector.typ === typ).map(vector => vector.expect)
    expect(codes, typ).toEqual(expect.arrayContaining(['ok', 'statement.size', 'statement.form']))
  }
})

describe('ids', () => {
  test.each(ids.keys)('of a key: $id', ({ spki, id }) => {
    const key = createPublicKey({ key: Buffer.from(spki, 'base64'), type: 'spki', format: 'der' })
    expect(publicKeyOf(key).id).toBe(id)
  })
  test.each(ids.households)(
    'of a household: $householdId',
    ({ firstRootId, firstSuccessorId, householdId }) => {
      expect(householdIdOf(firstRootId, firstSuccessorId)).toBe(householdId)
    },
  )
  test.each(ids.recoveryWords)('recovery words: $expect', async ({ words, expect: wanted }) => {
    expect(await resultOfCall(() => publicKeyOf(successorKey(words)).id)).toBe(wanted)
  })
})

describe('a statement', () => {
  test.each(statements)(
    '$name: $expect',
    async ({ typ, jws, signedBy, append, payload, hash, expect: wanted }) => {
      const text = jws + appended(append)
      const read = await resultOfCall(() => readStatement(kindOf(typ), text, signedBy))
      if (wanted !== 'ok') return expect(read).toBe(wanted)
      expect(read).toMatchObject({ payload, jws, signer: { id: signedBy } })
      expect(statementHash(text)).toBe(hash)
    },
  )
})

describe('a roster', () => {
  test.each(rosters)('$name: $expect', async vector => {
    const { pin, roster, successions, expect: wanted } = vector
    const held = rosters.find(({ name }) => name === vector.held)
    const before = held && (await acceptRoster(pin, undefined, held.roster, held.successions))
    expect(before === undefined).toBe(vector.held === null)
    const taken = await resultOfCall(() => acceptRoster(pin, before, roster, successions))
    if (wanted !== 'ok') return expect(taken).toBe(wanted)
    expect(taken).toMatchObject({ householdId: pin.householdId, sha256: statementHash(roster) })
    if (vector.sealsTo !== undefined) expect(sealsTo(taken as never).recipients).toEqual(vector.sealsTo)
  })
})

describe('a half', () => {
  test.each(halves)('$name: $expect', async ({ secret, householdId, rootId, half, expect: wanted }) => {
    const check = async () =>
      checkHalf(await readHalf(half), { secret: Buffer.from(secret, 'hex'), householdId, rootId })
    expect(await codeOfCall(check)).toBe(wanted)
  })
})

describe('a claim', () => {
  test.each(claims)('$name: $expect', async ({ claim, householdId, rootId, expect: wanted }) => {
    expect(await codeOfCall(() => readClaim(claim, { householdId, rootId }))).toBe(wanted)
  })
})

describe('a text', () => {
  const hexSecret = (text: string) => {
    const { secret, ...rest } = readInvitation(text)
    return { ...rest, secret: Buffer.from(secret).toString('hex') }
  }
  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    topics: text => readTopic(text) ?? null,
    certificates: text => readCertificateUri(text) ?? null,
    invitations: hexSecret,
  }
  for (const [file, read] of Object.entries(readers))
    describe(`of ${file}`, async () => {
      test.each(await vectors<readonly TextVector[]>(file))('$name', async ({ text, expect: wanted }) => {
        expect(await resultOfCall(() => read(text))).toEqual(wanted)
      })
    })
})

describe('a right', () => {
  test.each(rights)('$verb $topic: $expect', ({ certificate, verb, topic, expect: wanted }) => {
    const name = readCertificateUri(certificate)
    if (name === undefined) throw new Error(certificate)
    expect(verb === 'publish' ? mayPublish(name, topic) : maySubscribe(name, topic)).toBe(wanted)
  })
})

describe('a part', () => {
  test.each(parts)('$name', async ({ message, append, expect: wanted }) => {
    const bytes = Buffer.concat([Buffer.from(message, 'base64'), Buffer.from(appended(append))])
    const read = await resultOfCall(() => readPart(bytes))
    if (typeof wanted === 'string') expect(read).toBe(wanted)
    else expect(read).toMatchObject(wanted)
  })
})

describe('a seal', () => {
  test.each(sealed)('$name', async ({ typ, identities, signedBy, sealed: base64, expect: wanted }) => {
    const bytes = Buffer.from(base64, 'base64')
    const open = async () => (await openStatement(kindOf(typ), bytes, identities, signedBy)).payload
    expect(await resultOfCall(open)).toEqual(wanted)
  })
})
