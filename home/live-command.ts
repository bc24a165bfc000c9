import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { shutdownSignal } from '../cli/shutdown.ts'
import { OwnlensError } from '../protocol/errors.ts'
import type { LiveThing } from '../protocol/live.ts'
import { findCamera, type HomeCamera } from './cameras.ts'
import { type Flags, takeNews, withHousehold } from './command.ts'
import type { Household } from './household.ts'
import { watchLive } from './live.ts'
import { LiveFile } from './live-file.ts'

const TELL_MS = 2000
/** A player that takes no more is not waited for: the oldest it has is worth less than what comes. */
const HELD_BACK_MAX = 16 * 1024 * 1024

/** `home live`. */
export function liveCommands(add: (name: string, says: string) => Command): void {
  add(
    'live',
    'watch a camera live: fragmented MP4 to standard output, for example `| ffplay -fflags nobuffer -`',
  )
    .argument('<camera>', 'its name, its id, or the beginning of it')
    .option('--out <file>', 'into a file instead')
    .option('--seconds <n>', 'end after so many seconds', Number)
    .action(live)
}

async function live(name: string, flags: Flags & { out?: string; seconds?: number }): Promise<void> {
  const stop = new AbortController()
  const signals = [shutdownSignal(), stop.signal]
  if (flags.seconds !== undefined) signals.push(AbortSignal.timeout(flags.seconds * 1000))
  const signal = AbortSignal.any(signals)
  let begun = await withNews(flags, name)
  const out = flags.out === undefined ? process.stdout : await openFile(resolve(flags.out))
  // A player that was closed has seen enough.
  out.on('error', () => stop.abort())
  const teller = new Teller()
  const file = new LiveFile()
  const show = (thing: LiveThing) => {
    if (out.writableLength > HELD_BACK_MAX) throw new OwnlensError('live.ended', 'the player takes no more')
    const bytes = file.add(thing)
    if (bytes.length > 0) out.write(bytes)
    teller.shown(thing)
  }
  try {
    for (;;) {
      const { household, camera } = begun
      const { why } = await watchLive(household, camera, { show, refused: teller.refused }, { signal })
      if (why === 'left') return
      // The home has changed who belongs to it: whoever still does goes on.
      if (why !== 'roster') throw new OwnlensError('live.ended', why)
      file.begin()
      begun = await withNews(flags, name)
    }
  } finally {
    teller.end()
    if (out !== process.stdout) await finished(out.end()).catch(() => undefined)
  }
}

/** The household with what is new, and its camera. Watching itself writes nothing, and needs no lock: several may watch at once. */
async function withNews(flags: Flags, name: string): Promise<{ household: Household; camera: HomeCamera }> {
  let found: { household: Household; camera: HomeCamera } | undefined
  await withHousehold(flags, async household => {
    await takeNews(household)
    found = { household, camera: await findCamera(household, name) }
  })
  if (found === undefined) throw new OwnlensError('home.camera', name)
  return found
}

async function openFile(path: string): Promise<Writable> {
  const out = createWriteStream(path)
  await new Promise<void>((done, fail) => {
    out.once('open', () => done())
    out.once('error', cause => fail(new OwnlensError('home.out', path, { cause })))
  })
  return out
}

/** Says on standard error how old what is shown is, by the clocks of camera and this machine, and what was refused. */
class Teller {
  #delays: number[] = []
  #refused = 0
  readonly #timer = setInterval(() => this.#tell(), TELL_MS)

  shown({ type, at }: LiveThing): void {
    if (type !== 'init') this.#delays.push(Date.now() - at)
  }

  readonly refused = (error: OwnlensError): void => {
    if (this.#refused++ === 0) process.stderr.write(`refused: ${error.message} (${error.code})\n`)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#tell()
  }

  #tell(): void {
    const delays = this.#delays.splice(0).sort((a, b) => a - b)
    if (delays.length === 0) return
    const middle = Math.round(delays[delays.length >> 1] ?? 0)
    const refused = this.#refused > 0 ? `, ${this.#refused} messages refused` : ''
    process.stderr.write(`latency ${middle} ms, at most ${Math.round(delays.at(-1) ?? 0)} ms${refused}\n`)
  }
}
