import { expect, test } from 'vitest'
import { describeRefusals, sortRefusals } from '../../home/say.ts'
import { type ErrorCode, OwnlensError } from '../../protocol/errors.ts'

const refused = (clipId: string, code: ErrorCode) => ({
  clip: { clipId, deviceId: 'd', epoch: 1, parts: [], bytes: 0, read: async () => new Uint8Array() },
  error: new OwnlensError(code),
})

test('clips of before one’s own time are one line, and no fault', () => {
  const earlier = [refused('one', 'seal.closed'), refused('two', 'seal.closed')]
  expect(describeRefusals(sortRefusals(earlier), [])).toEqual([
    '2 clips are sealed to others: recorded before you were a member, or for another home.',
  ])
  expect(describeRefusals(sortRefusals(earlier.slice(1)), [])[0]).toMatch(/^1 clip is sealed to others/)
  expect(sortRefusals(earlier)).toEqual({ closed: 2, bad: [] })
})

test('what is wrong stays wrong beside them', () => {
  const bad = refused('three', 'clip.envelope')
  const lines = describeRefusals(sortRefusals([refused('one', 'seal.closed'), bad]), [])
  expect(lines[1]).toMatch(/^three refused: .*\(clip.envelope\)$/)
  expect(lines.at(-1)).toBe('1 refused.')
  expect(sortRefusals([bad])).toEqual({ closed: 0, bad: [bad] })
})

test('nothing refused, nothing said', () => {
  expect(describeRefusals(sortRefusals([]), [])).toEqual([])
})
