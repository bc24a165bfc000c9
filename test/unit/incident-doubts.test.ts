import { expect, test } from 'vitest'
import type { Case, FrozenHome, ReportedWith } from '../../deploy/incident/case.ts'
import { draftFacts } from '../../deploy/incident/draft-facts.ts'
import type { Fact, Said } from '../../deploy/incident/facts.ts'
import { incidentPage } from '../../deploy/incident/page.ts'
import { relevant } from '../../deploy/incident/relevant.ts'
import { type Story, storyOf } from '../../deploy/incident/story.ts'
import type { HomeEvidence, Incident } from '../../protocol/incident.ts'

const AT = '2026-03-01T12:00:00.000Z'
const [A, B] = ['a'.repeat(52), 'b'.repeat(52)]
const CAMERA = 'c'.repeat(52)

const fact = (said: Said, householdId: string | null = null, deviceId: string | null = null): Fact => {
  return { at: AT, position: 1, said, of: { householdId, deviceId }, opening: { salt: '', content: '' } }
}
const list = (householdId: string, number = 1): Fact => {
  const members = [{ memberId: `member of ${householdId}`, keys: [`age1${householdId}`] }]
  return fact({ kind: 'household', householdId, number, members, successions: 0 }, householdId)
}
const claim = (householdId: string, epoch: number): Fact =>
  fact({ kind: 'claim', householdId, deviceId: CAMERA, epoch, agreed: true }, householdId, CAMERA)
const frozen = (householdId: string, changed: Partial<FrozenHome> = {}): FrozenHome => {
  const clip = { deviceId: CAMERA, epoch: 1, clipId: 'x', receivedAt: AT, complete: true, bytes: 5 }
  const none = { notices: [], has: [], records: [], earlier: 0 }
  return { householdId, roster: { roster: '', roster_number: 1 }, clips: [clip], ...none, ...changed }
}
const reported = (totals: HomeEvidence['totals'] | null): ReportedWith => {
  const report = { householdId: B, says: 'a foreign room' }
  const receipt = { receivedAt: AT, answerBy: AT }
  return { hash: 'hash', report, receipt, evidence: totals && { totals } } as unknown as ReportedWith
}
const total = (changed: Partial<HomeEvidence['totals'][number]>): HomeEvidence['totals'][number] => {
  return { householdId: A, kind: 'video', things: 1, bytes: 1, opened: 0, ...changed }
}
const incident = {
  ...{ incidentId: 'this', number: 1, state: 'open', title: 'One number twice', cause: null, fix: null },
  ...{ release: null, devices: [CAMERA], reports: ['hash'], awareAt: AT, issuedAt: AT },
} as Incident

function story(changed: Partial<Case> = {}): Story {
  const found: Case = {
    ...{ words: [incident], newest: incident, reports: [reported([total({})])] },
    ...{ homes: [frozen(A), frozen(B)], devices: [CAMERA], frozenAt: AT, brokerRules: true },
    ...{ facts: [list(A), list(B), claim(A, 1), claim(B, 2)], earlier: 0, isCut: false },
    ...changed,
  }
  return storyOf(found, {
    given: new Map(),
    search: { entries: 4, opened: 4, found: [], withMaker: false },
    disclosed: { key: 'key', size: 4, root: 'root', records: 4 },
    now: new Date(AT),
  })
}

const CERTAIN = '<strong>No home could look into another.</strong>'
const UNKNOWN = '<strong>Whether a home could look into another is not certain.</strong>'
const SEEN = '<strong>A home could look into another.</strong>'
const facts = story().found.facts

test('with all lists, all ownerships and all reports the page is certain', () => {
  expect(incidentPage(story())).toContain(CERTAIN)
  expect(incidentPage(story())).toContain('Why that is certain')
  expect(draftFacts(story()).seen).toBe('none')
})

test.each<[string, Partial<Case>]>([
  ['older records of a home were left out', { homes: [frozen(A, { earlier: 1 }), frozen(B)] }],
  ['a record of a home was erased', { facts: [...facts, fact({ kind: 'erased' }, A)] }],
  ['a record of a home does not hold', { facts: [...facts, fact({ kind: 'false', code: 'x' }, B)] }],
  [
    'a newer list is at the hub than in the log',
    {
      homes: [frozen(A, { roster: { roster: '', roster_number: 2 } }), frozen(B)],
    },
  ],
  ['a home of before is not known', { facts: [list(A), list(B), claim(A, 2), claim(B, 3)] }],
  ['more are concerned than were frozen', { isCut: true }],
  ['a report was erased', { reports: [] }],
  ['what a home had sent with its report was erased', { reports: [reported(null)] }],
  [
    'something opened, and nobody knows whose',
    {
      reports: [reported([total({ householdId: null, kind: 'other', opened: 1 })])],
    },
  ],
])('nothing is certain when %s', (_, changed) => {
  const page = incidentPage(story(changed))
  expect(page).toContain(UNKNOWN)
  expect(page).not.toContain('Why that is certain')
  expect(draftFacts(story(changed)).seen).toBe('unknown')
})

test('what opened counts, of whatever kind it was', () => {
  for (const kind of ['video', 'other'] as const) {
    const opened = story({ reports: [reported([total({ kind, opened: 1 })])] })
    expect(incidentPage(opened)).toContain(SEEN)
    expect(draftFacts(opened).seen).toBe('some')
  }
})

test('an answer’s time is when it was recorded, not what its writer says', () => {
  const said = { kind: 'incident', number: 1, state: 'open', title: 'x', incidentId: 'this' } as const
  const late = { ...fact(said), at: '2026-03-05T12:00:00.000Z' }
  expect(incidentPage(story({ facts: [...facts, late] }))).toContain('answered after 96 h 0 min, too late')
})

test('of the fleet’s records only those of the incident are opened', () => {
  const order = (devices: readonly string[], by: string): Fact =>
    fact({ kind: 'makerBlock', devices, blocked: true, reason: 'stolen', signers: [by] })
  const key = (keyId: string): Fact => fact({ kind: 'signer', keyId, name: keyId, active: true })
  const word = (incidentId: string): Fact =>
    fact({ kind: 'incident', number: 1, state: 'open', title: 'x', incidentId })
  const report = (hash: string): Fact => fact({ kind: 'report', hash, householdId: A, says: 'x' }, A)
  const own = [list(A), claim(A, 1), order([CAMERA], 'ann'), key('ann'), word('this'), report('hash')]
  const foreign = [order(['d'.repeat(52)], 'ben'), word('other'), report('another')]
  const nobodys = [fact({ kind: 'erased' }), fact({ kind: 'idevid' }, null, 'd'.repeat(52))]
  const concern = { incidentId: 'this', devices: [CAMERA], reports: ['hash'] }
  // Who could not open every word on stations and signers could not be certain of any of them.
  expect(relevant([...foreign, ...own, ...nobodys, key('ben')], concern)).toEqual([...own, key('ben')])
})
