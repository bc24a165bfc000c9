import { join } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../../protocol/errors.ts'
import { evidenceSchema, type HomeEvidence, type Incident } from '../../protocol/incident.ts'
import { type Disk, readText } from '../../storage/disk.ts'
import type { Operator } from '../../wire/operator.ts'
import { IncidentDesk, type Reported } from './desk.ts'
import { type Fact, factsIn } from './facts.ts'
import { relevant } from './relevant.ts'

const record = z.object({
  position: z.number().nullable(),
  at: z.string(),
  commitment: z.string(),
  device_id: z.string().nullable(),
  salt: z.string().nullable(),
  content: z.string().nullable(),
})

const frozenList = z.object({
  at: z.string(),
  brokerRules: z.boolean(),
  isCut: z.boolean(),
  files: z.array(z.object({ name: z.string().regex(/^[a-z0-9-]+\.[a-z]+$/), sha256: z.string() })),
})

/** What the hub holds of one home, as it was frozen. */
const frozenHome = z.object({
  householdId: z.string(),
  roster: z.object({ roster: z.string(), roster_number: z.number() }).nullable(),
  notices: z.array(
    z.object({ at: z.string(), kind: z.string(), device_id: z.string(), serial: z.string().nullable() }),
  ),
  has: z.array(z.object({ device_id: z.string(), epoch: z.number() })),
  clips: z.array(
    z.object({
      deviceId: z.string(),
      epoch: z.number(),
      clipId: z.string(),
      receivedAt: z.string(),
      complete: z.boolean(),
      bytes: z.number(),
    }),
  ),
  records: z.array(record),
  earlier: z.number().default(0),
})
export type FrozenHome = z.infer<typeof frozenHome>

const frozenDevices = z.object({
  devices: z.array(z.string()),
  serials: z.array(z.object({ device_id: z.string(), serial: z.string(), disputed: z.number() })),
  records: z.array(record),
  earlier: z.number().default(0),
})

/** A report with what its home had frozen. */
export interface ReportedWith extends Reported {
  /** Null where it was erased. */
  readonly evidence: HomeEvidence | null
}

/** Everything that is known of an incident, as the hub has frozen it and as those concerned have signed it. */
export interface Case {
  /** The operator's words, oldest first, and the newest. */
  readonly words: readonly Incident[]
  readonly newest: Incident
  readonly reports: readonly ReportedWith[]
  readonly homes: readonly FrozenHome[]
  readonly devices: readonly string[]
  readonly frozenAt: string
  /** Whether the broker kept its rules; it always does but in drills. */
  readonly brokerRules: boolean
  /** More cameras or homes are concerned than were frozen. */
  readonly isCut: boolean
  /** What the records of these homes and cameras say as far as it belongs to the incident, in the order of the log. */
  readonly facts: readonly Fact[]
  /** How many older records were not frozen: there were too many. */
  readonly earlier: number
}

/**
 * Has the hub freeze what it holds on an incident, and reads it.
 *
 * @param start the incident's id or its first characters.
 * @throws OwnlensError `incident.unknown`, `hub.*`.
 */
export async function openCase(disk: Disk, operator: Operator, start: string): Promise<Case> {
  const { words, reports, folder } = await new IncidentDesk(operator).one(start)
  const newest = words.at(-1)?.payload
  if (newest === undefined || folder === null) throw new OwnlensError('incident.unknown', start)
  const at = join(operator.folder, folder)
  const list = frozenList.parse(await json(disk, join(at, 'frozen.json')))
  const names = list.files.map(({ name }) => name)
  const homes = await Promise.all(
    names
      .filter(name => name.startsWith('home-'))
      .map(async name => frozenHome.parse(await json(disk, join(at, name)))),
  )
  const about = frozenDevices.parse(await json(disk, join(at, 'devices.json')))
  const withEvidence = reports.map(async report => {
    const text = await readText(disk, operator.folder, 'evidence', report.hash, 'evidence.json')
    return { ...report, evidence: text === undefined ? null : evidenceSchema.parse(JSON.parse(text)) }
  })
  const named = (householdId: string | null) => (one: z.infer<typeof record>) => {
    return { ...one, of: { householdId, deviceId: one.device_id } }
  }
  const facts = await factsIn([
    ...homes.flatMap(home => home.records.map(named(home.householdId))),
    ...about.records.map(named(null)),
  ])
  const concern = {
    ...{ incidentId: newest.incidentId, devices: about.devices },
    reports: reports.map(({ hash }) => hash),
  }
  const earlier = [...homes, about].reduce((sum, one) => sum + one.earlier, 0)
  return {
    words: words.map(({ payload }) => payload),
    ...{ newest, reports: await Promise.all(withEvidence), homes, devices: about.devices },
    ...{ frozenAt: list.at, brokerRules: list.brokerRules, isCut: list.isCut, earlier },
    facts: relevant(facts, concern),
  }
}

async function json(disk: Disk, path: string): Promise<unknown> {
  const text = await readText(disk, path)
  if (text === undefined) throw new OwnlensError('hub.damaged', path)
  return JSON.parse(text)
}
