import { expect, test } from 'vitest'
import { CLIP_QUEUE_BYTES, type Clip, cut } from '../../agent/cut.ts'
import { Feed } from '../../agent/feed.ts'
import type { Sighting } from '../../agent/watch.ts'
import type { CameraSession, Fragment } from '../../hardware/hardware.ts'
import type { Face } from '../../protocol/image.ts'

const SESSION: Pick<CameraSession, 'format' | 'init'> = {
  format: { video: 'mjpeg', width: 640, height: 480, audio: false },
  init: new Uint8Array(1),
}
const RULES = { beforeMs: 5000, afterMs: 1000, maxMs: 60_000 }

const fragment = (number: number, bytes = 10, key = true): Fragment => ({
  data: new Uint8Array(bytes),
  at: number * 250,
  durationMs: 250,
  key,
})
const seen = (at: number, faces: readonly Face[] = []): Sighting => ({
  at,
  since: at,
  trigger: faces.length > 0 ? 'face' : 'motion',
  faces,
})
const face = (score: number, size = 0.2): Face => ({ box: [0.1, 0.1, size, size], score })

/** A camera and a watcher that say what they are told, and the clips that come of it. */
function scene(cause: 'stopped' | 'camera' = 'stopped') {
  const fragments = new Feed<Fragment>()
  const sightings = new Feed<Sighting>()
  const clips: Clip[] = []
  const reading = (async () => {
    for await (const clip of cut(SESSION, fragments, sightings, RULES, () => cause)) clips.push(clip)
  })()
  reading.catch(() => undefined)
  return { fragments, sightings, clips, reading }
}

async function readAll(clip: Clip | undefined): Promise<readonly Fragment[]> {
  const all: Fragment[] = []
  for await (const one of clip?.fragments ?? []) all.push(one)
  return all
}

/** Everything that was put in has been read. */
const settled = () => new Promise(resolve => setImmediate(resolve))

test('a clip is there when it opens, and ends as its event does', async () => {
  const { fragments, sightings, clips, reading } = scene()
  for (let number = 0; number < 8; number++) fragments.put(fragment(number))
  await settled()
  sightings.put(seen(1800))
  await expect.poll(() => clips.length).toBe(1)
  for (let number = 8; number < 20; number++) fragments.put(fragment(number))
  expect(await clips[0]?.ended).toBe('event')
  fragments.close()
  sightings.close()
  await reading
  // 1800 ms and afterMs: the fragment that begins at 2750 is the last.
  expect((await readAll(clips[0])).map(({ at }) => at / 250)).toEqual(
    Array.from({ length: 12 }, (_, number) => number),
  )
  expect(clips[0]?.durationMs()).toBe(3000)
})

test.each(['stopped', 'camera'] as const)(
  'the running clip ends with the camera, and says %s',
  async cause => {
    const { fragments, sightings, clips, reading } = scene(cause)
    fragments.put(fragment(0))
    await settled()
    sightings.put(seen(100))
    await expect.poll(() => clips.length).toBe(1)
    fragments.close()
    sightings.close()
    await reading
    expect(await clips[0]?.ended).toBe(cause)
    expect(await clips[0]?.firstFace).toBeUndefined()
  },
)

test('a detector that hangs does not hold up the end', async () => {
  const { fragments, sightings, clips, reading } = scene()
  fragments.put(fragment(0))
  await settled()
  sightings.put(seen(100))
  await expect.poll(() => clips.length).toBe(1)
  fragments.close()
  await reading
  expect(await clips[0]?.ended).toBe('stopped')
})

test('what the last pictures show is waited for', async () => {
  const { fragments, sightings, clips, reading } = scene()
  fragments.put(fragment(0))
  fragments.close()
  await settled()
  sightings.put(seen(100, [face(0.9)]))
  sightings.close()
  await reading
  expect(clips).toHaveLength(1)
  expect((await clips[0]?.firstFace)?.at).toBe(100)
})

test.each(['fragments', 'sightings'] as const)(
  'a failure of the %s ends the clip, and is told',
  async which => {
    const made = scene()
    made.fragments.put(fragment(0))
    await settled()
    made.sightings.put(seen(100))
    await expect.poll(() => made.clips.length).toBe(1)
    made[which].close(new Error('it broke'))
    await expect(made.reading).rejects.toThrow('it broke')
    expect(await made.clips[0]?.ended).toBe('camera')
  },
)

test('the camera is read however slow the reader of a clip is; over the bound the newest give way, to a key', async () => {
  const { fragments, sightings, clips, reading } = scene()
  const bytes = CLIP_QUEUE_BYTES / 16
  fragments.put(fragment(0, bytes))
  await settled()
  sightings.put(seen(100))
  await expect.poll(() => clips.length).toBe(1)
  // Nobody reads the clip: sixteen fit.
  for (let number = 1; number < 20; number++) {
    fragments.put(fragment(number, bytes, number % 3 === 0))
    sightings.put(seen(number * 250))
    await settled()
  }
  expect(clips[0]?.lost()).toBe(4)
  const kept: Fragment[] = []
  const reader = clips[0]?.fragments[Symbol.asyncIterator]()
  for (let count = 0; count < 16; count++) kept.push((await reader?.next())?.value as Fragment)
  // There is room again, but 20 needs the key picture that was lost: 21 is the next one.
  for (let number = 20; number < 24; number++) fragments.put(fragment(number, bytes, number % 3 === 0))
  await settled()
  fragments.close()
  sightings.close()
  await reading
  for (let next = await reader?.next(); next?.done === false; next = await reader?.next())
    kept.push(next.value)
  expect(kept.map(({ at }) => at / 250)).toEqual([...Array(16).keys(), 21, 22])
  expect(clips[0]?.lost()).toBe(5)
})

test('a clip that nobody reads any more takes no room from the next one', async () => {
  const { fragments, sightings, clips, reading } = scene()
  const bytes = CLIP_QUEUE_BYTES / 16
  for (let number = 0; number < 100; number++) {
    fragments.put(fragment(number, bytes))
    if (number === 4 || number === 60) {
      await settled()
      sightings.put(seen(number * 250))
      await settled()
      if (number === 4) clips[0]?.abandon()
    }
  }
  await settled()
  fragments.close()
  sightings.close()
  await reading
  expect(await readAll(clips[0])).toEqual([])
  expect(clips).toHaveLength(2)
  expect(clips[1]?.lost()).toBe(0)
  expect((await readAll(clips[1])).length).toBeGreaterThan(5)
})

test('the best picture is the surest large face; faces and triggers are those that came', async () => {
  const { fragments, sightings, clips, reading } = scene()
  const noted = [
    seen(100),
    seen(350, [face(0.6)]),
    seen(600, [face(0.9, 0.3), face(0.5)]),
    seen(850, [face(0.95)]),
  ]
  for (const [number, sighting] of noted.entries()) {
    fragments.put(fragment(number))
    await settled()
    sightings.put(sighting)
    await settled()
  }
  fragments.close()
  sightings.close()
  await reading
  const [clip] = clips
  expect(clip?.trigger).toBe('motion')
  expect(clip?.triggers()).toEqual(['motion', 'face'])
  expect(clip?.bestPicture().at(-1)?.at).toBe(500)
  expect((await clip?.firstFace)?.at).toBe(350)
  expect(clip?.faces()[0]).toEqual({ at: 600, face: face(0.9, 0.3) })
})
