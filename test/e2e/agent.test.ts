import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { faceVideo, probeStreams } from '../support/face-video.ts'
import { temporaryFolder } from '../support/places.ts'
import { eventually, startWorld, type World } from '../support/world.ts'

describe.each([
  ['aedes', 'mjpeg'],
  ['mosquitto', 'h264'],
] as const)('a camera at a hub with %s, from %s', (broker, codec) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ broker })
  })
  afterAll(() => world?.close())

  test('records a face, seals it, and the home opens video, sound and picture', async () => {
    const agent = await world.agent({
      camera: await faceVideo(codec),
      microphone: 'auto',
      clip: { maxSeconds: 5 },
    })
    await agent.says(/"msg":"clip kept"/)
    await eventually(
      async () => (await world.clips()).find(clip => clip.parts.includes('end')),
      'a whole clip',
    )
    const { opened, refused } = await world.open()
    const [clip] = opened
    expect(refused.filter(({ error }) => !/incomplete|unproven/.test(error.code))).toEqual([])
    expect(clip?.faces.length).toBeGreaterThan(0)
    const kinds = (await probeStreams(clip?.file ?? '')).map(({ codec_name }) => codec_name)
    expect(kinds.sort()).toEqual(['aac', 'h264'])
    const picture = await readFile(clip?.thumbnail ?? '')
    expect(picture.subarray(0, 3).toString('hex')).toBe('ffd8ff')

    const stoppedAt = performance.now()
    const { code } = await agent.kill('SIGTERM')
    expect(code).toBe(0)
    expect(performance.now() - stoppedAt).toBeLessThan(5000)
    const after = await world.open()
    const numbers = [...after.opened].map(({ counter }) => counter).sort((a, b) => a - b)
    // Split clips and the one that SIGTERM finished: no number is missing.
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    expect(numbers.length).toBeGreaterThan(1)
  })
})

test('a second agent on the same data folder refuses, and says what to do', async () => {
  const world = await startWorld()
  try {
    const settings = { camera: await faceVideo('h264') }
    const agent = await world.agent(settings)
    const second = await runCommand(['agent', '--data', agent.data, '--camera', 'scene'])
    expect(second.code).toBe(1)
    expect(second.output).toContain('data.in_use')
    expect(second.output).toContain('--data')
    expect(agent.process.exitCode).toBeNull()
  } finally {
    await world.close()
  }
})

test('settings with mistakes are refused with all of them at once', async () => {
  const { path, remove } = await temporaryFolder()
  try {
    const config = join(path, 'config.json')
    await mkdir(path, { recursive: true })
    const { writeFile } = await import('node:fs/promises')
    await writeFile(
      config,
      JSON.stringify({ clip: { beforeSeconds: 1 }, frames: { rate: 'fast' }, colour: true }),
    )
    const { code, output } = await runCommand(['agent', '--config', config, '--data', join(path, 'data')])
    expect(code).toBe(1)
    for (const word of ['config.invalid', 'clip.beforeSeconds', 'frames.rate', 'colour'])
      expect(output).toContain(word)
  } finally {
    await remove()
  }
})

test('a camera that can never work is said at the start, before anybody tries to pair it', async () => {
  const { path, remove } = await temporaryFolder()
  try {
    const sound = join(path, 'sound.wav')
    const { execFileSync } = await import('node:child_process')
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=duration=1', sound])
    const { code, output } = await runCommand(['agent', '--camera', sound, '--data', join(path, 'data')])
    expect(code).toBe(1)
    expect(output).toContain('camera.no_video')
  } finally {
    await remove()
  }
})
