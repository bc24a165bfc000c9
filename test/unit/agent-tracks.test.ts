import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FaceTracks, worth } from '../../agent/tracks.ts'
import type { Box, Face } from '../../protocol/image.ts'

const face = (x: number, y: number, score = 0.8, size = 0.2): Face => ({ box: [x, y, size, size], score })

test('somebody who stays and moves is one face, at the best moment', () => {
  const tracks = new FaceTracks()
  for (let look = 0; look < 20; look++)
    tracks.look(look * 200, [face(0.1 + look * 0.03, 0.3, look === 7 ? 0.95 : 0.7)])
  expect(tracks.faces()).toEqual([{ at: 1400, face: face(0.1 + 7 * 0.03, 0.3, 0.95) }])
})

test('two people side by side are two faces, also when one is missed now and then', () => {
  const tracks = new FaceTracks()
  for (let look = 0; look < 10; look++)
    tracks.look(look * 200, look % 3 === 1 ? [face(0.6, 0.2)] : [face(0.1, 0.2, 0.9), face(0.6, 0.2)])
  expect(tracks.faces().map(seen => seen.face.box[0])).toEqual([0.1, 0.6])
})

test('who was away for long is counted anew', () => {
  const tracks = new FaceTracks()
  for (const at of [0, 200, 6000, 6200]) tracks.look(at, [face(0.4, 0.4)])
  expect(tracks.faces()).toHaveLength(2)
})

test('what was seen in one look only does not count beside a face that stayed', () => {
  const tracks = new FaceTracks()
  tracks.look(0, [face(0.1, 0.1, 0.99)])
  expect(tracks.faces()).toHaveLength(1)
  for (const at of [200, 400]) tracks.look(at, [face(0.7, 0.7, 0.6)])
  expect(tracks.faces().map(seen => seen.face.score)).toEqual([0.6])
})

test('never more than 64, best first, each one that was looked at', () => {
  const unit = fc.double({ min: 0, max: 0.8, noNaN: true })
  const anyFace = fc.record({ box: fc.tuple(unit, unit, unit, unit), score: unit }) as fc.Arbitrary<{
    box: Box
    score: number
  }>
  fc.assert(
    fc.property(fc.array(fc.array(anyFace, { maxLength: 6 }), { maxLength: 40 }), pictures => {
      const tracks = new FaceTracks()
      for (const [index, faces] of pictures.entries()) tracks.look(index * 300, faces)
      const found = tracks.faces()
      const worths = found.map(seen => worth(seen.face))
      expect(found.length).toBeLessThanOrEqual(64)
      expect(worths).toEqual(worths.toSorted((a, b) => b - a))
      expect(found.length > 0).toBe(pictures.some(faces => faces.length > 0))
      for (const { at, face } of found) expect(pictures[at / 300]).toContain(face)
    }),
  )
})

test('somebody who walks fast between sparse looks is one face', () => {
  const tracks = new FaceTracks()
  for (let look = 0; look < 8; look++) tracks.look(look * 500, [face(look * 0.11, 0.3, 0.8, 0.12)])
  expect(tracks.faces()).toHaveLength(1)
})
