import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  Fmp4Splitter,
  readFragmentTimes,
  readTimescales,
  readTiming,
  shiftFragment,
} from '../../protocol/fmp4.ts'
import { probeBytes } from '../support/hardware-videos.ts'
import { temporaryFolder } from '../support/places.ts'

const GRAPH = 'testsrc=s=64x48:r=10:d=2[out0];sine=440:r=16000:d=2[out1]'
const FORM = ['-f', 'mp4', '-movflags', '+frag_keyframe+empty_moov+default_base_moof', '-g', '5']
const { stdout } = spawnSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', GRAPH, ...FORM, '-'])
const [init, ...fragments] = new Fmp4Splitter().push(stdout).map(({ data }) => data)
const timing = readTiming(init as Uint8Array)
const scales = readTimescales(init as Uint8Array)

test('the times of picture and sound are known', () => {
  expect(scales.size).toBe(2)
  expect(scales.get(timing.videoTrack)).toBe(timing.timescale)
  expect([...scales.values()]).toContain(16_000)
  expect(fragments.length).toBeGreaterThan(2)
})

test('a fragment is told later by so much, in both tracks, and nothing else of it changes', () => {
  fc.assert(
    fc.property(fc.constantFrom(...fragments), fc.nat(100_000_000), (fragment, ms) => {
      const before = Uint8Array.from(fragment)
      const shifted = shiftFragment(fragment, scales, ms / 1000)
      expect(Buffer.compare(fragment, before)).toBe(0)
      const [old, now] = [readFragmentTimes(fragment, timing), readFragmentTimes(shifted, timing)]
      expect(now?.start).toBeCloseTo((old?.start ?? 0) + ms / 1000, 3)
      expect([now?.duration, now?.key]).toEqual([old?.duration, old?.key])
      expect(Buffer.compare(shiftFragment(shifted, scales, -ms / 1000), before)).toBe(0)
    }),
    { numRuns: 200 },
  )
})

test('shifted fragments are one film; none begins before 0, and a foreign track is refused', async () => {
  const film = Buffer.concat([
    init as Uint8Array,
    ...fragments,
    ...fragments.map(fragment => shiftFragment(fragment, scales, 2)),
  ])
  const { path: folder, remove } = await temporaryFolder()
  const [video, audio] = await probeBytes(folder, film)
  await remove()
  expect([video?.codec, video?.pictures, audio?.codec]).toEqual(['h264', 40, 'aac'])
  const first = shiftFragment(fragments[0] as Uint8Array, scales, -5)
  expect(readFragmentTimes(first, timing)?.start).toBe(0)
  expect(() => shiftFragment(first, new Map(), 1)).toThrow(
    expect.objectContaining({ code: 'fmp4.malformed' }),
  )
})
