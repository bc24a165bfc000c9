import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { emptyCoreDumps } from '../cli/no-core.ts'
import { createFaceDetector } from '../models/detector.ts'
import { DRILLS } from './all.ts'
import type { Drill } from './drill.ts'
import { type DrillResult, describeDirections, Report } from './report.ts'
import { type Props, Stage } from './stage.ts'

interface Flags {
  readonly only?: readonly number[]
  readonly list?: boolean
  readonly atOnce: number
  readonly out?: string
  readonly json?: boolean
}

/** `ownlens drill`. */
export function drillCommand(): Command {
  return new Command('drill')
    .description(
      'Replays the incident that this project comes from, and its relatives: real agents, hub and broker. Exit code 0 only if nobody opened anything of another home.',
    )
    .option('--only <numbers>', 'these alone, e.g. 3,4', numbers)
    .option('--list', 'say what there is')
    .option('--at-once <number>', 'so many side by side', wholeNumber, 1)
    .option('--out <folder>', 'keep what drills write for people there: the incident page of drill 3')
    .option('--json', 'print {"drills":[…]} at the end')
    .action(run)
}

function numbers(text: string): readonly number[] {
  const found = text.split(',').map(Number)
  const known = (number: number) => DRILLS.some(drill => drill.number === number)
  if (!found.every(known)) throw new InvalidArgumentError('drills’ numbers are wanted, see --list')
  return found
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1 || value > 8)
    throw new InvalidArgumentError('a number from 1 to 8 is wanted')
  return value
}

async function run({ only, list, json, atOnce, out }: Flags): Promise<void> {
  const say = json ? () => undefined : (line: string) => void process.stdout.write(`${line}\n`)
  const chosen = DRILLS.filter(({ number }) => only === undefined || only.includes(number))
  if (list) {
    for (const { number, name, says } of chosen) say(`${String(number).padStart(3)}  ${name}\n     ${says}`)
    return
  }
  emptyCoreDumps()
  const detector = await createFaceDetector({ runtime: 'litert', minScore: 0.5 })
  const drills: DrillResult[] = []
  try {
    const waiting = [...chosen]
    const playOn = async () => {
      for (let drill = waiting.shift(); drill !== undefined; drill = waiting.shift())
        drills.push(await tell(drill, { detector, out: out && resolve(out) }, say, atOnce > 1))
    }
    await Promise.all(Array.from({ length: atOnce }, playOn))
    drills.sort((a, b) => a.number - b.number)
  } finally {
    await detector.close()
  }
  const failed = drills.filter(({ passed }) => !passed)
  if (json) process.stdout.write(`${JSON.stringify({ drills })}\n`)
  else say(`\n${drills.length - failed.length} of ${drills.length} drills passed.`)
  if (failed.length > 0) process.exitCode = 1
}

/** Plays one and says what happens, as it happens or, where others speak too, at its end. */
async function tell(
  drill: Drill,
  props: Props,
  say: (line: string) => void,
  atEnd: boolean,
): Promise<DrillResult> {
  const lines: string[] = []
  const line = atEnd ? (text: string) => void lines.push(text) : say
  line(`\n${String(drill.number).padStart(3)}  ${drill.name}: ${drill.says}`)
  const result = await play(drill, props, line)
  for (const text of describeDirections(result.directions)) line(`     ${text}`)
  line(`     ${result.passed ? '✓ passed' : '✗ FAILED'} in ${(result.ms / 1000).toFixed(1)} s`)
  for (const text of lines) say(text)
  return result
}

async function play(drill: Drill, props: Props, say: (line: string) => void): Promise<DrillResult> {
  const folder = await mkdtemp(join(tmpdir(), 'ownlens-drill-'))
  const report = new Report(say)
  const stage = new Stage(folder, props, report)
  const began = performance.now()
  try {
    await drill.play(stage)
    if (!stage.measured) report.direct(await stage.measure())
    report.expect(report.nothingOpened, 'somebody opened what is another home’s')
  } catch (error) {
    report.expect(false, `unexpected: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
  } finally {
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  }
  const { number, name } = drill
  const { directions, told, did, failed } = report
  const ms = Math.round(performance.now() - began)
  return { number, name, passed: failed.length === 0, directions, told, ms, did, failed }
}
