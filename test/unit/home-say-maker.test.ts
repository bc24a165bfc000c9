import { expect, test } from 'vitest'
import { describeNotice, stateIn } from '../../home/say-cameras.ts'
import type { Notice } from '../../protocol/registrar.ts'

const notice = (kind: Notice['kind'], at: string, reason: string | null = null): Notice => ({
  ...{ kind, deviceId: 'd', at, freeAt: null, serial: null, reason },
})
const blocked = notice('makerBlocked', '2026-11-25T12:00:00.000Z', 'Two cameras bear one serial')
const lifted = notice('makerUnblocked', '2026-11-25T13:00:00.000Z')
const stateOf = (...standing: Notice[]) => stateIn({ released: false, blocked: false, standing })

test('an owner reads that the maker has blocked the camera, and why', () => {
  const told = describeNotice(blocked, 'Hall')
  expect(told).toContain('2026-11-25 12:00 UTC: its maker blocked it: “Two cameras bear one serial”.')
  expect(told).toContain('ask the maker')
  expect(describeNotice(lifted, 'Hall')).toContain('its maker lifted the block. It sends again by itself.')
})

test('of the maker’s orders the newest counts, in whatever order they are told', () => {
  expect(stateOf(blocked)).toBe('blocked')
  for (const standing of [
    [blocked, lifted],
    [lifted, blocked],
  ])
    expect(stateOf(...standing)).toBe('paired')
  expect(stateOf({ ...blocked, at: '2026-11-25T14:00:00.000Z' }, lifted)).toBe('blocked')
})
