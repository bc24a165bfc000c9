import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { Fmp4Splitter, type Fmp4Timing, readFragmentTimes, readTiming } from '../protocol/fmp4.ts'
import { type Capture, captureCommand, smallFrame } from './arguments.ts'
import { KEY_GAP_MAX } from './capture.ts'
import { type Ffmpeg, startFfmpeg, stopWith } from './ffmpeg.ts'
import { cameraError, cameraLost } from './ffmpeg-errors.ts'
import type { Camera, CameraSession, Fragment, Frame, FrameOptions } from './hardware.ts'
import { ByteQueue, LatestQueue } from './queue.ts'

/** Fragments that nobody has read yet, at most. */
const QUEUE_BYTES = 16 * 1024 * 1024
/** The first picture must be there by then; a USB camera takes two seconds, an RTSP one five. */
const START_MS = 15_000
/** A camera that delivers nothing for so long is as good as gone. */
const SILENT_MS = 5_000

/**
 * A camera behind ffmpeg, whatever its source. H.264 whose key pictures prove to come too seldom ends its session with
 * `camera.keys`; the sessions after it decode the stream instead.
 *
 * @param prepare finds out what the source is and how to open it; throws `camera.*`.
 * @param endless whether an end that nobody asked for is a fault (a file that does not loop may end).
 */
export function ffmpegCamera(name: string, prepare: () => Promise<Capture>, endless = true): Camera {
  let seldomKeys = false
  return {
    name,
    async open({ signal, frames, sound = true }) {
      signal.throwIfAborted()
      const found = await prepare()
      const capture: Capture = {
        ...found,
        ...(seldomKeys && found.ring === 'copy-h264' && { ring: 'encode-mjpeg' }),
        ...(!sound && { audio: 'none' }),
      }
      signal.throwIfAborted()
      const process = await startFfmpeg(captureCommand(capture, frames))
      const session = await startSession({ name, capture, frames, process, endless }, signal)
      session.ended.catch((error: unknown) => {
        seldomKeys ||= codeOf(error) === 'camera.keys'
      })
      return session
    },
  }
}

interface Opened {
  readonly name: string
  readonly capture: Capture
  readonly frames: FrameOptions
  readonly process: Ffmpeg
  readonly endless: boolean
}

async function startSession(opened: Opened, signal: AbortSignal): Promise<CameraSession> {
  const { name, capture, process, endless } = opened
  const frames = new LatestQueue<Frame>()
  const fragments = new ByteQueue<Fragment>(QUEUE_BYTES)
  const watchdog = new Watchdog()
  let started = false
  let broken: unknown
  const fail = (error: unknown) => {
    broken ??= error
    void process.stop()
  }
  readFrames(opened, frames, watchdog)
  const init = readRing(opened, fragments, watchdog, fail)

  const leaveOff = stopWith(signal, process)
  const ended = process.ended.then(({ failed, lastWords }) => {
    leaveOff()
    watchdog.stop()
    frames.close()
    fragments.close()
    if (signal.aborted) return
    if (broken !== undefined) throw broken
    if (failed || endless) throw (started ? cameraLost : cameraError)(lastWords, name)
  })
  ended.catch(() => undefined)
  watchdog.start(START_MS, () => fail(new OwnlensError('camera.silent', name)))
  const first = await Promise.race([init, ended.then(() => undefined)])
  if (first === undefined) {
    signal.throwIfAborted()
    throw cameraError((await process.ended).lastWords, name)
  }
  started = true
  watchdog.start(SILENT_MS, () => fail(new OwnlensError('camera.silent', name)))
  return {
    format: {
      video: capture.ring === 'copy-h264' ? 'h264' : 'mjpeg',
      width: capture.width,
      height: capture.height,
      audio: capture.audio !== 'none',
    },
    init: first,
    frames,
    fragments,
    ended,
    dropped: () => ({ frames: frames.dropped, fragments: fragments.dropped }),
  }
}

function readFrames(
  { capture, frames: options, process }: Opened,
  frames: LatestQueue<Frame>,
  watchdog: Watchdog,
): void {
  const { width, height } = smallFrame(capture, options.size)
  // The fps filter gives a picture out when the next one has come.
  const late = 1000 / options.rate
  let data = new Uint8Array(width * height * 3)
  let filled = 0
  process.pipe3.on('data', (bytes: Uint8Array) => {
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + data.length - filled)
      data.set(piece, filled)
      filled += piece.length
      from += piece.length
      if (filled < data.length) return
      frames.put({ width, height, data, at: performance.now() - late })
      watchdog.alive()
      data = new Uint8Array(data.length)
      filled = 0
    }
  })
}

/** Resolves with ftyp + moov. */
function readRing(
  { name, capture, process }: Opened,
  fragments: ByteQueue<Fragment>,
  watchdog: Watchdog,
  fail: (error: unknown) => void,
): Promise<Uint8Array> {
  const splitter = new Fmp4Splitter()
  const pace = new Pace()
  let lastKey: number | undefined
  let sound: Uint8Array[] = []
  let timing: Fmp4Timing | undefined
  return new Promise(resolve => {
    process.stdout.on('data', (bytes: Uint8Array) => {
      try {
        for (const { kind, data } of splitter.push(bytes)) {
          if (kind === 'init') {
            timing = readTiming(data)
            resolve(data)
          } else if (timing !== undefined) {
            const times = readFragmentTimes(data, timing)
            sound.push(data)
            // A fragment of sound alone cannot be cut at; it goes with the picture's next one.
            if (times === undefined) continue
            const whole = sound.length === 1 ? data : Buffer.concat(sound)
            sound = []
            watchdog.alive()
            // Where sound began first, the first fragment is longer than its pictures.
            if (lastKey === undefined) lastKey = times.start + times.duration
            else if (times.key) lastKey = times.start
            if (
              capture.ring === 'copy-h264' &&
              !capture.keysKnown &&
              times.start + times.duration - lastKey > KEY_GAP_MAX
            )
              throw new OwnlensError('camera.keys', name)
            const durationMs = times.duration * 1000
            const at = pace.at(times.start * 1000, durationMs)
            fragments.put({ data: whole, at, durationMs, key: times.key })
          }
        }
      } catch (error) {
        fail(error)
      }
    })
  })
}

/** Tells when a picture was taken by this machine's monotonic clock, from the stream's own times. */
class Pace {
  #offset = Number.POSITIVE_INFINITY

  /** A fragment arrives when its last picture was taken, or later: the earliest arrival counts, drift is forgiven slowly. */
  at(startMs: number, durationMs: number): number {
    this.#offset = Math.min(performance.now() - startMs - durationMs, this.#offset + 1)
    return startMs + this.#offset
  }
}

/** Barks when nothing was alive for a while. */
class Watchdog {
  #timer: NodeJS.Timeout | undefined

  start(ms: number, bark: () => void): void {
    this.stop()
    this.#timer = setTimeout(bark, ms)
  }

  alive(): void {
    this.#timer?.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
