import { expect, test } from 'vitest'
import { describeSettings, parseConfig } from '../../agent/config.ts'
import { errorTable, OwnlensError } from '../../protocol/errors.ts'

function mistakes(value: unknown): string {
  try {
    parseConfig(value)
  } catch (error) {
    expect(error).toBeInstanceOf(OwnlensError)
    expect((error as OwnlensError).code).toBe('config.invalid')
    return (error as OwnlensError).message
  }
  throw new Error('it was taken')
}

test('everything has a default, and a setting is described in words', () => {
  expect(parseConfig({})).toMatchObject({
    camera: '/dev/video0',
    microphone: 'none',
    clip: { maxSeconds: 60 },
  })
  const settings = describeSettings()
  expect(settings.length).toBeGreaterThan(15)
  for (const { path, byDefault, says } of settings) {
    expect(path).toMatch(/^[a-z]+(\.[a-zA-Z]+)?$/)
    expect(byDefault).toBeDefined()
    expect(says).toMatch(/^.{5,}\.$/)
  }
  expect(settings.map(({ path }) => path)).toContain('clip.beforeSeconds')
  expect(errorTable['config.invalid'].todo).toContain('--help')
})

test('what is given replaces the default, beside the others', () => {
  const { clip, video } = parseConfig({ clip: { triggers: ['motion'] } })
  expect(clip).toEqual({ triggers: ['motion'], beforeSeconds: 5, afterSeconds: 3, maxSeconds: 60 })
  expect(video.width).toBe(1280)
})

test('every mistake is named at once, by its path', () => {
  const told = mistakes({
    clip: { beforeSeconds: 30, afterSeconds: 0, maxSeconds: 10, triggers: ['cat'] },
    frames: { rate: 'fast' },
    outbox: { maxBytes: 5 },
    colour: true,
  })
  for (const part of [
    'clip.afterSeconds',
    'clip.maxSeconds',
    'clip.triggers',
    'frames.rate',
    'outbox.maxBytes',
    'colour',
  ])
    expect(told).toContain(part)
})

test.each([
  [{ clip: { beforeSeconds: 10, maxSeconds: 9 } }, 'clip.maxSeconds'],
  [{ clip: { beforeSeconds: 4 } }, 'clip.beforeSeconds'],
  [{ name: 'x'.repeat(65) }, 'name'],
  [{ video: { width: 100.5 } }, 'video.width'],
  [{ detector: { runtime: 'tpu' } }, 'detector.runtime'],
  [{ clip: null }, 'clip'],
  [[], 'file'],
  ['scene', 'file'],
  [null, 'file'],
])('refused: %j', (value, where) => {
  expect(mistakes(value)).toContain(`${where}: `)
})

test('nobody can change it afterwards', () => {
  const config = parseConfig({})
  expect(() => Object.assign(config, { name: 'x' })).toThrow(TypeError)
  expect(() => Object.assign(config.clip, { maxSeconds: 1 })).toThrow(TypeError)
})
