import { pino } from 'pino'
import { expect, test } from 'vitest'
import { lastingDetector } from '../../agent/lasting-detector.ts'
import type { FaceDetector } from '../../models/face-detector.ts'
import type { Face } from '../../protocol/image.ts'

const FACE: Face = { box: [0, 0, 1, 1], score: 1 }
const PICTURE = { width: 1, height: 1, data: new Uint8Array(3) }
const quiet = pino({ level: 'silent' })

type Behaviour = () => Promise<readonly Face[]>
const well: Behaviour = async () => [FACE]
const crashes: Behaviour = () => Promise.reject(new Error('crashed'))
const hangs: Behaviour = () => new Promise(() => undefined)

/** Makes one detector after the other, each with the next behaviour. */
function maker(behaviours: readonly Behaviour[]): { create: () => Promise<FaceDetector>; closed: number[] } {
  const closed: number[] = []
  let made = 0
  return {
    closed,
    async create() {
      const number = made++
      const detect = behaviours[number]
      if (detect === undefined) throw new Error('no more')
      return { runtime: 'some', detect, close: async () => void closed.push(number) }
    },
  }
}

test.each([
  ['crashes', crashes],
  ['hangs', hangs],
])('one that %s costs faces, not the recording, and is made anew', async (_name, bad) => {
  const { create, closed } = maker([bad, well])
  const detector = await lastingDetector(create, quiet, { againMs: 0, answerMs: 50 })
  expect(await detector.detect(PICTURE)).toEqual([])
  expect(closed).toEqual([0])
  expect(await detector.detect(PICTURE)).toEqual([FACE])
  await detector.close()
  expect(closed).toEqual([0, 1])
})

test('one that cannot be made again is tried later, not at every picture', async () => {
  let tries = 0
  const detector = await lastingDetector(
    async () => {
      if (tries++ > 0) throw new Error('no memory')
      return { runtime: 'some', detect: crashes, close: async () => undefined }
    },
    quiet,
    { againMs: 3_600_000 },
  )
  for (let count = 0; count < 5; count++) expect(await detector.detect(PICTURE)).toEqual([])
  expect(tries).toBe(1)
})

test('one that comes too late is closed', async () => {
  const late = maker([well, well])
  let release: () => void = () => undefined
  let first = true
  const detector = await lastingDetector(
    async () => {
      const made = await late.create()
      if (!first)
        await new Promise<void>(resolve => {
          release = resolve
        })
      const detect = first ? crashes : well
      first = false
      return { ...made, detect }
    },
    quiet,
    { againMs: 0, answerMs: 50 },
  )
  await detector.detect(PICTURE)
  expect(await detector.detect(PICTURE)).toEqual([])
  release()
  await expect.poll(() => late.closed).toEqual([0, 1])
})

test('a wrong installation is said at the start', async () => {
  const create = () => Promise.reject(new Error('no weights'))
  await expect(lastingDetector(create, quiet)).rejects.toThrow('no weights')
})
