import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { foreignIn } from '../home/foreign.ts'
import { freezeReport, sendReports } from '../home/report.ts'
import { ReportFiles } from '../home/report-files.ts'
import { disk } from '../storage/disk.ts'
import type { Home } from './home.ts'
import type { Stage } from './stage.ts'

const OWNLENS = fileURLToPath(new URL('../ownlens.js', import.meta.url))
const run = promisify(execFile)

/**
 * Runs `ownlens …` as anybody would; the code of its refusal, or how else it failed.
 *
 * @param options.answer what the person types when it asks; nothing: its input has ended.
 */
export async function ownlens(
  args: readonly string[],
  { cwd, answer }: { cwd?: string; answer?: string } = {},
): Promise<{ stdout: string; stderr: string; code: string | undefined }> {
  const running = run(process.execPath, [OWNLENS, ...args], { cwd })
  // Who does not read it may be gone before it is written.
  running.child.stdin?.on('error', () => undefined)
  running.child.stdin?.end(answer)
  const result = await running.catch((error: { stdout: string; stderr: string; code: number }) => error)
  const code = /^ *Code: (\S+)$/m.exec(result.stderr)?.[1]
  const failed = 'code' in result ? (code ?? `exit ${result.code}: ${result.stderr}`) : undefined
  return { stdout: result.stdout, stderr: result.stderr, code: failed }
}

/**
 * A home reports: everything foreign that it has come by is kept as files, counted, tried with its keys, and handed in as a list.
 *
 * @returns the report's hash, and how many of the things opened.
 */
export async function report(
  stage: Stage,
  home: Home,
  { deviceId, says }: { deviceId: string | null; says: string },
): Promise<{ hash: string; things: number; opened: number }> {
  const { household, folder, spy } = home
  const found = join(folder, 'found')
  await spy.save(found)
  const foreign = await foreignIn(disk, found, household.id, household.identities)
  const files = new ReportFiles(disk, folder)
  const now = new Date(Date.now() + stage.ahead)
  const about = { deviceId, says, seenAt: now, foreign, notices: [] }
  const hash = await freezeReport(household, files, about, now)
  const sent = await sendReports(household, files)
  stage.report.expect(sent.includes(hash), `${home.name}’s report has no receipt`)
  const opened = foreign.filter(thing => thing.opened).length
  stage.report.do(
    `${home.name} reports “${says}”, with ${foreign.length} sealed things of others: ${opened} of them open`,
  )
  return { hash, things: foreign.length, opened }
}

/** Whoever runs the hub, by the commands that they run. */
export class OperatorDesk {
  readonly #stage: Stage
  readonly #hubData: readonly string[]

  constructor(stage: Stage, hubFolder = 'hub') {
    this.#stage = stage
    this.#hubData = ['--hub-data', join(stage.folder, hubFolder)]
  }

  /** `ownlens incident …`; what it answered. A refusal fails the drill. */
  async incident(...args: readonly string[]): Promise<Record<string, unknown>> {
    const { stdout, code } = await ownlens(['incident', ...args, ...this.#hubData, '--json'])
    this.#stage.report.expect(code === undefined, `incident ${args[0]}: ${code}`)
    return code === undefined ? JSON.parse(stdout) : {}
  }
}
