import { OwnlensError } from '../protocol/errors.ts'
import { hex, sha256 } from '../protocol/ids.ts'
import {
  EVIDENCE_MAX,
  evidenceSchema,
  type ForeignThing,
  HEAD_MAX,
  type HomeEvidence,
  KINDS_SEEN,
  reportKind,
} from '../protocol/incident.ts'
import type { Notice } from '../protocol/registrar.ts'
import { makeStatement, statementHash } from '../protocol/statement.ts'
import type { Household } from './household.ts'
import type { ReportFiles } from './report-files.ts'

/** Things that are listed one by one; the others are in the sums. */
const LISTED_MAX = 150

/** What a person reports, and what was found. */
export interface Reporting {
  readonly deviceId: string | null
  readonly says: string
  readonly seenAt: Date
  readonly foreign: readonly ForeignThing[]
  readonly notices: readonly Notice[]
  /** The head of the hub's log that this app holds, as a signed note, with what it says. */
  readonly head?: { readonly checkpoint: string; readonly size: number; readonly root: string } | undefined
}

/**
 * Freezes what this home knows and signs a report about it. Both are on this machine's disk before the hub is asked for
 * anything: a hub that does not want to hear of it changes nothing.
 *
 * @returns the report's hash.
 */
export async function freezeReport(
  household: Household,
  files: ReportFiles,
  { deviceId, says, seenAt, foreign, notices, head }: Reporting,
  now = new Date(),
): Promise<string> {
  const { id: householdId, member, roster, hubAddress } = household
  const claims = (await household.claims()).slice(-200).map(({ deviceId: id, epoch, jws }) => {
    return { deviceId: id, epoch, sha256: statementHash(jws) }
  })
  const found: HomeEvidence = {
    ...{ ownlens: 'evidence 1', at: now.toISOString(), householdId, memberId: member.id },
    hub: `${hubAddress.url}#${hubAddress.caId}`,
    roster: { number: roster.number, sha256: statementHash(roster.jws) },
    claims,
    notices: notices
      .slice(0, 100)
      .map(({ kind, deviceId: id, at, serial }) => ({ kind, deviceId: id, at, serial })),
    heads: head === undefined || head.checkpoint.length > HEAD_MAX ? [] : [head.checkpoint],
    // What was opened comes first: it matters most.
    foreign: foreign.toSorted((a, b) => Number(b.opened) - Number(a.opened)).slice(0, LISTED_MAX),
    totals: totalsOf(foreign),
  }
  const evidence = withinLimit(evidenceSchema.parse(found))
  const report = await makeStatement(
    reportKind,
    {
      ...{ householdId, memberId: member.id, deviceId, seenAt: seenAt.toISOString(), says },
      evidence: hex(sha256(evidence)),
      log: head === undefined ? null : { size: head.size, root: head.root },
      issuedAt: now.toISOString(),
    },
    member,
  )
  return files.keep(report, evidence)
}

/** Where all of it is too much, fewer things are listed one by one: a report must not fail for having seen too much. */
function withinLimit(found: HomeEvidence): string {
  const evidence = JSON.stringify(found)
  if (evidence.length <= EVIDENCE_MAX) return evidence
  if (found.foreign.length === 0) throw new OwnlensError('report.evidence', `${evidence.length} bytes`)
  return withinLimit({ ...found, foreign: found.foreign.slice(0, found.foreign.length >> 1) })
}

/** Sums for each home that the things are of, and each kind; `other` is what carries none of the four. */
function totalsOf(foreign: readonly ForeignThing[]): HomeEvidence['totals'] {
  const totals: HomeEvidence['totals'] = []
  for (const householdId of new Set(foreign.map(thing => thing.householdId)))
    for (const kind of [...KINDS_SEEN, 'other'] as const) {
      const things = foreign.filter(
        thing =>
          thing.householdId === householdId &&
          (kind === 'other' ? thing.kinds.length === 0 : thing.kinds.includes(kind)),
      )
      if (things.length === 0) continue
      const bytes = things.reduce((sum, thing) => sum + thing.bytes, 0)
      const opened = things.filter(thing => thing.opened).length
      totals.push({ householdId, kind, things: things.length, bytes, opened })
    }
  return totals.slice(0, 200)
}

/**
 * Hands in the reports for which there is no receipt yet, and keeps the receipts. The hub key must have signed them.
 *
 * @returns the hashes of those that the hub has signed for now. Throws what the hub answers.
 */
export async function sendReports(household: Household, files: ReportFiles): Promise<readonly string[]> {
  const sent: string[] = []
  for (const { hash, report, evidence, receipt } of await files.all()) {
    if (receipt !== undefined) continue
    const body = { action: 'report', report, evidence } as const
    const answer = await household.hub.request(household.id, body, household.member)
    const ca = await household.hub.authorities()
    await files.keepReceipt(hash, {
      receipt: answer.receipt,
      hub: answer.hub,
      ca,
      caId: household.hub.address.caId,
    })
    sent.push(hash)
  }
  return sent
}
