import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { OwnlensError } from '../protocol/errors.ts'
import type { CommandLine } from './arguments.ts'

/** A running ffmpeg. */
export interface Ffmpeg {
  readonly stdin: Writable
  readonly stdout: Readable
  /** What goes to `pipe:3`. */
  readonly pipe3: Readable
  /** Settles when it has ended: its exit and its last words. Never rejects. */
  readonly ended: Promise<{ readonly failed: boolean; readonly lastWords: string }>
  /** Ends it: politely, then after `graceMs` by force. Returns when it is gone. */
  stop(graceMs?: number): Promise<void>
}

/** What fluent-ffmpeg keeps to itself, and what its callbacks get. */
interface Inside {
  _spawnFfmpeg(
    args: string[],
    options: SpawnOptions & { captureStdout?: boolean },
    onStart: (child: ChildProcess) => void,
    onEnd: (error: Error | undefined, stdout: Lines, stderr: Lines) => void,
  ): void
  _checkCapabilities(callback: (error?: Error) => void): void
  availableEncoders(callback: (error: undefined, encoders: object) => void): void
  ffmpegProc?: ChildProcess
}

/** What was printed, as it keeps it. */
interface Lines {
  get(): string
}

const LAST_LINES = 40
const NO_LINES: Lines = { get: () => '' }

/**
 * Starts ffmpeg through fluent-ffmpeg, with stdin, stdout and a second pipe. The only file that knows the library: it
 * gives one pipe and reads stdout as text, so its spawn gets other options here (DECISIONS, "fluent-ffmpeg").
 *
 * @throws OwnlensError `ffmpeg.absent`.
 */
export async function startFfmpeg(line: CommandLine): Promise<Ffmpeg> {
  const command = ffmpeg({ stdoutLines: LAST_LINES })
  // Looked up at each start: left to itself it remembers for ever that there was none.
  command.setFfmpegPath('ffmpeg')
  for (const { options, source } of line.inputs) addAll(command.input(source), 'inputOptions', options)
  if (line.filter !== undefined) command.complexFilter(line.filter)
  for (const { options, target } of line.outputs) addAll(command.output(target), 'outputOptions', options)
  return new Promise((resolve, reject) => {
    let settle: (end: { failed: boolean; lastWords: string }) => void = () => undefined
    const ended = new Promise<{ failed: boolean; lastWords: string }>(done => {
      settle = done
    })
    const inside = command as unknown as Inside
    // It does not know the fifo muxer and misreads newer ffmpegs' lists; ffmpeg itself says what it lacks.
    inside._checkCapabilities = callback => callback()
    inside.availableEncoders = callback => callback(undefined, {})
    const spawn = inside._spawnFfmpeg.bind(command)
    inside._spawnFfmpeg = (args, options, onStart, onEnd) =>
      spawn(
        args,
        { ...options, captureStdout: false, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] },
        onStart,
        // When nothing could be started it hands over no lines, and then falls over them.
        (error, stdout = NO_LINES, stderr = NO_LINES) => onEnd(error, stdout, stderr),
      )
    command
      .on('start', () => {
        const child = inside.ffmpegProc
        if (child?.pid !== undefined) resolve(running(child, ended))
      })
      .on('error', (error: Error, _stdout: unknown, stderr: unknown) => {
        settle({ failed: true, lastWords: String(stderr || error.message) })
        const absent = /cannot find ffmpeg|ENOENT/i.test(error.message)
        reject(new OwnlensError(absent ? 'ffmpeg.absent' : 'ffmpeg.failed', undefined, { cause: error }))
      })
      .on('end', (_stdout: unknown, stderr: unknown) =>
        settle({ failed: false, lastWords: String(stderr ?? '') }),
      )
      .run()
  })
}

/**
 * Ends it when the signal is aborted, also when that was while it was being started. Returns how to leave off.
 *
 * @param graceMs as for `stop`.
 */
export function stopWith(signal: AbortSignal, process: Ffmpeg, graceMs?: number): () => void {
  const stop = () => void process.stop(graceMs)
  signal.addEventListener('abort', stop, { once: true })
  // Nobody would hear of it any more.
  if (signal.aborted) stop()
  return () => signal.removeEventListener('abort', stop)
}

/** One call with several arguments: fluent-ffmpeg splits a single one at its blanks. */
function addAll(
  command: FfmpegCommand,
  how: 'inputOptions' | 'outputOptions',
  options: readonly string[],
): void {
  const add = command[how].bind(command) as (...all: string[]) => unknown
  if (options.length > 0) add(...options)
}

function running(child: ChildProcess, ended: Ffmpeg['ended']): Ffmpeg {
  const [stdin, stdout, , pipe3] = child.stdio as unknown as [Writable, Readable, Readable, Readable]
  // A broken pipe is told by the process's end.
  for (const stream of [stdin, stdout, pipe3]) stream.on('error', () => undefined)
  return {
    stdin,
    stdout,
    pipe3,
    ended,
    async stop(graceMs = 1500) {
      // With a reader that is gone ffmpeg would hang on SIGTERM; let what is left flow away.
      stdout.resume()
      pipe3.resume()
      child.kill('SIGTERM')
      const force = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(force)
    },
  }
}
