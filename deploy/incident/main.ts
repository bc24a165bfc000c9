import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { dataFolder } from '../../cli/data-folder.ts'
import { isoTime } from '../../cli/iso-time.ts'
import { say } from '../../cli/say.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { ID_PATTERN } from '../../protocol/ids.ts'
import type { Incident } from '../../protocol/incident.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'
import { checkProofFile, describeProof } from './check.ts'
import { type Change, IncidentDesk, type Reported } from './desk.ts'
import { nameOption, writePages } from './page-command.ts'
import { describeIncident, describeWaiting } from './say.ts'

interface Flags {
  readonly hubData?: string
  readonly json?: boolean
}

interface Words extends Flags {
  readonly title?: string
  readonly cause?: string
  readonly fix?: string
  readonly release?: string
  readonly state?: Incident['state']
  readonly aware?: Date
  readonly report?: readonly string[]
  readonly camera?: readonly string[]
}

/** `ownlens incident`. */
export function incidentCommand(): Command {
  const incident = new Command('incident').description(
    'For whoever runs a hub: what homes report, and what became of it.',
  )
  const add = (name: string, says: string) =>
    incident
      .command(name)
      .description(says)
      .option('--hub-data <folder>', 'the data folder of the hub, which must be running')
      .option('--json', 'for programs')
  const withWords = (name: string, says: string) =>
    add(name, says)
      .option('--cause <text>', 'why it happened, as far as it is known')
      .option('--fix <text>', 'what was or will be done about it')
      .option('--release <version>', 'the release that carries the fix')
      .option('--report <hash...>', 'reports that this answers: their first characters')
      .option('--camera <id...>', 'cameras that it concerns, besides those of the reports', cameras)
      .option('--aware <time>', 'when you came to know of it (ISO 8601); from then on 72 hours run', isoTime)
  withWords('open', 'say that there is an incident; the homes that it concerns are told')
    .requiredOption('--title <text>', 'in one line')
    .action(open)
  withWords('update', 'say more about it')
    .argument('<incident>', 'its id or the first characters')
    .option('--title <text>', 'in one line')
    .addOption(new Option('--state <state>').choices(['open', 'fixing', 'fixed', 'closed']))
    .action(update)
  withWords('close', 'say that it is over')
    .argument('<incident>', 'its id or the first characters')
    .action((id: string, flags: Words) => update(id, { ...flags, state: 'closed' }))
  add('list', 'reports that wait for an answer, with the time that is left, and all incidents').action(list)
  add('page', 'write the page on an incident, to print, with the proof and the drafts that GDPR asks for')
    .argument('<incident>', 'its id or the first characters')
    .requiredOption('--out <folder>', 'where to: a new folder, which can be handed on as it is')
    .option('--name <id=name>', 'what a home or camera is called on the page; repeatable', nameOption)
    .option('--controller <text>', 'for the drafts: whose hub it is, with address')
    .option('--contact <text>', 'for the drafts: data protection officer or another contact')
    .option('--maker-root <file>', 'root.pem of the maker, for the search of the whole log')
    .action(writePages)
  incident
    .command('check')
    .description('check a proof that `home report --proof` has written; nobody is asked')
    .argument('<file>')
    .option('--hub <fingerprint>', 'it must be of the hub with this fingerprint')
    .option('--json', 'for programs')
    .action(check)
  return incident
}

async function check(file: string, { hub, json }: { hub?: string; json?: boolean }): Promise<void> {
  const proven = await checkProofFile(disk, resolve(file))
  if (hub !== undefined && hub.split('#').at(-1) !== proven.caId)
    throw new OwnlensError('report.proof', `signed by the hub ${proven.caId}`)
  for (const line of json ? [JSON.stringify(proven)] : describeProof(proven)) say(line)
}

async function deskOf({ hubData }: Flags): Promise<IncidentDesk> {
  return new IncidentDesk(await operatorOf(disk, dataFolder('hub', hubData)))
}

async function open(flags: Words & { title: string }): Promise<void> {
  const desk = await deskOf(flags)
  const change = await changeOf(desk, flags)
  const first = change.reports?.length ? await earliest(desk, change.reports) : undefined
  const aware = change.awareAt ?? first
  tell(await desk.open({ ...change, title: flags.title, ...(aware && { awareAt: aware }) }), flags)
}

async function update(id: string, flags: Words): Promise<void> {
  const desk = await deskOf(flags)
  tell(await desk.update(id, await changeOf(desk, flags)), flags)
}

async function list(flags: Flags): Promise<void> {
  const desk = await deskOf(flags)
  const { reports, incidents } = await desk.all()
  if (flags.json) {
    const plain = reports.map(({ hash, report, receipt, incidents: named }) => ({
      ...{ hash, ...report, receivedAt: receipt.receivedAt, answerBy: receipt.answerBy, incidents: named },
    }))
    return say(JSON.stringify({ reports: plain, incidents }))
  }
  for (const line of describeWaiting(reports, await desk.now())) say(line)
  for (const one of incidents) for (const line of describeIncident(one)) say(line)
  if (incidents.length === 0) say('No incidents.')
}

/** What was given on the command line, with whole hashes, and the cameras that the reports name. */
async function changeOf(desk: IncidentDesk, flags: Words): Promise<Change> {
  const { title, cause, fix, release, state, aware, report = [], camera = [] } = flags
  const known = report.length > 0 ? (await desk.all()).reports : []
  const named = report.map(start => theOne(known, start))
  const devices = [...camera, ...named.flatMap(({ report: { deviceId } }) => deviceId ?? [])]
  return {
    ...(title !== undefined && { title }),
    ...(cause !== undefined && { cause }),
    ...(fix !== undefined && { fix }),
    ...(release !== undefined && { release }),
    ...(state !== undefined && { state }),
    ...(aware !== undefined && { awareAt: aware.toISOString() }),
    ...(devices.length > 0 && { devices: [...new Set(devices)] }),
    ...(named.length > 0 && { reports: named.map(({ hash }) => hash) }),
  }
}

function theOne(reports: readonly Reported[], start: string): Reported {
  const [found, ...others] = reports.filter(({ hash }) => hash.startsWith(start))
  if (found === undefined || others.length > 0) throw new OwnlensError('report.unknown', start)
  return found
}

/** When the first of these reports came: the operator knows of it since then. */
async function earliest(desk: IncidentDesk, hashes: readonly string[]): Promise<string | undefined> {
  const { reports } = await desk.all()
  const times = reports.filter(({ hash }) => hashes.includes(hash)).map(({ receipt }) => receipt.receivedAt)
  return times.sort()[0]
}

function tell(incident: Incident, flags: Flags): void {
  for (const line of flags.json ? [JSON.stringify(incident)] : describeIncident(incident)) say(line)
}

function cameras(id: string, before: readonly string[] = []): readonly string[] {
  if (!ID_PATTERN.test(id)) throw new InvalidArgumentError('a camera’s whole id is wanted')
  return [...before, id]
}
