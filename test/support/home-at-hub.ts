import { join } from 'node:path'
import type { Hub, HubOptions } from '../../deploy/hub/hub.ts'
import { startLoopbackHub } from '../../deploy/hub/loopback.ts'
import type { Household } from '../../home/household.ts'
import type { Signer } from '../../protocol/keys.ts'
import { temporaryFolder } from './places.ts'
import { makeHome, type WorldOptions } from './world.ts'

/** A hub in this process and a household at it, in a folder of their own (`hub`, `home`). */
export interface HomeAtHub {
  readonly folder: string
  readonly home: Household
  readonly root: Signer
  /** As it was started last. */
  readonly hub: Hub
  /** The hub goes and comes back at the same address, with what is on its disk. */
  restart(between?: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

export async function homeAtHub(
  options: Pick<WorldOptions, 'suite'> & { hub?: Partial<HubOptions> } = {},
): Promise<HomeAtHub> {
  const { path: folder, remove } = await temporaryFolder()
  const start = (ports: Partial<HubOptions> = {}) =>
    startLoopbackHub(join(folder, 'hub'), { ...options.hub, ...ports })
  let hub = await start()
  const { household: home, root } = await makeHome(hub, join(folder, 'home'), options)
  return {
    folder,
    home,
    root,
    get hub() {
      return hub
    },
    async restart(between = async () => undefined) {
      const [port, mqttPort] = [hub.url, hub.brokerUrl].map(url => Number(new URL(url).port))
      await hub.close()
      await between()
      hub = await start({ port: port as number, mqttPort: mqttPort as number })
    },
    async close() {
      await hub.close()
      await remove()
    },
  }
}
