import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cursorOf, type Held, Shelf } from '../../deploy/hub/clip-shelf.ts'

const clip = fc
  .record({
    at: fc.integer({ min: 0, max: 50 }),
    id: fc.integer({ min: 0, max: 1e6 }),
    parts: fc.integer({ min: 0, max: 6 }),
  })
  .map(({ at, id, parts }): Held => {
    const names = Array.from({ length: parts }, (_, index): [string, number] => [String(index), 100])
    return {
      address: { householdId: 'h', epoch: 1, deviceId: 'd' },
      clipId: String(id),
      receivedAt: new Date(at).toISOString(),
      parts: new Map(names),
      counts: undefined,
      settled: true,
    }
  })
const clips = fc.uniqueArray(clip, { selector: cursorOf, maxLength: 40 })

test('pages, one after the other, show every clip once and in order', () => {
  fc.assert(
    fc.property(
      clips,
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      (all, limit, partsMax) => {
        const shelf = new Shelf()
        for (const one of all) shelf.add(one)
        const seen: string[] = []
        for (let after = ''; ; ) {
          const page = shelf.page(after, limit, partsMax)
          expect(page.clips.length).toBeLessThanOrEqual(limit)
          seen.push(...page.clips.map(cursorOf))
          if (!page.more) break
          expect(page.clips.length).toBeGreaterThan(0)
          after = seen.at(-1) ?? ''
        }
        expect(seen).toEqual(all.map(cursorOf).sort())
      },
    ),
  )
})

test('what is counted and given back leaves nothing', () => {
  const shelf = new Shelf()
  shelf.count(1000)
  expect(shelf.bytes).toBeGreaterThan(1000)
  shelf.giveBack(1000)
  expect(shelf.bytes).toBe(0)
})
