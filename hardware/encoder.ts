import { execFile } from 'node:child_process'
import { OwnlensError } from '../protocol/errors.ts'
import { Fmp4Splitter } from '../protocol/fmp4.ts'
import { type CommandLine, clipCommand, liveCommand, stillCommand, toArguments } from './arguments.ts'
import { type Ffmpeg, startFfmpeg, stopWith } from './ffmpeg.ts'
import type { Encoder, Fragment } from './hardware.ts'

/** An encoder that has pictures to work on, a reader that waits, and nothing to say for so long, hangs. */
const HANGS_MS = 20_000

/** Encodes through ffmpeg: by the board's own encoder where a trial succeeds, else by libx264. */
export function ffmpegEncoder({ hangsMs = HANGS_MS } = {}): Encoder {
  const best = boardEncoder()
  return {
    async *clip(ring, fragments, { signal }) {
      const command = clipCommand(ring.format.video, await best)
      yield* encode(command, ring.init, fragments, { signal, hangsMs })
    },
    async *live(ring, fragments, { signal }) {
      if (ring.format.video === 'mjpeg')
        return yield* encode(liveCommand(await best), ring.init, fragments, { signal, hangsMs })
      yield ring.init
      for await (const { data } of fragments) {
        signal.throwIfAborted()
        yield data
      }
    },
    async still(ring, fragments, { signal, longSide }) {
      const process = await startFfmpeg(stillCommand(longSide))
      const leaveOff = stopWith(signal, process, 500)
      const fed = feed(process, ring.init, fragments)
      const chunks: Uint8Array[] = []
      for await (const bytes of process.stdout) chunks.push(bytes)
      await fed
      leaveOff()
      const picture = lastJpeg(Buffer.concat(chunks))
      if (picture !== undefined) return picture
      signal.throwIfAborted()
      const { lastWords } = await process.ended
      throw new OwnlensError('encoder.failed', 'no picture', { cause: new Error(lastWords.slice(-1000)) })
    },
  }
}

/** Writes a ring into an ffmpeg of this command; yields the start and the fragments of what it makes. */
async function* encode(
  command: CommandLine,
  init: Uint8Array,
  fragments: AsyncIterable<Fragment>,
  { signal, hangsMs }: { signal: AbortSignal; hangsMs: number },
): AsyncGenerator<Uint8Array> {
  const process = await startFfmpeg(command)
  const leaveOff = stopWith(signal, process, 500)
  const fed = feed(process, init, fragments)
  const watch = new HangWatch(process, hangsMs)
  try {
    const splitter = new Fmp4Splitter()
    for await (const bytes of process.stdout) {
      watch.busy()
      for (const { data } of splitter.push(bytes)) yield data
      watch.waits()
    }
    if (!watch.hung) await fed
    const { failed, lastWords } = await process.ended
    signal.throwIfAborted()
    if (watch.hung) throw new OwnlensError('encoder.failed', 'it hung')
    if (failed)
      throw new OwnlensError('encoder.failed', undefined, { cause: new Error(lastWords.slice(-1000)) })
  } finally {
    watch.stop()
    leaveOff()
    await process.stop(500)
  }
}

/** Ends an ffmpeg that does not go on though it could: clips that come after would wait for it. */
class HangWatch {
  readonly #timer: NodeJS.Timeout
  #waiting = true
  #idle = 0
  hung = false

  constructor(process: Ffmpeg, hangsMs: number) {
    const { stdin } = process
    const tick = hangsMs / 10
    this.#timer = setInterval(() => {
      const hasWork = stdin.writableLength > 0 || stdin.writableEnded
      this.#idle = this.#waiting && hasWork ? this.#idle + tick : 0
      if (this.#idle < hangsMs || this.hung) return
      this.hung = true
      void process.stop(500)
    }, tick)
  }

  /** Its reader waits for it. */
  waits(): void {
    this.#waiting = true
  }

  /** It waits for its reader. */
  busy(): void {
    this.#waiting = false
    this.#idle = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** Writes the ring into ffmpeg as fast as it takes it. A reader that has gone is told by the process's end. */
async function feed(
  process: Ffmpeg,
  init: Uint8Array,
  fragments: AsyncIterable<Fragment> | Iterable<Fragment>,
): Promise<void> {
  const { stdin } = process
  const gone = process.ended.then(() => undefined)
  const write = async (bytes: Uint8Array) => {
    if (stdin.destroyed || stdin.write(bytes)) return
    await Promise.race([new Promise<void>(resolve => stdin.once('drain', resolve)), gone])
  }
  await write(init)
  for await (const { data } of fragments) await write(data)
  stdin.end()
}

/** The last whole JPEG of several, one after the other. */
function lastJpeg(bytes: Buffer): Uint8Array | undefined {
  const end = bytes.lastIndexOf(Buffer.from([0xff, 0xd9]))
  if (end < 0) return undefined
  const before = bytes.lastIndexOf(Buffer.from([0xff, 0xd9, 0xff, 0xd8]), end - 1)
  return bytes.subarray(before < 0 ? 0 : before + 2, end + 2)
}

/** The board's own encoder if it really encodes (asking for its name is not enough), else libx264. */
function boardEncoder(): Promise<'libx264' | 'h264_v4l2m2m'> {
  const trial = {
    inputs: [{ options: ['-loglevel', 'error', '-f', 'lavfi'], source: 'color=black:s=640x480:r=10:d=0.3' }],
    outputs: [{ options: ['-c:v', 'h264_v4l2m2m', '-pix_fmt', 'yuv420p', '-f', 'null'], target: '-' }],
  }
  return new Promise(resolve => {
    execFile('ffmpeg', toArguments(trial), { timeout: 5000 }, error => {
      resolve(error === null ? 'h264_v4l2m2m' : 'libx264')
    })
  })
}
