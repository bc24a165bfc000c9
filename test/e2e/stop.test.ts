import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startCommand } from '../support/command.ts'
import { faceVideo } from '../support/face-video.ts'
import { temporaryFolder } from '../support/places.ts'
import { type Agent, eventually, startWorld, type World } from '../support/world.ts'

/** SIGTERM, and how it went. */
async function stop(agent: Agent): Promise<{ code: number | null; ms: number }> {
  const began = performance.now()
  const { code } = await agent.kill('SIGTERM')
  return { code, ms: performance.now() - began }
}

/** The agent's ffmpegs by what they do: `pipe:3` is the camera's second output; encoders have none. */
async function ffmpegs(agent: Agent): Promise<readonly { pid: number; camera: boolean }[]> {
  const found: { pid: number; camera: boolean }[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const ours = new RegExp(`^PPid:\\s+${agent.process.pid}$`, 'm').test(status)
    if (ours && /(^|\/)ffmpeg\0/.test(words))
      found.push({ pid: Number(pid), camera: words.includes('pipe:3') })
  }
  return found
}

const SETTINGS = async (kind: 'h264' | 'mjpeg') => ({ camera: await faceVideo(kind), microphone: 'auto' })

/** Clips that still wait in a camera's outbox, with their parts. */
async function outboxOf(agent: Agent): Promise<readonly (readonly string[])[]> {
  const folder = join(agent.data, 'outbox', 'clips')
  const clips = await readdir(folder)
  return Promise.all(clips.map(async clip => (await readdir(join(folder, clip))).map(name => name.slice(7))))
}

async function within(test: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld()
  try {
    await test(world)
  } finally {
    await world.close()
  }
}

test('SIGTERM with the hub gone: the running clip is finished in the outbox, exit 0 within 5 s', () =>
  within(async world => {
    const agent = await world.agent(await SETTINGS('mjpeg'))
    await agent.says(/"msg":"clip opened"/)
    await agent.says(/"msg":"connected"/)
    await world.hub.close()
    await agent.says(/"msg":"hub gone, trying again"/)
    const { code, ms } = await stop(agent)
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5000)
    expect(agent.output()).toMatch(/"msg":"clip kept"/)
    expect((await outboxOf(agent)).at(-1)).toContain('end')
  }))

test.each(['camera', 'encoder'] as const)('SIGTERM with the %s’s ffmpeg frozen: exit 0 within 5 s', which =>
  within(async world => {
    const agent = await world.agent(await SETTINGS('mjpeg'))
    await agent.says(/"msg":"clip opened"/)
    const frozen = await eventually(
      async () => (await ffmpegs(agent)).find(({ camera }) => camera === (which === 'camera')),
      'its ffmpeg runs',
    )
    process.kill(frozen.pid, 'SIGSTOP')
    const { code, ms } = await stop(agent)
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5000)
    // Nothing of it is left behind.
    await expect.poll(() => ffmpegs(agent), { timeout: 5000 }).toEqual([])
    if (which === 'camera') expect(agent.output()).toMatch(/"msg":"clip kept"/)
  }),
)

test('SIGTERM right after the start, with clips waiting and the hub gone: exit 0 within 5 s', () =>
  within(async world => {
    const settings = await SETTINGS('h264')
    const first = await world.agent(settings)
    await first.says(/"msg":"clip opened"/)
    await world.hub.close()
    await first.says(/"msg":"hub gone, trying again"/)
    await first.kill('SIGKILL')
    expect(await outboxOf(first)).not.toEqual([])
    const again = await world.agent(settings, { data: first.data })
    const { code, ms } = await stop(again)
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5000)
  }))

test('an unpaired camera stops as well', async () => {
  const { path, remove } = await temporaryFolder()
  try {
    const agent = startCommand(['agent', '--data', path, '--camera', 'scene'])
    await agent.says(/waiting to be paired/)
    expect(await agent.kill('SIGTERM')).toEqual({ code: 0, signal: null })
  } finally {
    await remove()
  }
})

test('a camera that comes back after its ffmpeg was killed records on', () =>
  within(async world => {
    const agent = await world.agent(await SETTINGS('mjpeg'))
    await agent.says(/"msg":"clip opened"/)
    const camera = await eventually(
      async () => (await ffmpegs(agent)).find(found => found.camera),
      'the camera’s ffmpeg runs',
    )
    process.kill(camera.pid, 'SIGKILL')
    await agent.says(/"msg":"camera failed"/)
    await eventually(
      async () => ((agent.output().match(/"msg":"clip opened"/g)?.length ?? 0) > 1 ? true : undefined),
      'another clip',
    )
    expect((await stop(agent)).code).toBe(0)
    const { opened, refused } = await world.open()
    expect(refused).toEqual([])
    expect(opened.map(({ cutShort }) => cutShort)).toEqual(opened.map(() => false))
    expect(opened.length).toBeGreaterThan(1)
  }))
