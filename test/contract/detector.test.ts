import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFaceDetector } from '../../models/detector.ts'
import { matchFaces } from '../../models/eval-match.ts'
import { type DetectOptions, type FaceDetector, RUNTIMES } from '../../models/face-detector.ts'
import {
  asFrame,
  both,
  drawn,
  farAway,
  inFrame,
  type Labelled,
  photograph,
  turned,
} from '../support/photographs.ts'

const LOW_LIGHT = 'eq=gamma=0.4'
/** A twentieth of the light, in eight bits. */
const DARK = 'lutrgb=r=val/20:g=val/20:b=val/20'
const NOISE = 'noise=alls=30:allf=t'

/** Pictures for the thorough search, every face of which both runtimes must find, and nothing else. */
const photographs: readonly (readonly [string, () => Promise<Labelled>])[] = [
  ['a face', () => photograph('collins', 'null')],
  ['another face, with glasses and a cap', () => photograph('hopper', 'null')],
  ['two faces', () => both()],
  ['low light', () => photograph('collins', LOW_LIGHT)],
  ['low light, the other', () => photograph('hopper', LOW_LIGHT)],
  ['nearly no light', () => photograph('collins', DARK)],
  ['nearly no light, the other', () => photograph('hopper', DARK)],
  ['grey', () => photograph('hopper', 'hue=s=0')],
  ['noise', () => photograph('collins', NOISE)],
  ['blurred', () => photograph('collins', 'gblur=sigma=4')],
  ['blurred, the other', () => photograph('hopper', 'gblur=sigma=4')],
  ['small: 50 pixels', () => farAway('collins', 0.32, 900, 300)],
  ['small: 35 pixels', () => farAway('hopper', 0.16, 120, 500)],
  ['at the left edge, cut', () => photograph('hopper', 'crop=iw-200:ih:200:0', at(-80, 110, 220))],
  ...[15, -15, 30, -30, 45, -45].flatMap(degrees => [
    [`turned by ${degrees}°`, () => turned('collins', degrees)] as const,
    [`turned by ${degrees}°, the other`, () => turned('hopper', degrees)] as const,
  ]),
]

function at(left: number, top: number, side: number) {
  return { left, top, width: side, height: side, ignore: false }
}

/** Frames as the agent makes them, for the one look that they get. */
const frames: readonly (readonly [string, () => Promise<Labelled>])[] = [
  ['a face', () => asFrame('collins', 'null')],
  ['another face', () => asFrame('hopper', 'null')],
  ['low light', () => asFrame('collins', LOW_LIGHT)],
  ['nearly no light', () => asFrame('hopper', DARK)],
  ['blurred', () => asFrame('collins', 'gblur=sigma=4')],
  ['noise', () => asFrame('hopper', NOISE)],
  ['16:9', () => inFrame('collins', 108, 0.2)],
  ['16:9, near', () => inFrame('hopper', 108, 0.22)],
  ['4:3', () => inFrame('collins', 144, 0.3)],
  ['4:3, near', () => inFrame('hopper', 144, 0.3)],
]

const empty: readonly (readonly [string, () => Promise<Labelled>])[] = [
  ['one colour', () => drawn('color=0x8899aa:s=640x360')],
  ['black', () => drawn('color=black:s=640x360')],
  ['a test picture', () => drawn('testsrc2=s=640x360')],
  ['noise', () => drawn('color=gray:s=640x360,noise=alls=60')],
  ['a space suit', () => photograph('collins', 'crop=iw:ih-300:0:300', undefined)],
  ['a flag', () => photograph('hopper', 'crop=110:ih:0:0', undefined)],
  ['a wall', () => photograph('collins', 'crop=120:200:0:0', undefined)],
]

describe.each(RUNTIMES)('%s', runtime => {
  let detector: FaceDetector

  beforeAll(async () => {
    detector = await createFaceDetector({ runtime, minScore: 0.5 })
  })

  afterAll(() => detector.close())

  async function look({ picture, labels }: Labelled, options?: DetectOptions) {
    return matchFaces(labels, await detector.detect(picture, options), picture)
  }

  test.each(photographs)('photograph: %s', async (_what, make) => {
    const labelled = await make()
    const faces = labelled.labels.length
    expect(await look(labelled, { thorough: true })).toEqual({ faces, found: faces, extra: 0 })
  })

  test.each(frames)('frame: %s', async (_what, make) => {
    expect(await look(await make())).toEqual({ faces: 1, found: 1, extra: 0 })
  })

  test.each(empty)('nobody in %s', async (_what, make) => {
    const { picture } = await make()
    expect(await detector.detect(picture, { thorough: true })).toEqual([])
    expect(await detector.detect(picture)).toEqual([])
  })

  test('boxes are fractions of the picture, best first', async () => {
    const { picture } = await both()
    const faces = await detector.detect(picture)
    expect(faces).toHaveLength(2)
    for (const { box, score } of faces) {
      const [x, y, width, height] = box
      expect(Math.min(x, y, 1 - x - width, 1 - y - height)).toBeGreaterThanOrEqual(-1e-6)
      expect(score).toBeGreaterThanOrEqual(0.5)
      expect(score).toBeLessThanOrEqual(1)
    }
    expect(faces[0]?.score).toBeGreaterThanOrEqual(faces[1]?.score ?? 0)
  })

  test('the same picture has the same answer, whatever was asked in between', async () => {
    const { picture } = await photograph('collins', 'null')
    const { picture: other } = await photograph('hopper', DARK)
    const first = await detector.detect(picture)
    await detector.detect(other, { thorough: true })
    expect(await detector.detect(picture)).toEqual(first)
  })

  test('many at once: each gets its own answer, and the caller keeps its pixels', async () => {
    const pictures = await Promise.all([
      photograph('collins', 'null'),
      drawn('color=gray:s=320x240'),
      both(),
      photograph('hopper', 'null'),
    ])
    const answers = await Promise.all(pictures.map(({ picture }) => detector.detect(picture)))
    expect(answers.map(faces => faces.length)).toEqual([1, 0, 2, 1])
    for (const { picture } of pictures) expect(picture.data.length).toBe(picture.width * picture.height * 3)
  })

  test('the main thread stays free while the detector works', async () => {
    const { picture } = await photograph('collins', 'null')
    await detector.detect(picture)
    const before = performance.eventLoopUtilization()
    for (let times = 0; times < 30; times++) await detector.detect(picture)
    const { utilization } = performance.eventLoopUtilization(before)
    expect(utilization).toBeLessThan(0.5)
  })
})
