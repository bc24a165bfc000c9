import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readClaim } from '../../protocol/claim.ts'
import { acceptRoster, successionKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import { codeOfCall } from '../support/people.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'
import type { ClaimVector, ClipVectors, RosterVector, StatementVector } from '../vectors/format.ts'
import { runClip } from '../vectors/run-clip.ts'

async function vectors<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(ROOT, 'test', 'vectors', `${name}.json`), 'utf8')) as T
}

const statements = await vectors<readonly StatementVector[]>('statements')
const rosters = await vectors<readonly RosterVector[]>('rosters')
const claims = await vectors<readonly ClaimVector[]>('claims')
const clips = await vectors<ClipVectors>('clips')

test('there are vectors that must pass and vectors that must fail', () => {
  for (const all of [statements, rosters, claims, clips.clips]) {
    expect(
      all.filter(({ expect: wanted }) => wanted === 'ok' || typeof wanted !== 'string').length,
    ).toBeGreaterThan(0)
    expect(
      all.filter(({ expect: wanted }) => typeof wanted === 'string' && wanted !== 'ok').length,
    ).toBeGreaterThan(6)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  }
})

describe('a statement', () => {
  test.each(statements)('$name: $expect', async ({ jws, signedBy, expect: wanted }) => {
    expect(await codeOfCall(() => readStatement(successionKind, jws, signedBy))).toBe(wanted)
  })
})

describe('a roster', () => {
  test.each(rosters)('$name: $expect', async ({ pin, held, roster, successions, expect: wanted }) => {
    // What is held was accepted before a succession came.
    const before = held === null ? undefined : await accept(pin, held, successions)
    expect(await codeOfCall(() => acceptRoster(pin, before, roster, successions))).toBe(wanted)
  })
  const accept = (pin: RosterVector['pin'], held: string, successions: readonly string[]) =>
    acceptRoster(pin, undefined, held, successions).catch(() => acceptRoster(pin, undefined, held))
})

describe('a claim', () => {
  test.each(claims)('$name: $expect', async ({ claim, householdId, rootId, expect: wanted }) => {
    expect(await codeOfCall(() => readClaim(claim, { householdId, rootId }))).toBe(wanted)
  })
})

describe('a clip', () => {
  test.each(clips.clips)('$name', async vector => {
    const folder = await temporaryFolder()
    try {
      expect(await runClip(clips, vector, folder.path)).toEqual(vector.expect)
    } finally {
      await folder.remove()
    }
  })
})
