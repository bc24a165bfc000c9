import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { makeLog } from '../cli/log.ts'
import { type Hub, startHub } from '../deploy/hub/hub.ts'
import { Household } from '../home/household.ts'
import { pairByFile } from '../home/pair.ts'
import { disk } from '../storage/disk.ts'
import { folderChanges } from '../storage/folder-changes.ts'

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
  const log = makeLog('silent', 'bench')
  const hub = await startHub({
    data: join(folder, 'hub'),
    disk,
    host: '127.0.0.1',
    port: 0,
    mqttPort: 0,
    broker,
    names: ['127.0.0.1'],
    storeBytes: 2 ** 35,
    requestsPerMinute: 100_000,
    log,
  })
  const passphrase = randomBytes(16).toString('hex')
  const { household } = await Household.create({
    disk,
    folder: join(folder, 'home'),
    hub: { url: hub.url, caId: hub.caId },
    code: await hub.registrationCode(),
    passphrase,
    suite: 'hybrid',
    name: 'Home',
    memberName: 'Owner',
    workFactor: 10,
  })
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
      const opened = new Promise<void>((resolve, reject) => {
        agent.once('exit', code => reject(new Error(`the agent ended with ${code}`)))
        createInterface({ input: agent.stderr }).on('line', line => {
          if (line.includes('"msg":"camera opened"')) resolve()
        })
      })
      if ((await disk.info(join(data, 'household.json'))) === undefined) {
        const pair = join(data, 'pair')
        await disk.makeFolder(pair)
        for await (const _ of folderChanges(pair, { signal: AbortSignal.timeout(30_000) }))
          if ((await disk.info(join(pair, 'half.jws'))) !== undefined) break
        await pairByFile(household, await household.unlockRoot(passphrase), pair, { timeoutMs: 30_000 })
      }
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
