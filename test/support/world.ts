import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { foundAt } from '../../demo/found-at.ts'
import type { Hub } from '../../deploy/hub/hub.ts'
import { startLoopbackHub } from '../../deploy/hub/loopback.ts'
import { clipsAtHub, type SealedClip } from '../../home/clip-source.ts'
import { openClips } from '../../home/clips.ts'
import type { Household } from '../../home/household.ts'
import { Ledger } from '../../home/ledger.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { type Running, startCommand } from './command.ts'
import { pairRunning } from './pair-running.ts'
import { temporaryFolder } from './places.ts'

export interface WorldOptions {
  readonly broker?: 'aedes' | 'mosquitto'
  readonly suite?: 'hybrid' | 'x25519'
  readonly names?: { home: string; member: string; camera: string }
  readonly tap?: (topic: string, payload: Uint8Array) => void
  readonly storeBytes?: number
}

/** A hub in this process, a household at it, and a way to start cameras as processes of their own. */
export interface World {
  readonly folder: string
  readonly hub: Hub
  readonly household: Household
  readonly root: Signer
  readonly ledger: Ledger
  /** Starts `ownlens agent` and, the first time, pairs it. */
  agent(settings: object, options?: { data?: string }): Promise<Agent>
  clips(): Promise<readonly SealedClip[]>
  /** Opens all clips into `folder/opened`. */
  open(): ReturnType<typeof openClips>
  close(): Promise<void>
}

export interface Agent extends Running {
  readonly data: string
  readonly deviceId: string
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { path: folder, remove } = await temporaryFolder()
  const { broker, storeBytes, tap } = options
  const hub = await startLoopbackHub(join(folder, 'hub'), {
    ...(broker && { broker }),
    ...(storeBytes !== undefined && { storeBytes }),
    ...(tap && { tap }),
  })
  const { household, root } = await makeHome(hub, join(folder, 'home'), options)
  const ledger = await Ledger.open(disk, join(folder, 'home'))
  const agents: Agent[] = []
  const clips = async () => {
    const { tls } = await household.enrol()
    return clipsAtHub(household.hub, tls, household.id)
  }
  return {
    folder,
    hub,
    household,
    root,
    ledger,
    clips,
    async agent(settings, { data = join(folder, `camera-${agents.length}`) } = {}) {
      const config = `${data}.json`
      await writeFile(config, JSON.stringify(settings))
      const running = startCommand(['agent', '--config', config, '--data', data])
      const started = await running.says(/"deviceId":"([a-z2-7]{52})"/)
      const agent = { ...running, data, deviceId: started[1] ?? '' }
      agents.push(agent)
      if ((await disk.info(join(data, 'household.json'))) === undefined) {
        await running.says(/waiting to be paired/)
        await pairRunning(household, root, { running, data })
        await running.says(/"msg":"paired"/)
      }
      return agent
    },
    async open() {
      const out = join(folder, 'opened')
      await disk.makeFolder(out)
      return openClips(household, ledger, await clips(), out)
    },
    async close() {
      await Promise.all(agents.map(agent => agent.kill()))
      await hub.close()
      await remove()
    },
  }
}

/** A household at a hub, its root unlocked. */
export async function makeHome(
  hub: Hub,
  folder: string,
  options: Pick<WorldOptions, 'suite' | 'names'> = {},
): Promise<{ household: Household; root: Signer }> {
  const { suite, names } = options
  const { household, passphrase } = await foundAt(hub, folder, {
    ...(suite && { suite }),
    ...(names && { name: names.home, memberName: names.member }),
  })
  return { household, root: await household.unlockRoot(passphrase) }
}

/** Asks until the answer is there; at most so long. For what no event tells. */
export async function eventually<T>(
  ask: () => Promise<T | undefined>,
  what: string,
  atMostMs = 30_000,
): Promise<T> {
  const late = performance.now() + atMostMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > late) throw new Error(`it did not happen in ${atMostMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
