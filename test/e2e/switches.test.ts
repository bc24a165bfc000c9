import { afterAll, beforeAll, expect, test } from 'vitest'
import { reportCameras } from '../../home/camera-reports.ts'
import { describeCameras } from '../../home/say-cameras.ts'
import { runCommand } from '../support/command.ts'
import { faceVideo, probeStreams } from '../support/face-video.ts'
import { eventually, startWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.close())

test('privacy mode in mid-clip ends the clip, and nothing is recorded until it is off; then without sound', async () => {
  const agent = await world.agent({ camera: await faceVideo('mjpeg'), microphone: 'auto' })
  await agent.says(/"msg":"clip opened"/)
  const at = performance.now()
  const { output } = await runCommand(['privacy', 'on', '--data', agent.data])
  expect(output).toContain('Privacy mode is on')
  await agent.says(/"msg":"privacy mode: the camera is closed"/)
  await agent.says(/"counter":1,.*"msg":"clip kept"/)
  expect(performance.now() - at).toBeLessThan(10_000)
  await eventually(async () => (await world.clips()).find(clip => clip.parts.includes('end')), 'the clip')
  const { opened } = await world.open()
  expect(opened.map(({ end }) => end)).toEqual(['privacy'])
  expect((await probeStreams(opened[0]?.file ?? '')).map(({ codec_name }) => codec_name).sort()).toEqual([
    'aac',
    'h264',
  ])
  const told = await eventually(async () => {
    const { tls } = await world.household.enrol()
    const { reports } = await reportCameras(world.household, tls)
    return reports[0]?.status?.camera === 'private' ? reports : undefined
  }, 'the home to be told')
  expect(describeCameras(told, { home: 'Home', members: {}, cameras: {} }, 1).join()).toContain(
    'it sees and hears nothing',
  )
  await runCommand(['microphone', 'off', '--data', agent.data])
  await runCommand(['privacy', 'off', '--data', agent.data])
  await agent.says(/"counter":2,.*"msg":"clip opened"/)
  expect((await agent.kill('SIGTERM')).code).toBe(0)
  const later = (await world.open()).opened.find(({ counter }) => counter === 2)
  expect((await probeStreams(later?.file ?? '')).map(({ codec_name }) => codec_name)).toEqual(['h264'])
})
