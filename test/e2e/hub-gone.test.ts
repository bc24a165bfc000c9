import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clipsAtHub } from '../../home/clip-source.ts'
import { openClips } from '../../home/clips.ts'
import { foundHousehold } from '../../home/found.ts'
import { Ledger } from '../../home/ledger.ts'
import { disk } from '../../storage/disk.ts'
import { startCommand } from '../support/command.ts'
import { faceVideo } from '../support/face-video.ts'
import { pairRunning } from '../support/pair-running.ts'
import { temporaryFolder } from '../support/places.ts'
import { eventually } from '../support/world.ts'

const LONG = process.env.OWNLENS_LONG === '1'
const GONE_MS = LONG ? 30_000 : 6000

test.each(['aedes', 'mosquitto'] as const)(
  'a hub with %s is killed in mid-clip and comes back: no clip is lost',
  async broker => {
    const { path: folder, remove } = await temporaryFolder()
    const ports = { https: 20_000 + (process.pid % 20_000), mqtt: 0 }
    ports.mqtt = ports.https + 1
    const startHub = async () => {
      const flags = [
        '--port',
        String(ports.https),
        '--mqtt-port',
        String(ports.mqtt),
        '--broker',
        broker,
        '--json',
      ]
      const hub = startCommand(['hub', '--data', join(folder, 'hub'), ...flags, '--log-level', 'warn'])
      const [, json = ''] = await hub.says(/^(\{"hub".*\})$/m)
      return { hub, told: JSON.parse(json) as { hub: string; code: string } }
    }
    const running: { kill: (signal?: NodeJS.Signals) => Promise<unknown> }[] = []
    try {
      const first = await startHub()
      running.push(first.hub)
      const [url = '', caId = ''] = first.told.hub.split('#')
      const household = await foundHousehold({
        disk,
        folder: join(folder, 'home'),
        hub: { url, caId },
        code: first.told.code,
        passphrase: 'words of a test',
        suite: 'hybrid',
        name: 'Home',
        memberName: 'Owner',
        workFactor: 10,
      })
      const { writeFile } = await import('node:fs/promises')
      const config = join(folder, 'camera.json')
      await writeFile(config, JSON.stringify({ camera: await faceVideo('h264'), clip: { maxSeconds: 5 } }))
      const agent = startCommand(['agent', '--config', config, '--data', join(folder, 'camera')])
      running.push(agent)
      await agent.says(/waiting to be paired/)
      const root = await household.unlockRoot('words of a test')
      await pairRunning(household, root, { running: agent, data: join(folder, 'camera') })
      const clips = async () => clipsAtHub(household.hub, (await household.enrol()).tls, household.id)
      await eventually(async () => ((await clips()).length > 0 ? true : undefined), 'a clip begins to arrive')

      await first.hub.kill('SIGKILL')
      await new Promise(resolve => setTimeout(resolve, GONE_MS))
      const second = await startHub()
      running.push(second.hub)
      await eventually(
        async () =>
          (await clips()).filter(({ parts }) => parts.includes('end')).length >= 2 ? true : undefined,
        'clips of before and after',
        60_000,
      )
      // What is still waiting leaves before the agent ends, or at its next start.
      expect(await agent.kill('SIGTERM')).toEqual({ code: 0, signal: null })
      const ledger = await Ledger.open(disk, join(folder, 'home'))
      const opened = join(folder, 'opened')
      await disk.makeFolder(opened)
      const result = await openClips(household, ledger, await clips(), opened)
      expect(result.refused).toEqual([])
      const numbers = result.opened.map(({ counter }) => counter).sort((a, b) => a - b)
      expect(numbers).toEqual(numbers.map((_, index) => index + 1))
      expect(result.opened.filter(({ cutShort }) => cutShort)).toEqual([])
      expect(numbers.length).toBeGreaterThanOrEqual(Math.floor(GONE_MS / 5000) + 1)
    } finally {
      for (const process of running) await process.kill('SIGKILL')
      await remove()
    }
  },
)
