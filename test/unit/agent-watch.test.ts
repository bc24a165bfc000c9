import { expect, test } from 'vitest'
import { type Sighting, type WatchOptions, watch } from '../../agent/watch.ts'
import type { Frame } from '../../hardware/hardware.ts'
import { LatestQueue } from '../../hardware/queue.ts'
import type { FaceDetector } from '../../models/face-detector.ts'
import type { Face } from '../../protocol/image.ts'

const OPTIONS: WatchOptions = { triggers: ['face', 'motion'], motion: { area: 0.004, step: 24 } }
const FACE: Face = { box: [0.4, 0.2, 0.1, 0.2], score: 0.9 }

/** A small grey picture; `bright` makes a third of it another grey. */
function frame(at: number, bright = false): Frame {
  const data = new Uint8Array(32 * 32 * 3).fill(80)
  if (bright) data.fill(200, 0, 32 * 10 * 3)
  return { width: 32, height: 32, data, at }
}

/** What a detector is asked, and answers. */
function detectorOf(answer: (at: number) => readonly Face[]): FaceDetector & { readonly asked: number[] } {
  const asked: number[] = []
  return {
    runtime: 'a table',
    asked,
    async detect(picture) {
      const { at } = picture as Frame
      asked.push(at)
      return answer(at)
    },
    close: async () => undefined,
  }
}

async function sightings(
  frames: AsyncIterable<Frame> | Iterable<Frame>,
  detector: FaceDetector,
  options = OPTIONS,
): Promise<readonly Sighting[]> {
  const all: Sighting[] = []
  const stream = (async function* () {
    yield* frames
  })()
  for await (const sighting of watch(stream, detector, options)) all.push(sighting)
  return all
}

const every100ms = (count: number, bright: (at: number) => boolean = () => false): Frame[] =>
  Array.from({ length: count }, (_, index) => frame(index * 100, bright(index * 100)))

test('nobody there: nothing is seen, and a face is looked for once a second', async () => {
  const detector = detectorOf(() => [])
  expect(await sightings(every100ms(50), detector)).toEqual([])
  expect(detector.asked).toEqual([0, 1000, 2000, 3000, 4000])
})

test('a face that sits still is found within a second, then looked at five times a second', async () => {
  const detector = detectorOf(at => (at >= 500 && at < 6000 ? [FACE] : []))
  const all = await sightings(every100ms(100), detector)
  expect(all[0]).toEqual({ at: 1100, since: 1000, trigger: 'face', faces: [FACE] })
  const looks = detector.asked.filter(at => at >= 1500 && at < 5500)
  expect(looks).toHaveLength(20)
  // It lingers for two seconds after the last look that saw it, and bears no face then.
  const last = all.at(-1)
  expect(last?.at).toBeLessThanOrEqual(8100)
  expect(last?.at).toBeGreaterThanOrEqual(7800)
  expect(last?.faces).toEqual([])
  expect(new Set(all.map(({ since }) => since))).toEqual(new Set([1000]))
})

test('motion is seen at the third of five moving pictures, since the first', async () => {
  const all = await sightings(
    every100ms(40, at => at >= 2000),
    detectorOf(() => []),
  )
  expect(all[0]).toEqual({ at: 2200, since: 2000, trigger: 'motion', faces: [] })
})

test('a face goes before motion', async () => {
  const all = await sightings(
    every100ms(40, at => at >= 2000),
    detectorOf(at => (at >= 2000 ? [FACE] : [])),
  )
  expect(all.map(({ trigger }) => trigger).slice(0, 3)).toEqual(['face', 'face', 'face'])
})

test.each([
  [['motion'] as const, 0, new Set(['motion'])],
  [['face'] as const, 1, new Set(['face'])],
])('only what is wanted is looked for: %s', async (triggers, atLeast, kinds) => {
  const detector = detectorOf(() => [FACE])
  const all = await sightings(
    every100ms(40, at => at >= 2000),
    detector,
    { ...OPTIONS, triggers },
  )
  expect(new Set(all.map(({ trigger }) => trigger))).toEqual(kinds)
  expect(detector.asked.length >= atLeast).toBe(true)
  if (atLeast === 0) expect(detector.asked).toEqual([])
})

test('a slow detector sees fewer pictures, the newest ones, and holds up nobody', async () => {
  const queue = new LatestQueue<Frame>()
  let answer: (faces: readonly Face[]) => void = () => undefined
  const asked: number[] = []
  const slow: FaceDetector = {
    runtime: 'slow',
    detect(picture) {
      asked.push((picture as Frame).at)
      return new Promise(resolve => {
        answer = resolve
      })
    },
    close: async () => undefined,
  }
  const all = sightings(queue, slow)
  for (let batch = 1; batch <= 4; batch++) {
    // Whoever delivers never waits.
    for (let at = 0; at < 25; at++) queue.put(frame((batch * 25 - 25 + at) * 100))
    await expect.poll(() => asked.length).toBe(batch)
    answer([FACE])
  }
  queue.close()
  expect(asked).toEqual([2400, 4900, 7400, 9900])
  expect(queue.dropped).toBe(96)
  expect((await all).map(({ at }) => at)).toEqual([4900, 7400, 9900])
})
