import { describe, expect, test } from 'vitest'
import { playWithout, SABOTAGES } from '../support/sabotage.ts'

/** What is missed is waited for, in some drills more than once. */
const PATIENCE_MS = 400_000
const LONG = process.env.OWNLENS_LONG === '1'

describe('a drill fails when the line that prevents the thing is taken out', () => {
  for (const sabotage of SABOTAGES.slice(0, LONG ? undefined : 1))
    test(
      `${sabotage.drill}: ${sabotage.line}`,
      async () => {
        const { passed, failed } = await playWithout(sabotage)
        expect(passed, failed.join('\n')).toBe(false)
        // For what it is about, not because something else broke.
        expect(failed.some(text => !text.startsWith('unexpected'))).toBe(true)
      },
      PATIENCE_MS,
    )
})
