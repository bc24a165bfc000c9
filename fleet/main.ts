import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { say } from '../cli/say.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { createFaceDetector } from '../models/detector.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { disk, readText, replaceFile } from '../storage/disk.ts'
import { FAULTS, readSpan } from './faults.ts'
import { runFleet } from './fleet.ts'
import { followHub, startHubProcess } from './hub-process.ts'
import { type FleetOutcome, hasPassed } from './outcome.ts'
import { plot } from './plot.ts'
import { readScenario, ScenarioError } from './read-scenario.ts'
import { type Again, describeFleet, junit } from './report.ts'
import { type Scenario, scenarioSchema } from './scenario.ts'

interface Flags {
  readonly hub?: string
  readonly seed?: number
  readonly runs?: number
  readonly only: string
  readonly encode?: boolean
  readonly junit?: string
  readonly plot?: string
  readonly json?: boolean
  readonly fields?: boolean
}

/** `ownlens fleet`. */
export function fleetCommand(): Command {
  return new Command('fleet')
    .description(
      'Many emulated cameras against a hub, by a scenario: for tests of hubs, brokers and networks.',
    )
    .argument('[scenario]', 'a YAML or JSON file; `--fields` says what is in it')
    .option('--hub <file>', 'the output of `ownlens hub --json >FILE`; without it a hub is started')
    .option('--seed <number>', 'another one than the scenario’s', seed)
    .option('--runs <span>', 'another time than the scenario’s, e.g. 45s', span)
    .option('--only <pattern>', 'only these cameras: HOME/CAMERA, with * for any characters', '*')
    .option('--encode', 'every camera has an encoder and a detector of its own')
    .option('--junit <file>', 'write the result as JUnit’s XML')
    .option('--plot <file>', 'draw what happened, as SVG')
    .option('--json', 'print the result as JSON')
    .option('--fields', 'print the fields of a scenario and all faults')
    .action(run)
}

async function run(file: string | undefined, flags: Flags): Promise<void> {
  if (flags.fields) return describeFields().forEach(say)
  if (file === undefined) throw new OwnlensError('fleet.scenario', 'no file was named')
  const text = await readText(disk, resolve(file))
  if (text === undefined) throw new OwnlensError('fleet.scenario', `there is no ${file}`)
  const read = scenarioIn(text, file)
  const scenario: Scenario = { ...read, runs: flags.runs ?? read.runs }
  const outcome = await play(scenario, flags)
  const again: Again = { file, encode: flags.encode ?? false }
  if (flags.junit !== undefined) await replaceFile(disk, resolve(flags.junit), junit(outcome, again), 0o644)
  if (flags.plot !== undefined) await replaceFile(disk, resolve(flags.plot), plot(outcome), 0o644)
  for (const line of flags.json ? [JSON.stringify(outcome)] : describeFleet(outcome, again)) say(line)
  if (!hasPassed(outcome)) process.exitCode = 1
}

/** Says every mistake on a line of its own, and throws. */
function scenarioIn(text: string, file: string): Scenario {
  try {
    return readScenario(text)
  } catch (error) {
    if (error instanceof ScenarioError)
      for (const { line, where, says } of error.mistakes)
        process.stderr.write(`${file}:${line}: ${where}: ${says}\n`.replace(/[^\P{Cc}\n]/gu, '\ufffd'))
    throw error
  }
}

async function play(scenario: Scenario, flags: Flags): Promise<FleetOutcome> {
  const signal = shutdownSignal()
  const folder = await mkdtemp(join(tmpdir(), 'ownlens-fleet-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const hub =
      flags.hub === undefined
        ? await startHubProcess(join(folder, 'hub'), scenario.broker)
        : await followHub(resolve(flags.hub))
    ends.push(() => hub.close())
    const detector = await createFaceDetector({ runtime: 'litert', minScore: 0.5 })
    ends.push(() => detector.close())
    return await runFleet({
      ...{ scenario, seed: flags.seed ?? scenario.seed, hub, folder, detector, signal },
      ...{ encode: flags.encode ?? false, only: flags.only },
      say: line => void process.stderr.write(`${line}\n`),
    })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** What `--fields` prints: every field with its default, then the faults. */
function describeFields(): readonly string[] {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' })
  return [
    'A scenario (YAML or JSON):',
    ...fieldsOf(schema, '  '),
    '',
    'Faults, as NAME@START+DURATION:',
    ...FAULTS.map(({ name, says }) => `  ${name.padEnd(16)}${says}`),
  ]
}

function fieldsOf(schema: z.core.JSONSchema.BaseSchema, indent: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    if (typeof field !== 'object') return []
    const inner = typeof field.items === 'object' && !Array.isArray(field.items) ? field.items : field
    const byDefault = field.default === undefined ? '' : ` Default: ${JSON.stringify(field.default)}.`
    const choice = field.enum === undefined ? '' : ` One of ${field.enum.join(', ')}.`
    const list = inner === field ? '' : ' (list)'
    const plain = inner.properties === undefined ? `${byDefault}` : ''
    return [
      `${indent}${name}${list}: ${field.description ?? ''}${choice}${plain}`.trimEnd(),
      ...fieldsOf(inner as z.core.JSONSchema.BaseSchema, `${indent}  `),
    ]
  })
}

function seed(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new InvalidArgumentError('a whole number from 0 to 4294967295 is wanted')
  return value
}

function span(text: string): number {
  const ms = readSpan(text)
  if (ms === undefined) throw new InvalidArgumentError('a number and ms, s, m or h is wanted, e.g. 45s')
  return ms
}
