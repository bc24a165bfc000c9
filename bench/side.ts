import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { foundAt } from '../demo/found-at.ts'
import type { Hub } from '../deploy/hub/hub.ts'
import { startLoopbackHub } from '../deploy/hub/loopback.ts'
import type { Household } from '../home/household.ts'
import { pairThroughLens } from '../home/pair.ts'
import { writeCode } from '../home/show-code.ts'
import { disk } from '../storage/disk.ts'

const OWNLENS = fileURLToPath(new URL('../../bin/ownlens', import.meta.url))

/** A hub and a household in this process, and a camera as a process of its own. */
export interface Side {
  readonly hub: Hub
  readonly household: Household
  readonly folder: string
  readonly data: string
  /** Starts the agent; resolves when its camera is open. */
  start(settings: object): Promise<ChildProcess>
  stop(agent: ChildProcess): Promise<void>
  close(): Promise<void>
}

export async function startSide(within: string, broker: 'aedes' | 'mosquitto' = 'aedes'): Promise<Side> {
  const folder = await mkdtemp(join(within, 'side-'))
  const hub = await startLoopbackHub(join(folder, 'hub'), { broker })
  const { household, passphrase } = await foundAt(hub, join(folder, 'home'))
  const data = join(folder, 'camera')
  return {
    hub,
    household,
    folder,
    data,
    async start(settings) {
      const config = join(folder, 'camera.json')
      await writeFile(config, JSON.stringify(settings))
      const agent = spawn(OWNLENS, ['agent', '--config', config, '--data', data], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const { opened, blinked } = listenTo(agent)
      if ((await disk.info(join(data, 'household.json'))) === undefined)
        await pairThroughLens(household, await household.unlockRoot(passphrase), {
          signal: AbortSignal.timeout(60_000),
          show: code => writeCode(code, join(data, 'emulated', 'code.png')),
          confirm: async code => (await blinked) === code,
        })
      await opened
      return agent
    },
    async stop(agent) {
      const gone = new Promise(resolve => agent.once('exit', resolve))
      if (agent.exitCode === null && agent.kill('SIGTERM')) await gone
    },
    async close() {
      await hub.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What the agent logs: that its camera is open for recording, and the short code that its lamp blinks. */
function listenTo(agent: ChildProcess & { readonly stderr: Readable }): {
  opened: Promise<void>
  blinked: Promise<string>
} {
  const lines = createInterface({ input: agent.stderr })
  const opened = new Promise<void>((resolve, reject) => {
    agent.once('exit', code => reject(new Error(`the agent ended with ${code}`)))
    lines.on('line', line => {
      if (line.includes('"msg":"camera opened"')) resolve()
    })
  })
  opened.catch(() => undefined)
  const blinked = new Promise<string>(resolve => {
    lines.on('line', line => {
      const [, code] = /"shortCode":"(\d{4})"/.exec(line) ?? []
      if (code !== undefined) resolve(code)
    })
  })
  return { opened, blinked }
}
