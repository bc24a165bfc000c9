import { type ChildProcess, spawn } from 'node:child_process'
import { OWNLENS } from './places.ts'

/** A running `ownlens` command. */
export interface Running {
  readonly process: ChildProcess
  /** Everything on stdout and stderr so far. */
  output(): string
  /** Resolves when the output matches; rejects when the process ends first. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves with exit code and signal. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Kills it (SIGKILL unless told otherwise) and waits for its end. */
  kill(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts `ownlens …` as a process of its own, with nothing on its standard input unless there is some. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Running {
  const child = spawn(OWNLENS, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  // Who does not read it may be gone before it is written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let text = ''
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      for (const listener of listeners) listener()
    })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(resolve =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return {
    process: child,
    output: () => text,
    ended,
    async says(pattern) {
      let from = 0
      for (;;) {
        const match = pattern.exec(text)
        if (match !== null) return match
        from = text.length
        const more = new Promise<'more'>(resolve => {
          const listener = () => {
            listeners.delete(listener)
            resolve('more')
          }
          listeners.add(listener)
        })
        const what = await Promise.race([more, ended])
        if (what !== 'more' && text.length === from)
          throw new Error(
            `it ended (${what.code ?? what.signal}) without saying ${pattern}:\n${text.slice(-2000)}`,
          )
      }
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs `ownlens …` to its end. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Promise<{ code: number | null; output: string }> {
  const running = startCommand(args, env, input)
  const { code } = await running.ended
  return { code, output: running.output() }
}
