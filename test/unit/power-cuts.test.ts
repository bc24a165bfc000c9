import { expect, test } from 'vitest'
import { PROMISES } from '../support/cuts/all.ts'

const SEEDS = process.env.OWNLENS_LONG === '1' ? [1, 2, 3] : [1]
const TIMEOUT_MS = 20 * 60_000

test.each(PROMISES.map(({ says, cut }) => [says, cut] as const))(
  '%s, whenever the power goes',
  async (_says, cut) => {
    for (const seed of SEEDS) expect(await cut(seed)).toBeGreaterThan(50)
  },
  TIMEOUT_MS,
)
