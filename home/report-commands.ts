import { resolve } from 'node:path'
import type { Command } from 'commander'
import { isoTime } from '../cli/iso-time.ts'
import { say } from '../cli/say.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { ID_PATTERN } from '../protocol/ids.ts'
import { noticesAnswer } from '../protocol/registrar.ts'
import { disk, replaceFile } from '../storage/disk.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { findCamera } from './cameras.ts'
import { clipsAtHub } from './clip-source.ts'
import { listClips } from './clips.ts'
import { type Flags, takeNews, withHousehold } from './command.ts'
import { foreignAtHub, foreignIn } from './foreign.ts'
import type { Household } from './household.ts'
import { keptHead } from './hub-log.ts'
import type { Ledger } from './ledger.ts'
import { freezeReport, sendReports } from './report.ts'
import { ReportFiles } from './report-files.ts'
import { proofOf, type Reports, reportsKept, reportsOf } from './report-state.ts'
import { describeReports } from './say-reports.ts'

interface ReportFlags extends Flags {
  readonly says: string
  readonly seen?: Date
  readonly evidence?: string
  readonly list?: boolean
  readonly proof?: string
  readonly of: string
}

/** `home report`. */
export function reportCommands(add: (name: string, says: string) => Command): void {
  add(
    'report',
    'say that you see what is not your home, or that others may see yours; evidence is frozen first',
  )
    .argument('[camera]', 'name or id of the camera that it is about')
    .option('--says <text>', 'what you saw, in one line', 'This is not my home.')
    .option('--seen <time>', 'when (ISO 8601); default: now', isoTime)
    .option('--evidence <folder>', 'what you have of it: files are counted and tried, never sent')
    .option('--list', 'what became of your reports, and how much time is left for an answer')
    .option('--proof <file>', 'write what the hub has signed about a report: anybody can check it')
    .option(
      '--of <report>',
      'with --proof: which report, by its first characters; default: the oldest that waits',
      '',
    )
    .option('--json', 'for programs')
    .action(report)
}

async function report(camera: string | undefined, flags: ReportFlags): Promise<void> {
  await withHousehold(flags, async (household, ledger) => {
    const files = new ReportFiles(disk, household.data.folder)
    if (flags.proof !== undefined) return writeProof(household, files, flags.proof, flags)
    if (flags.list) return list(household, files, flags)
    await make(household, ledger, files, camera, flags)
  })
}

async function make(
  household: Household,
  ledger: Ledger,
  files: ReportFiles,
  camera: string | undefined,
  flags: ReportFlags,
): Promise<void> {
  const tls = await reach(household)
  const deviceId = camera === undefined ? null : await idOf(household, camera)
  const { id, identities } = household
  const foreign = [
    ...(tls === undefined ? [] : await foreignAt(household, ledger, tls)),
    ...(flags.evidence === undefined ? [] : await foreignIn(disk, resolve(flags.evidence), id, identities)),
  ]
  const notices =
    tls && (await household.hub.getJson(`/households/${id}/notices`, tls, noticesAnswer)).notices
  const hash = await freezeReport(household, files, {
    ...{ deviceId, says: flags.says, seenAt: flags.seen ?? new Date(), foreign, notices: notices ?? [] },
    head: await keptHead(household),
  })
  const sent = tls === undefined ? [] : await sendReports(household, files)
  const opened = foreign.filter(thing => thing.opened).length
  if (flags.json) {
    const about = { report: hash, foreign: foreign.length, opened, sent: sent.includes(hash) }
    return say(JSON.stringify(about))
  }
  say(`Report ${hash.slice(0, 12)} is frozen in ${household.data.folder}/reports/${hash}.`)
  if (foreign.length > 0)
    say(
      `${foreign.length} things of other homes were found; ${opened === 0 ? 'none of them opens' : `${opened} of them OPEN`} with this home’s keys.`,
    )
  if (!sent.includes(hash)) {
    process.exitCode = 1
    return say('The hub could not be reached. `ownlens home report --list` sends it as soon as it can.')
  }
  for (const line of describeReports(
    { reports: await reportsKeptOr(household, files, tls), incidents: [] },
    hash,
  ))
    say(line)
}

async function reportsKeptOr(household: Household, files: ReportFiles, tls: TlsIdentity | undefined) {
  return tls === undefined ? reportsKept(files) : (await reportsOf(household, files, tls)).reports
}

async function list(household: Household, files: ReportFiles, flags: ReportFlags): Promise<void> {
  const found = await stateNow(household, files)
  if (found.reports.some(({ state }) => ['silent', 'denied', 'false'].includes(state))) process.exitCode = 1
  if (flags.json) return say(JSON.stringify(found))
  for (const line of describeReports(found)) say(line)
}

/** Sends what waits, and asks. Without the hub, what was kept. */
async function stateNow(household: Household, files: ReportFiles): Promise<Reports & { reached: boolean }> {
  const tls = await reach(household)
  if (tls === undefined) return { reports: await reportsKept(files), incidents: [], reached: false }
  await sendReports(household, files)
  return { ...(await reportsOf(household, files, tls)), reached: true }
}

async function writeProof(
  household: Household,
  files: ReportFiles,
  path: string,
  { of, json }: ReportFlags,
): Promise<void> {
  const { reports } = await stateNow(household, files)
  // Other members' reports are told as well; their proofs are theirs.
  const own = new Set((await files.all()).map(({ hash }) => hash))
  const mine = reports.filter(({ hash }) => own.has(hash))
  if (mine.length === 0) throw new OwnlensError('report.none')
  const waiting = mine.find(({ state }) => state !== 'answered' && state !== 'late') ?? mine.at(-1)
  const proof = await proofOf(files, of || (waiting?.hash ?? ''))
  await replaceFile(disk, resolve(path), `${JSON.stringify(proof, null, 1)}\n`, 0o644)
  say(
    json
      ? JSON.stringify({ proof: resolve(path) })
      : `${path}: anybody can check it with \`ownlens incident check ${path}\`.`,
  )
}

/** A way to the hub; undefined where it cannot be reached: a report must not wait for it. */
async function reach(household: Household): Promise<TlsIdentity | undefined> {
  try {
    return (await takeNews(household)).tls
  } catch (error) {
    if (codeOf(error) !== 'hub.unreachable' && codeOf(error) !== 'hub.ca') throw error
    process.stderr.write(`${(error as OwnlensError).message}\n`)
    return undefined
  }
}

async function foreignAt(household: Household, ledger: Ledger, tls: TlsIdentity) {
  const clips = await clipsAtHub(household.hub, tls, household.id)
  return foreignAtHub((await listClips(household, ledger, clips)).refused)
}

/** One of this home's cameras, or any by its whole id: what a home sees may be another's. */
async function idOf(household: Household, nameOrId: string): Promise<string> {
  if (ID_PATTERN.test(nameOrId)) return nameOrId
  return (await findCamera(household, nameOrId)).deviceId
}
