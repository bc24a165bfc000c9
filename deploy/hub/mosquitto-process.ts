import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Logger } from 'pino'
import { OwnlensError } from '../../protocol/errors.ts'

const ANSWER_MS = 10_000
/** `setpriv` found no such program. */
const NOT_FOUND = 127

/** A running mosquitto. */
export interface MosquittoProcess {
  /**
   * Lets it read its files again; returns when it has begun with them, which is before it lets anybody else in. Called anew
   * before it has ended with them, the signal would be lost.
   */
  reload(): Promise<void>
  /** Resolves when it has ended, whatever ended it. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Starts mosquitto. Throws `broker.absent`, `hub.port`, `broker.failed`. */
export async function startMosquitto(options: {
  readonly program: string
  readonly configuration: string
  readonly log: Logger
}): Promise<MosquittoProcess> {
  const { program, configuration, log } = options
  // Whatever ends the hub ends its broker: an orphan would hold the port, with rights that nobody updates.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, '-c', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const waiting = new Set<(line: string) => void>()
  let lastError = ''
  createInterface({ input: child.stderr }).on('line', line => {
    if (/error|warning/i.test(line)) {
      lastError = line.slice(0, 200)
      log.warn({ mosquitto: lastError }, 'mosquitto')
    }
    for (const hear of [...waiting]) hear(line)
  })
  const ended = new Promise<void>(resolve => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })

  /** Resolves when it has said this; rejects when it ends or keeps silent. */
  function says(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        clearTimeout(timer)
        waiting.delete(hear)
        settle()
      }
      const hear = (line: string) => pattern.test(line) && done(resolve)
      const fail = (error: OwnlensError) => done(() => reject(error))
      const timer = setTimeout(
        () => fail(new OwnlensError('broker.failed', `${program} is silent`)),
        ANSWER_MS,
      )
      waiting.add(hear)
      void ended.then(() => fail(whyEnded(child, program, lastError)))
    })
  }

  const process = {
    ended,
    async reload() {
      const begun = says(/Reloading config/)
      child.kill('SIGHUP')
      await begun
    },
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), ANSWER_MS)
      await ended
      clearTimeout(late)
    },
  }
  try {
    await says(/mosquitto version .* running/)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return process
}

function whyEnded(child: ChildProcess, program: string, lastError: string): OwnlensError {
  if (child.exitCode === NOT_FOUND || child.exitCode === null)
    return new OwnlensError('broker.absent', program)
  if (/address already in use/i.test(lastError))
    return new OwnlensError('hub.port', 'something else listens there')
  return new OwnlensError('broker.failed', lastError || `${program} ended with ${child.exitCode}`)
}
