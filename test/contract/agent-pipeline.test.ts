import { kill } from 'node:process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cut } from '../../agent/cut.ts'
import { watch } from '../../agent/watch.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import { ffmpegEncoder } from '../../hardware/encoder.ts'
import type { CameraSession, Fragment, Frame } from '../../hardware/hardware.ts'
import type { FaceDetector } from '../../models/face-detector.ts'
import { readFragmentTimes, readTiming } from '../../protocol/fmp4.ts'
import { disk } from '../../storage/disk.ts'
import { runningFfmpegs } from '../support/hardware-processes.ts'
import { makeVideo, probeBytes } from '../support/hardware-videos.ts'
import { temporaryFolder } from '../support/places.ts'

let folder: string
let remove: () => Promise<void>
let abort: AbortController

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  abort = new AbortController()
})
afterEach(async () => {
  abort.abort()
  await expect.poll(runningFfmpegs, { timeout: 10_000 }).toEqual([])
  await remove()
})

async function openCamera(codec: 'mjpeg' | 'h264'): Promise<CameraSession> {
  const path = await makeVideo(folder, codec === 'mjpeg' ? 'a.avi' : 'a.mp4', {
    codec,
    sound: true,
    seconds: 4,
  })
  const hardware = emulated({ source: { kind: 'file', path }, microphone: 'auto', disk, data: folder })
  return hardware.camera.open({ signal: abort.signal, frames: { rate: 10, size: 96 } })
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Answers after so long; hangs after so many pictures. */
function slowDetector(ms: number, hangsAfter = Number.POSITIVE_INFINITY): FaceDetector & { asked: Frame[] } {
  const asked: Frame[] = []
  return {
    runtime: 'slow',
    asked,
    async detect(picture) {
      asked.push(picture as Frame)
      if (asked.length > hangsAfter) return new Promise(() => undefined)
      await pause(ms)
      return [{ box: [0, 0, 0.5, 0.5], score: 0.9 }]
    },
    close: async () => undefined,
  }
}

const OPTIONS = { triggers: ['face', 'motion'], motion: { area: 0.004, step: 24 } } as const
const RULES = { beforeMs: 5000, afterMs: 3000, maxMs: 60_000 }

test.each([
  ['mjpeg', 700, Number.POSITIVE_INFINITY],
  ['h264', 700, Number.POSITIVE_INFINITY],
  ['mjpeg', 300, 3],
] as const)(
  'a slow or hanging detector and a slow outbox cost no picture of a clip (%s, %i ms, %d)',
  async (codec, ms, hangsAfter) => {
    const session = await openCamera(codec)
    const detector = slowDetector(ms, hangsAfter)
    const sightings = watch(session.frames, detector, OPTIONS)
    const recorded: Fragment[] = []
    const tapped = (async function* () {
      for await (const fragment of session.fragments) {
        recorded.push(fragment)
        yield fragment
      }
    })()
    const encoded: Uint8Array[] = []
    let reading: Promise<void> | undefined
    let clips = 0
    setTimeout(() => abort.abort(), 8000)
    for await (const clip of cut(session, tapped, sightings, RULES, () => 'stopped')) {
      if (++clips > 1) {
        clip.abandon()
        continue
      }
      reading = (async () => {
        const encoder = ffmpegEncoder()
        for await (const bytes of encoder.clip(session, clip.fragments, {
          signal: new AbortController().signal,
        })) {
          encoded.push(bytes)
          await pause(200)
        }
        expect(clip.lost()).toBe(0)
      })()
    }
    await reading
    // The camera went on as if nobody were slow: nothing gave way, and there is no hole.
    expect(session.dropped().fragments).toBe(0)
    const seconds = recorded.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000
    expect(seconds).toBeGreaterThan(3)
    const timing = readTiming(session.init)
    const times = recorded.map(({ data }) => readFragmentTimes(data, timing))
    for (const [index, now] of times.entries()) {
      const before = times[index - 1]
      if (before && now) expect(Math.abs(now.start - before.start - before.duration)).toBeLessThan(0.15)
    }
    // Frames gave way, as they should.
    expect(detector.asked.length).toBeLessThan(20)
    expect(session.dropped().frames).toBeGreaterThan(10)
    const streams = await probeBytes(folder, Buffer.concat(encoded))
    const pictures = streams.find(({ width }) => width !== undefined)?.pictures ?? 0
    // The first clip: whole when the detector goes on; until three seconds after its last answer when it hangs.
    if (hangsAfter === Number.POSITIVE_INFINITY) expect(pictures).toBeGreaterThan(seconds * 15 * 0.9)
    else expect(pictures).toBeGreaterThan(30)
  },
)

test('an encoder that hangs is ended, so that the next clip does not wait for it', async () => {
  const session = await openCamera('mjpeg')
  const camera = await runningFfmpegs()
  const encoder = ffmpegEncoder({ hangsMs: 2000 })
  const clip = encoder.clip(session, session.fragments, { signal: abort.signal })
  const reading = (async () => {
    for await (const _ of clip) {
      const [encoding] = (await runningFfmpegs()).filter(pid => !camera.includes(pid))
      if (encoding !== undefined) kill(encoding, 'SIGSTOP')
    }
  })()
  await expect(reading).rejects.toMatchObject({ code: 'encoder.failed', detail: 'it hung' })
})

test('an encoder whose reader is slow does not hang', async () => {
  const session = await openCamera('mjpeg')
  const encoder = ffmpegEncoder({ hangsMs: 500 })
  let pieces = 0
  for await (const _ of encoder.clip(session, session.fragments, { signal: abort.signal })) {
    await pause(1500)
    if (++pieces === 3) break
  }
  expect(pieces).toBe(3)
})
