import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Hub, HubOptions } from '../../deploy/hub/hub.ts'
import { startLoopbackHub } from '../../deploy/hub/loopback.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { HubClient, type HubNonce } from '../../wire/hub-client.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import { type Home, newHome } from './hub-people.ts'
import { newSigner } from './people.ts'
import { temporaryFolder } from './places.ts'

/** Somebody with a certificate of the hub's. */
export interface Enrolled {
  readonly tls: TlsIdentity
  readonly hub: HubNonce
}

/** A hub in this process with homes and cameras that exist as keys alone, and everybody's way to a certificate. */
export interface TestHub {
  readonly hub: Hub
  readonly client: HubClient
  readonly folder: string
  /** Milliseconds by which the registrar's clock is ahead of the machine's. */
  ahead: number
  home(): Promise<Home>
  /** The home lets it go. */
  release(camera: Pick<Camera, 'home' | 'signer' | 'epoch'>): Promise<void>
  /** A camera's key, claimed by this home. */
  camera(home: Home, options?: { signer?: Signer; epoch?: number }): Promise<Camera>
  member(home: Home, signer?: Signer): Promise<Enrolled>
  close(): Promise<void>
}

export interface Camera {
  readonly signer: Signer
  readonly id: string
  readonly home: Home
  readonly epoch: number
  /** `ownlens/1/<household>/<epoch>/<device>`. */
  readonly topic: string
  /** A certificate; the one before counts no more. */
  enrol(counter?: number): Promise<Enrolled>
}

export async function startTestHub(options: Partial<HubOptions> = {}): Promise<TestHub> {
  const { path: folder, remove } = await temporaryFolder()
  // It was set up days ago: a hub whose clock goes back behind its own certificates is refused.
  const shift = { ahead: -10 * 24 * 3_600_000 }
  const hub = await startLoopbackHub(join(folder, 'hub'), {
    now: () => new Date(Date.now() + shift.ahead),
    ...options,
  })
  shift.ahead = 0
  const client = new HubClient({ url: hub.url, caId: hub.caId })
  return {
    hub,
    client,
    folder,
    get ahead() {
      return shift.ahead
    },
    set ahead(value) {
      shift.ahead = value
    },
    ...people(client, () => hub.registrationCode()),
    async close() {
      await hub.close()
      await remove()
    },
  }
}

/** Homes, cameras and members at a hub, wherever it runs. */
export function people(
  client: HubClient,
  code: () => Promise<string>,
): Pick<TestHub, 'home' | 'camera' | 'member' | 'release'> {
  const counters = new Map<string, number>()
  return {
    async home() {
      const home = await newHome()
      const body = { code: await code(), roster: home.first, successions: [] }
      await client.request(home.id, { action: 'household', ...body }, home.root)
      return home
    },
    async camera(home, { signer = newSigner(), epoch = 1 } = {}) {
      const claim = await home.claim(signer, epoch)
      await client.request(home.id, { action: 'claim', claim }, home.root)
      const { id } = signer
      return {
        ...{ signer, id, home, epoch, topic: `ownlens/1/${home.id}/${epoch}/${id}` },
        enrol(counter = (counters.get(id) ?? 0) + 1) {
          counters.set(id, counter)
          const boot = base32(randomBytes(16))
          const role = { kind: 'device', epoch, counter, boot } as const
          return client.enrol({ commonName: id, householdId: home.id, role, signer })
        },
      }
    },
    async release({ home, signer, epoch }) {
      const release = await home.release(signer, epoch)
      await client.request(home.id, { action: 'release', release }, home.root)
    },
    member(home, signer = home.founder) {
      const commonName = `${signer.id}.${base32(randomBytes(5))}`
      return client.enrol({ commonName, householdId: home.id, role: { kind: 'member' }, signer })
    },
  }
}
