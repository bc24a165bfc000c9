import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { faceVideo } from '../support/face-video.ts'
import { marksIn, marksUnder } from '../support/marks.ts'
import { startWorld } from '../support/world.ts'

const LONG = process.env.OWNLENS_LONG === '1'
/** How often the agent is killed. */
const KILLS = LONG ? 40 : 3
const CANARIES = ['Canaryhome', 'Canarymember', 'Canarycamera']

test('the marks are found where they are', async () => {
  for (const kind of ['h264', 'mjpeg'] as const) {
    const video = await readFile(await faceVideo(kind))
    expect(marksIn(video, []).length).toBeGreaterThan(1)
  }
  expect(marksIn(Buffer.from('…Canaryhome…'), CANARIES)).toEqual(['canary Canaryhome'])
})

test.each(['h264', 'mjpeg'] as const)(
  'after kill -9 at any moment nothing readable is on disk, wire, store or in logs (%s)',
  async kind => {
    const traffic: Uint8Array[] = []
    const world = await startWorld({
      names: { home: 'Canaryhome', member: 'Canarymember', camera: 'Canarycamera' },
      tap: (topic, payload) => traffic.push(Buffer.from(topic), Uint8Array.from(payload)),
    })
    try {
      const camera = await faceVideo(kind)
      const settings = { name: 'Canarycamera', camera, microphone: 'auto', clip: { maxSeconds: 5 } }
      const data = join(world.folder, 'camera')
      let logs = ''
      const seen = { parts: 0 }
      for (let kill = 0; kill < KILLS; kill++) {
        const agent = await world.agent(settings, { data })
        if (kill === 0) await world.household.rename('cameras', agent.deviceId, 'Canarycamera')
        await agent.says(/"msg":"camera opened"/)
        // Any moment from the first picture to well into the second clip.
        await new Promise(resolve => setTimeout(resolve, randomInt(0, 7000)))
        await agent.kill('SIGKILL')
        logs += agent.output()
        const { files, found } = await marksUnder(world.folder, CANARIES, [`${data}.json`])
        expect(found).toEqual([])
        expect(files).toBeGreaterThan(10)
      }
      for (const bytes of traffic) expect(marksIn(bytes, CANARIES)).toEqual([])
      expect(marksIn(Buffer.from(logs), CANARIES)).toEqual([])
      seen.parts = traffic.length
      expect(seen.parts).toBeGreaterThan(KILLS)
    } finally {
      await world.close()
    }
  },
)
