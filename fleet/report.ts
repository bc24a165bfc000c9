import { XMLBuilder } from 'fast-xml-parser'
import { costOf, type DeviceOutcome, type FleetOutcome, hasPassed } from './outcome.ts'

/** How the same run is begun again. */
export interface Again {
  /** The scenario's file, as it was given. */
  readonly file: string
  readonly encode: boolean
}

/** What `ownlens fleet` prints at its end: wrong things first, then what was measured. */
export function describeFleet(outcome: FleetOutcome, again: Again): readonly string[] {
  const { devices, foreign, seed, homes, encode, scenes } = outcome
  const sum = (of: (device: DeviceOutcome) => number) => devices.reduce((all, device) => all + of(device), 0)
  const failed = devices.filter(({ wrong }) => wrong.length > 0)
  return [
    ...failed.flatMap(device => [
      `✗ ${device.name}:`,
      ...device.wrong.map(text => `    ${text}`),
      `    again: ${shortestWay(outcome, device, again)}`,
    ]),
    ...(foreign.opened > 0 ? [`✗ ${foreign.opened} sealed things of others were OPENED`] : []),
    `${devices.length} cameras in ${homes} homes: ${sum(({ visits }) => visits)} visits, ${sum(({ keptAt }) => keptAt.length)} clips kept, ${sum(({ opened }) => opened.clips)} opened by their homes (${sum(({ opened }) => opened.faces)} with a face, ${sum(({ opened }) => opened.sound)} with sound).`,
    `Homes tried ${foreign.tried} sealed things of their neighbours: ${foreign.opened} opened. The hub refused them with ${foreign.refusals.join(', ') || 'nothing'}.`,
    ...describeBack(devices),
    ...describeCost(outcome),
    encode
      ? 'Every camera had an encoder and a detector at work of its own.'
      : `Cameras showed scenes that were encoded and looked at once: ${scenes.map(({ name, detected }) => `${name} (${detected.frames} frames)`).join(', ')}.`,
    `Seed ${seed}. Again: ${command(again, seed)}`,
    hasPassed(outcome)
      ? 'Passed.'
      : `FAILED: ${failed.length} of ${devices.length} cameras${foreign.opened > 0 ? ', and what is others’ was opened' : ''}.`,
  ]
}

function describeBack(devices: readonly DeviceOutcome[]): readonly string[] {
  const all = devices.flatMap(({ faults }) => faults)
  const names = [...new Set(all.map(({ fault }) => fault))].sort()
  return names.map(name => {
    const these = all.filter(({ fault }) => fault === name)
    const times = these.flatMap(({ backMs }) => (typeof backMs === 'number' ? [backMs] : []))
    const most = times.length === 0 ? '' : `, back after ${(Math.max(...times) / 1000).toFixed(1)} s at most`
    const never = these.filter(({ backMs }) => backMs === 'never').length
    return `${name}: ${these.length} times${most}${never > 0 ? `, ${never} NOT back` : ''}.`
  })
}

function describeCost(outcome: FleetOutcome): readonly string[] {
  const cost = costOf(outcome)
  if (cost === undefined) return []
  const plain = ({ cores, bytes }: { cores: number; bytes: number }) =>
    `${(cores * 1000).toFixed(1)} thousandths of a core and ${(bytes / 2 ** 20).toFixed(2)} MiB`
  return [
    `A camera cost ${plain(cost.fleet)} here${outcome.encode ? ' (its ffmpegs are not counted)' : ''}${cost.hub.bytes > 0 ? `, and ${plain(cost.hub)} at the hub` : ''}.`,
  ]
}

function command({ file, encode }: Again, seed: number): string {
  return `npm run fleet -- ${quoted(file)} --seed ${seed}${encode ? ' --encode' : ''}`
}

/** One camera alone, and no longer than until its last fault should have been over. */
function shortestWay(outcome: FleetOutcome, { name, faults }: DeviceOutcome, again: Again): string {
  const late = faults.filter(({ backMs }) => backMs !== null && backMs !== 0)
  const until = Math.max(0, ...late.map(({ endedAt }) => endedAt + 15_000))
  const runs = until > 0 && until < outcome.runs ? ` --runs ${Math.ceil(until / 1000)}s` : ''
  return `${command(again, outcome.seed)} --only ${quoted(name)}${runs}`
}

const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** JUnit's XML, as CI systems read it: a suite for the scenario, a case for each camera, one for what is others'. */
export function junit(outcome: FleetOutcome, again: Again): string {
  const { devices, foreign, scenario, runs } = outcome
  const failure = (message: string, text: string) => ({ failure: { '@message': message, '#text': text } })
  const cases = devices.map(device => ({
    ...{ '@classname': scenario, '@name': device.name, '@time': runs / 1000 },
    ...(device.wrong.length > 0 &&
      failure(
        device.wrong[0] ?? '',
        [...device.wrong, `again: ${shortestWay(outcome, device, again)}`].join('\n'),
      )),
  }))
  const others = {
    ...{ '@classname': scenario, '@name': 'nobody opens what is others’', '@time': 0 },
    ...(foreign.opened > 0 && failure(`${foreign.opened} opened`, command(again, outcome.seed))),
  }
  const failures = cases.filter(one => 'failure' in one).length + Number(foreign.opened > 0)
  const suite = {
    ...{ '@name': scenario, '@tests': cases.length + 1, '@failures': failures, '@errors': 0 },
    ...{ '@time': runs / 1000, testcase: [...cases, others] },
  }
  const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', format: true })
  return builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: { testsuite: suite },
  })
}
