import { hex, sha256 } from '../../protocol/ids.ts'
import { type HomeEvidence, reportKind } from '../../protocol/incident.ts'
import { makeStatement } from '../../protocol/statement.ts'
import type { Home } from './hub-people.ts'

export interface ReportWishes {
  readonly deviceId?: string | null
  readonly says?: string
  /** Sums of what the home has come by. */
  readonly totals?: HomeEvidence['totals']
}

/** The body of a report as a member of the home sends it. */
export async function reportOf(home: Home, { totals = [], ...changed }: ReportWishes = {}) {
  const at = new Date().toISOString()
  const evidence: HomeEvidence = {
    ...{
      ownlens: 'evidence 1',
      at,
      householdId: home.id,
      memberId: home.founder.id,
      hub: 'https://127.0.0.1#x',
    },
    ...{
      roster: { number: 1, sha256: '0'.repeat(64) },
      claims: [],
      notices: [],
      heads: [],
      foreign: [],
      totals,
    },
  }
  const text = JSON.stringify(evidence)
  const payload = {
    ...{ householdId: home.id, memberId: home.founder.id, deviceId: null, seenAt: at, says: 'not my home' },
    ...{ evidence: hex(sha256(text)), log: null, issuedAt: at, ...changed },
  }
  const report = await makeStatement(reportKind, payload, home.founder)
  return { action: 'report', report, evidence: text } as const
}
