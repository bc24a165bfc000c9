import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { probeBytes } from '../support/hardware-videos.ts'
import { startWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.close())

test('`home live` writes what the camera sees into a file that plays, and recording goes on', async () => {
  const agent = await world.agent({
    camera: 'lavfi:testsrc=s=640x360:r=15',
    clip: { triggers: ['motion'], maxSeconds: 5 },
  })
  await agent.says(/"msg":"connected"/)
  const out = join(world.folder, 'live.mp4')
  const where = ['--data', join(world.folder, 'home')]
  const command = ['home', 'live', agent.deviceId.slice(0, 8), ...where, '--out', out, '--seconds', '4']
  const { code, output } = await runCommand(command)
  expect(output).toMatch(/latency \d+ ms/)
  expect(output).not.toContain('refused')
  expect(code).toBe(0)
  const [video] = await probeBytes(world.folder, await readFile(out))
  expect(video).toMatchObject({ codec: 'h264', width: 640, startsAt: 0 })
  expect(video?.pictures).toBeGreaterThan(20)
  await agent.says(/"msg":"live view ended"/)
  await agent.says(/"msg":"clip kept"/)
})

test('a camera that is not there is told of, in time', async () => {
  const where = ['--data', join(world.folder, 'home')]
  const { code, output } = await runCommand(['home', 'live', 'nobody', ...where])
  expect(code).toBe(1)
  expect(output).toContain('home.camera')
})
