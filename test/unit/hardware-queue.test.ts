import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteQueue, LatestQueue } from '../../hardware/queue.ts'

interface Piece {
  readonly id: number
  readonly data: Uint8Array
  readonly key: boolean
}

/** What happens to a queue: a piece is put, or somebody reads one. */
type Step = { readonly put: { readonly size: number; readonly key: boolean } } | 'read'
const steps = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ put: fc.record({ size: fc.nat(40), key: fc.boolean() }) }) },
    { weight: 1, arbitrary: fc.constant<Step>('read') },
  ),
  { maxLength: 60 },
)

test('a queue by bytes keeps order and bound, loses only the oldest, and goes on at a key picture', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 200 }), async (all, maxBytes) => {
      const queue = new ByteQueue<Piece>(maxBytes)
      const reader = queue[Symbol.asyncIterator]()
      const read: Piece[] = []
      let put: Piece[] = []
      for (const step of all) {
        if (step !== 'read') {
          const piece = { id: put.length, data: new Uint8Array(step.put.size), key: step.put.key }
          put = [...put, piece]
          queue.put(piece)
        } else if (put.length > read.length + queue.dropped) {
          const { value } = await reader.next()
          read.push(value as Piece)
        }
      }
      const kept = put.length - read.length - queue.dropped
      queue.close()
      const rest: Piece[] = []
      for await (const piece of reader) rest.push(piece)
      const out = [...read, ...rest]
      // All are accounted for, in order.
      expect(rest).toHaveLength(kept)
      expect(out.map(({ id }) => id)).toEqual(out.map(({ id }) => id).sort((a, b) => a - b))
      // One piece may be larger than the bound; several may not.
      const bytes = rest.reduce((sum, { data }) => sum + data.length, 0)
      expect(rest.length <= 1 || bytes <= maxBytes).toBe(true)
      // The newest is never lost.
      if (put.length > 0) expect(out.at(-1)?.id).toBe(put.length - 1)
      // After a gap comes a key picture, unless only the newest was left.
      for (const [index, piece] of out.entries()) {
        const gap = piece.id !== (out[index - 1]?.id ?? -1) + 1
        if (gap)
          expect(piece.key || piece.id === (put.at(-1)?.id ?? 0) || isAlone(piece, put, maxBytes)).toBe(true)
      }
    }),
  )
})

/** It was the newest when all before it gave way. */
function isAlone({ id }: Piece, put: readonly Piece[], maxBytes: number): boolean {
  const before = put.slice(0, id + 1)
  return before.reduce((sum, { data }) => sum + data.length, 0) > maxBytes
}

test('a queue of one has the newest, and counts what gave way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.nat(), fc.constant('read' as const))), async all => {
      const queue = new LatestQueue<number>()
      const reader = queue[Symbol.asyncIterator]()
      let waiting: number | undefined
      let dropped = 0
      for (const step of all) {
        if (step !== 'read') {
          if (waiting !== undefined) dropped++
          waiting = step
          queue.put(step)
        } else if (waiting !== undefined) {
          expect(await reader.next()).toEqual({ done: false, value: waiting })
          waiting = undefined
        }
        expect(queue.dropped).toBe(dropped)
      }
      queue.close()
      if (waiting !== undefined) expect((await reader.next()).value).toBe(waiting)
      expect((await reader.next()).done).toBe(true)
    }),
  )
})

test.each([
  ['LatestQueue', () => new LatestQueue<Piece>()],
  ['ByteQueue', () => new ByteQueue<Piece>(100)],
])('%s wakes a reader that waits, and lets it go at the end', async (_name, make) => {
  const queue = make()
  const reader = queue[Symbol.asyncIterator]()
  const waits = reader.next()
  const piece = { id: 1, data: new Uint8Array(1), key: true }
  queue.put(piece)
  expect(await waits).toEqual({ done: false, value: piece })
  const last = reader.next()
  queue.close()
  expect((await last).done).toBe(true)
})
