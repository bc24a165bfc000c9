import { afterAll, beforeAll, expect, test } from 'vitest'
import { homePromises } from '../support/cuts/lives.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

const SEEDS = process.env.OWNLENS_LONG === '1' ? [1, 2, 3] : [1]
const TIMEOUT_MS = 20 * 60_000

let at: TestHub
beforeAll(async () => {
  at = await startTestHub()
})
afterAll(() => at?.close())

for (const index of [0, 1, 2, 3])
  test(
    `promise ${index + 1} of a home’s app, whenever the power goes`,
    async () => {
      const promised = homePromises(at)
      expect(promised).toHaveLength(4)
      for (const seed of SEEDS) expect(await promised[index]?.cut(seed)).toBeGreaterThan(10)
    },
    TIMEOUT_MS,
  )
