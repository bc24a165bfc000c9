import { describe, expect, test } from 'vitest'
import { COUNTERS, hunt, isLate, LIVES } from '../clones/doubles.ts'
import { Fleet } from '../clones/fleet.ts'

const LONG = process.env.OWNLENS_LONG === '1'
const SEED = LONG ? Date.now() % 1_000_000 : 1
const [EVENTS, PAIRS] = LONG ? [100_000, 300] : [5000, 12]
const TIMEOUT = LONG ? 600_000 : 60_000

describe('copied keys (ARCHITECTURE, "Copied keys")', () => {
  test('honest boards are never accused, whatever happens to them and their hub', {
    timeout: TIMEOUT,
  }, () => {
    const { alarms, verdicts, confirmed } = new Fleet(SEED).walk(EVENTS)
    expect(alarms).toEqual([])
    // Something was judged, and of every kind that honest boards can come to.
    expect(verdicts.get('fresh')).toBeGreaterThan(EVENTS / 2)
    expect(verdicts.get('retry')).toBeGreaterThan(0)
    expect(confirmed).toBeGreaterThan(0)
  })

  test.each(LIVES)('two boards with one key are found: %s', { timeout: TIMEOUT }, life => {
    for (let pair = 0; pair < PAIRS; pair++) {
      const hunted = hunt(SEED + pair, life, COUNTERS[pair % COUNTERS.length] ?? 'copied')
      expect(isLate(hunted), JSON.stringify({ seed: SEED + pair, ...hunted })).toBe(false)
    }
  })

  test.each(['judges requests as they arrive', 'takes used nonces'] as const)(
    'a hub that %s accuses honest boards',
    fault => {
      expect(new Fleet(SEED, fault).walk(3000, 1).alarms).not.toEqual([])
    },
  )

  test.each(['what is held goes on', 'forgets which boots it saw'] as const)(
    'of a hub where %s doubles are not found in time',
    fault => {
      const late = LIVES.flatMap(life =>
        COUNTERS.filter((counter, pair) => isLate(hunt(SEED + pair, life, counter, fault))),
      )
      expect(late).not.toEqual([])
    },
  )
})
