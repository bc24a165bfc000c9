import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bell } from '../../agent/bell.ts'
import { Feed } from '../../agent/feed.ts'
import { Turn } from '../../agent/turn.ts'

test('a feed gives everything, in order, whenever it is read', async () => {
  const steps = fc.array(fc.constantFrom('put', 'read', 'pause'), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(steps, async all => {
      const feed = new Feed<number>()
      const reader = feed[Symbol.asyncIterator]()
      const read: Promise<IteratorResult<number>>[] = []
      let put = 0
      for (const step of all) {
        if (step === 'put') feed.put(put++)
        else if (step === 'read') read.push(reader.next())
        else await Promise.resolve()
      }
      feed.close()
      feed.put(-1)
      for (let count = read.length; count <= put; count++) read.push(reader.next())
      const got = (await Promise.all(read)).flatMap(({ done, value }) => (done ? [] : [value]))
      expect(got).toEqual(Array.from({ length: put }, (_, index) => index))
    }),
  )
})

test('a feed gives what it has before it tells its error', async () => {
  const feed = new Feed<number>()
  feed.put(1)
  feed.close(new Error('gone'))
  const reader = feed[Symbol.asyncIterator]()
  expect((await reader.next()).value).toBe(1)
  await expect(reader.next()).rejects.toThrow('gone')
})

test('a bell remembers a ring until somebody waits, once', async () => {
  const bell = new Bell()
  bell.ring()
  bell.ring()
  await bell.wait()
  let woke = false
  const waits = bell.wait().then(() => {
    woke = true
  })
  await Promise.resolve()
  expect(woke).toBe(false)
  bell.ring()
  await waits
  await bell.wait(1)
})

test('turns do not overlap, keep their order, and one that fails stops no other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ ticks: fc.nat(5), fails: fc.boolean() })), async all => {
      const turn = new Turn()
      const log: string[] = []
      const results = all.map(({ ticks, fails }, number) =>
        turn.take(async () => {
          log.push(`begin ${number}`)
          for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
          log.push(`end ${number}`)
          if (fails) throw new Error('no')
          return number
        }),
      )
      const settled = await Promise.allSettled(results)
      expect(settled.map(({ status }) => status === 'rejected')).toEqual(all.map(({ fails }) => fails))
      expect(log).toEqual(all.flatMap((_, number) => [`begin ${number}`, `end ${number}`]))
    }),
  )
})
