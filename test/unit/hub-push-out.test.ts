import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Row } from '../../deploy/hub/mosquitto-files.ts'
import { PushOut } from '../../deploy/hub/push-out.ts'

const row = (serial: string, common_name: string): Row => ({
  ...{ serial, common_name, uri: '', owner: common_name, superseded_at: null },
  ...{ not_after: '2026-11-27T12:00:00.000Z' },
})
const silent = pino({ enabled: false })

test('a session that could not be ended is tried again, the others are not', async () => {
  const pushed: string[] = []
  let broken = true
  const ends = new PushOut(async name => {
    pushed.push(name)
    if (broken && name === 'b') throw new Error('no line')
  }, silent)
  const rows = [row('1', 'a'), row('2', 'b')]
  ends.meet(rows)
  expect(await ends.end(rows)).toBe(false)
  expect(pushed.toSorted()).toEqual(['a', 'b'])
  broken = false
  expect(await ends.end(rows)).toBe(true)
  expect(pushed.slice(2)).toEqual(['b'])
  expect(await ends.end(rows)).toBe(true)
  expect(pushed).toHaveLength(3)
})

test('whoever was over when the broker started has no session to end', async () => {
  const pushed: string[] = []
  const ends = new PushOut(async name => void pushed.push(name), silent)
  const rows = [row('1', 'a'), row('2', 'a'), row('3', 'c')]
  ends.meet(rows)
  ends.begin(rows.slice(0, 1))
  await ends.end(rows)
  expect(pushed.toSorted()).toEqual(['a', 'c'])
})

test('the name of a home that is erased is known until its sessions have ended', async () => {
  const pushed: string[] = []
  const ends = new PushOut(async name => void pushed.push(name), silent)
  ends.meet([row('1', 'a'), row('2', 'b')])
  const erased = [row('1', ''), row('2', 'b')]
  ends.meet(erased)
  await ends.end([row('1', '')])
  expect(pushed).toEqual(['a'])
  // Of one whose home was erased before the broker started nothing is known, and it has no session.
  ends.meet([row('3', '')])
  expect(await ends.end([row('3', '')])).toBe(true)
  expect(pushed).toEqual(['a'])
})
