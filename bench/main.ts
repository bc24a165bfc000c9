import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { measureAlert } from './alert.ts'
import { measureBlock } from './block.ts'
import { measureCatchUp } from './catch-up.ts'
import { measureCpu } from './cpu.ts'
import { measureDetection } from './detect.ts'
import { measureEnrolment } from './enrol.ts'
import { measureLive } from './live.ts'
import { measureLog } from './log.ts'
import type { BenchContext, Row } from './row.ts'
import { measureSealing } from './seal.ts'

/** Every row, in the order of the table, and what measures it. */
const NAMES = [
  'detect.ms',
  'detect.found',
  'cpu.quiet',
  'cpu.busy',
  'cpu.copy',
  'rss',
  'seal.cpu',
  'catchup.rate',
  'alert.p95',
  'live.first',
  'live.glass.p95',
  'enroll.growth',
  'log.append',
  'log.proof',
  'block.p99',
  'block.all',
  'block.p99.mosquitto',
  'block.all.mosquitto',
] as const
const MEASURES = [
  measureDetection,
  measureCpu,
  measureSealing,
  measureCatchUp,
  measureAlert,
  measureLive,
  measureEnrolment,
  measureLog,
  measureBlock,
]
/** `ownlens bench`. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Cost and speed against peers in one run.')
    .option('--only <name>', `one row: ${NAMES.join(', ')}`, known)
    .option('--json', 'for programs')
    .option('--write', 'write the table into BENCHMARKS.md')
    .action(async (flags: { only?: string; json?: boolean; write?: boolean }) => {
      const folder = await mkdtemp(join(tmpdir(), 'ownlens-bench-'))
      const tell = (text: string) => void process.stderr.write(`${text}\n`)
      try {
        const rows = await measure({ folder, tell }, name => flags.only === undefined || flags.only === name)
        process.stdout.write(
          flags.json ? `${JSON.stringify({ machine: machine(), rows })}\n` : `${asTable(rows.map(asLine))}\n`,
        )
        if (flags.write) await writeTable(rows)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    })
}

async function measure(context: BenchContext, only: (name: string) => boolean): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const one of MEASURES) rows.push(...(await one(context, only)))
  return NAMES.flatMap(name => rows.filter(row => row.name === name))
}

function known(name: string): string {
  if (!(NAMES as readonly string[]).includes(name))
    throw new InvalidArgumentError(`one of ${NAMES.join(', ')}`)
  return name
}

function machine(): string {
  const versions = ['ffmpeg', 'mosquitto'].map(program => `${program} ${versionOf(program)}`)
  const model = cpus()[0]?.model ?? 'unknown processor'
  return `${model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, ${versions.join(', ')}`
}

function versionOf(program: string): string {
  try {
    const flag = program === 'ffmpeg' ? '-version' : '-h'
    return (
      /version (\S+)/.exec(
        execFileSync(program, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      )?.[1] ?? '?'
    )
  } catch (error) {
    const said = String((error as { stdout?: unknown }).stdout ?? '')
    return /version (\S+)/.exec(said)?.[1] ?? 'not installed'
  }
}

function asLine({ name, unit, ours, peer, peerName, ratio, better }: Row): string {
  const against = peer === null ? `– (${peerName})` : `${peer} (${peerName})`
  return `| ${name} | ${unit} | ${ours} | ${against} | ${ratio ?? '–'} | ${better} |`
}

function asTable(lines: readonly string[]): string {
  return [
    '| row | unit | ours | peer | ours / peer | better |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

/** Puts the rows into the table between the marks in BENCHMARKS.md; rows that were not measured now stay as they are. */
async function writeTable(rows: readonly Row[]): Promise<void> {
  const path = fileURLToPath(new URL('../../BENCHMARKS.md', import.meta.url))
  const text = await readFile(path, 'utf8')
  const [before, rest] = text.split('<!-- table -->')
  const [table, after] = rest?.split('<!-- end -->') ?? []
  if (before === undefined || table === undefined || after === undefined)
    throw new Error('BENCHMARKS.md has no marks for the table')
  const lines = NAMES.flatMap(name => {
    const measured = rows.find(row => row.name === name)
    const stood = table.split('\n').filter(line => line.startsWith(`| ${name} `))
    return measured === undefined ? stood : [asLine(measured)]
  })
  const put = `<!-- table -->\n\n${machine()}\n\n${asTable(lines)}\n\n<!-- end -->`
  await writeFile(path, `${before}${put}${after}`)
}
