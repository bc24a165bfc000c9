import { equal, ok } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { FAULTS, type FaultName } from '../model/faults.ts'
import { run, shortest } from '../model/run.ts'

const LONG = process.env.OWNLENS_LONG === '1'
const MINUTE = 60_000
/** With the rest of the tests side by side on few cores. */
const TIMEOUT = LONG ? 90 * MINUTE : 3 * MINUTE
const STEPS = LONG ? 100_000 : 2000
const SEED = LONG ? Date.now() % 1_000_000 : 1

describe('model (ARCHITECTURE, "The model")', () => {
  it('no walk breaks an invariant', { timeout: TIMEOUT }, async () => {
    const { found, steps } = await run({ seed: SEED, steps: STEPS })
    equal(found && [`seed ${SEED}`, ...(await shortest(found)).walked.trace].join('\n'), undefined)
    equal(steps >= STEPS, true)
  })

  const planted = Object.entries(FAULTS) as [FaultName, (typeof FAULTS)[FaultName]][]
  for (const [fault, { within, quick }] of planted)
    if (LONG || quick !== undefined)
      it(`finds a planted fault: ${fault}`, { timeout: TIMEOUT }, async () => {
        const { found, steps } = await run({ seed: SEED, steps: LONG ? within : (quick ?? within), fault })
        ok(found !== undefined, `seed ${SEED}: not within ${steps} steps`)
      })
})
