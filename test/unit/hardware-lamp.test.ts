import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LampState } from '../../hardware/hardware.ts'
import { type Light, patternOf } from '../../hardware/light.ts'
import { boardLamp } from '../../hardware/pi/led.ts'
import { shortCode } from '../../protocol/pairing.ts'
import { temporaryFolder } from '../support/places.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(async () => {
  vi.useRealTimers()
  await folder.remove()
})

/** What a person counts who knows the rule: a long light, then blinks with long pauses between the digits. */
function counted(pattern: readonly Light[]): string {
  const [begin, ...rest] = pattern
  expect(begin?.on).toBe(true)
  expect(begin?.ms).toBeGreaterThanOrEqual(2000)
  let code = ''
  let blinks = 0
  let dark = 0
  for (const { on, ms } of rest) {
    expect(ms).toBeGreaterThanOrEqual(300)
    if (!on) dark += ms
    else {
      if (dark > 1000 && blinks > 0) {
        code += blinks
        blinks = 0
      }
      blinks++
      dark = 0
    }
  }
  return code + blinks
}

test('every short code can be counted from the lamp', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (half, nonce) => {
      const code = shortCode(half, nonce)
      expect(counted(patternOf({ code }))).toBe(code)
    }),
  )
  const longest = patternOf({ code: '6666' }).reduce((sum, { ms }) => sum + ms, 0)
  expect(longest).toBeLessThan(30_000)
})

test('reading and refused do not look alike, nor like a code', () => {
  const shapes = [patternOf('reading'), patternOf('refused'), patternOf({ code: '1111' })].map(pattern =>
    pattern.map(({ on, ms }) => `${on} ${ms}`).join(),
  )
  expect(new Set(shapes).size).toBe(3)
})

test('a board’s lamp plays a pattern until something else is shown', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await mkdir(join(folder.path, 'led'))
  const led = join(folder.path, 'led')
  const lamp = boardLamp(led)
  // `vi.waitFor` would move the clock.
  const told = async (file: string, text: string) => {
    for (;;) {
      const now = await readFile(join(led, file), 'utf8').catch(() => undefined)
      if (now === text) return
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  lamp.blink('21')
  await told('trigger', 'none')
  for (const round of [1, 2])
    for (const { on, ms } of patternOf({ code: '21' })) {
      await told('brightness', on ? '1' : '0')
      expect(round).toBeLessThan(3)
      vi.advanceTimersByTime(ms)
    }
  const triggers: Partial<Record<LampState, string>> = { fault: 'heartbeat', recording: 'default-on' }
  for (const [state, trigger] of Object.entries(triggers)) {
    lamp.show(state as LampState)
    await told('trigger', trigger)
    expect(vi.getTimerCount()).toBe(0)
  }
})

test('a lamp that cannot be switched disturbs nobody', () => {
  const lamp = boardLamp(join(folder.path, 'absent'))
  lamp.show('reading')
  lamp.blink('1234')
  lamp.show('off')
})
