import { OwnlensError } from '../../protocol/errors.ts'
import { type Disk, readText } from '../../storage/disk.ts'
import { checkReportProof, type Proven, reportProof } from '../../wire/report-proof.ts'
import { minute } from './say.ts'

/** Larger files are no proof. */
const PROOF_MAX = 4 * 1024 * 1024

/** Reads and checks a proof that a home has written; no hub is asked. Throws `report.proof` and what the check throws. */
export async function checkProofFile(disk: Disk, path: string): Promise<Proven & { readonly caId: string }> {
  const { bytes = 0 } = (await disk.info(path)) ?? {}
  const text = bytes > PROOF_MAX ? undefined : await readText(disk, path)
  if (text === undefined) throw new OwnlensError('report.proof', path)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new OwnlensError('report.proof', 'not JSON', { cause })
  }
  const parsed = reportProof.safeParse(value)
  if (!parsed.success) throw new OwnlensError('report.proof', parsed.error.issues[0]?.message)
  return { ...(await checkReportProof(parsed.data)), caId: parsed.data.caId }
}

/** What the proof shows, for who was not there. */
export function describeProof({
  hash,
  report,
  receipt,
  answer,
  incidents,
  state,
  silentAt,
  answeredAt,
  caId,
}: Proven & { caId: string }) {
  const lines = [
    `Report ${hash}`,
    `  of a member (${report.memberId}) of the household ${report.householdId}`,
    `  signed ${minute(report.issuedAt)} UTC: “${report.says}”`,
    `The hub with the fingerprint ${caId}`,
    `  has signed that it received it at ${minute(receipt.receivedAt)} UTC and owes an answer by ${minute(receipt.answerBy)} UTC.`,
  ]
  const asOf = answer === null ? '' : `at ${minute(answer.at)} UTC`
  switch (state) {
    case 'answered':
    case 'late': {
      const [first] = incidents.toSorted((a, b) => a.issuedAt.localeCompare(b.issuedAt))
      const late = state === 'late' ? ', too late' : ''
      const silent =
        silentAt === null
          ? []
          : [`The hub itself had signed at ${minute(silentAt)} UTC that there was no answer.`]
      const told = `It was answered at ${minute(answeredAt ?? '')} UTC${late}: “${first?.title ?? ''}”.`
      return [...lines, ...silent, told]
    }
    case 'silent':
      return [
        ...lines,
        `It was NOT answered: the hub itself has signed at ${minute(silentAt ?? '')} UTC that there was no answer.`,
      ]
    case 'waiting':
      return [...lines, `There was no answer ${asOf}; the time is not over.`]
    case 'unknown':
      return [
        ...lines,
        'Nothing that the hub signed later is in this file. If the time is over, it is for the hub to show an answer:',
        `a word of the operator ${receipt.operator} that names this report.`,
      ]
  }
}
