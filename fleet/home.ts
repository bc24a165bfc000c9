import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { foundAt } from '../demo/found-at.ts'
import { Spy } from '../drill/spy.ts'
import { clipsAtHub, type SealedClip } from '../home/clip-source.ts'
import { openClips } from '../home/clips.ts'
import type { Household } from '../home/household.ts'
import { Ledger } from '../home/ledger.ts'
import { pairThroughLens } from '../home/pair.ts'
import type { Signer } from '../protocol/keys.ts'
import { disk } from '../storage/disk.ts'
import type { Device } from './device.ts'
import type { FleetHub } from './hub-process.ts'

const PAIRING_MS = 180_000

/** What a home has of one of its cameras. */
export interface OpenedOf {
  readonly clips: number
  readonly faces: number
  readonly sound: number
  readonly thumbnails: number
  /** Codes of clips that it could not open, and how often. */
  readonly refused: Readonly<Record<string, number>>
}

/** A home of the fleet: real keys, in a folder of its own. */
export class FleetHome {
  readonly name: string
  readonly #folder: string
  readonly #household: Household
  readonly #root: Signer

  private constructor(name: string, folder: string, household: Household, root: Signer) {
    this.name = name
    this.#folder = folder
    this.#household = household
    this.#root = root
  }

  /** Registers a new one at the hub. Throws `hub.*`, `fleet.hub`. */
  static async found(
    hub: FleetHub,
    folder: string,
    { name, suite }: { name: string; suite: 'hybrid' | 'x25519' },
  ): Promise<FleetHome> {
    const at = { ...hub.address, registrationCode: () => hub.nextCode() }
    const { household, passphrase } = await foundAt(at, folder, { name, suite })
    return new FleetHome(name, folder, household, await household.unlockRoot(passphrase))
  }

  get id(): string {
    return this.#household.id
  }

  /** Pairs a device through its lens: the code is shown, read, answered, compared and claimed. Throws `pair.*`, `hub.*`. */
  async pair(device: Device, { signal }: { signal: AbortSignal }): Promise<void> {
    const from = device.told.length
    await pairThroughLens(this.#household, this.#root, {
      name: device.plan.camera,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PAIRING_MS)]),
      async show(code) {
        await device.show(code)
        return () => device.show(undefined)
      },
      async confirm(shown) {
        const { shown: light } = await device.until(told => typeof told.shown === 'object', { from })
        return typeof light === 'object' && light.code === shown
      },
    })
    await device.until(({ msg }) => msg === 'paired', { from })
  }

  /** All that the store has of this home's. */
  async #clips(): Promise<readonly SealedClip[]> {
    const { tls } = await this.#household.enrol()
    await this.#household.refresh(tls)
    await this.#household.refreshClaims(tls)
    return clipsAtHub(this.#household.hub, tls, this.id)
  }

  /** Opens everything that has arrived, and counts by device id. What was opened is not kept. */
  async open(): Promise<ReadonlyMap<string, OpenedOf>> {
    const out = join(this.#folder, 'opened')
    await disk.makeFolder(out)
    const ledger = await Ledger.open(disk, this.#folder)
    const whole = (await this.#clips()).filter(({ parts }) => parts.includes('end'))
    const counts = new Map<string, OpenedOf>()
    const count = (deviceId: string, change: (before: OpenedOf) => OpenedOf) => {
      const none = { clips: 0, faces: 0, sound: 0, thumbnails: 0, refused: {} }
      counts.set(deviceId, change(counts.get(deviceId) ?? none))
    }
    const { opened, refused } = await openClips(this.#household, ledger, whole, out)
    for (const { deviceId, faces, audio, thumbnail } of opened)
      count(deviceId, before => ({
        ...before,
        clips: before.clips + 1,
        faces: before.faces + (faces.length > 0 ? 1 : 0),
        sound: before.sound + (audio ? 1 : 0),
        thumbnails: before.thumbnails + (thumbnail === null ? 0 : 1),
      }))
    for (const { clip, error } of refused)
      count(clip.deviceId, before => {
        const times = (before.refused[error.code] ?? 0) + 1
        return { ...before, refused: { ...before.refused, [error.code]: times } }
      })
    await rm(out, { recursive: true, force: true })
    return counts
  }

  /**
   * Tries to see what is another home's: asks the store for it under its own certificate, and tries all of its keys on bytes that
   * the other home hands over.
   *
   * @returns how many sealed things were tried, how many opened, and with which codes the hub refused.
   */
  async spyOn(victim: FleetHome): Promise<{ tried: number; opened: number; refusals: readonly string[] }> {
    const spy = new Spy(this.#household)
    const [clip] = (await victim.#clips()).filter(({ parts }) => parts.includes('end'))
    if (clip !== undefined) {
      const { epoch, deviceId, clipId, parts } = clip
      const base = `ownlens/1/${victim.id}/${epoch}/${deviceId}/clip/${clipId}`
      for (const part of parts) {
        spy.take(`${base}/${part}`, await clip.read(part))
        spy.hear(`${base}/${part}`)
      }
    }
    const handed = await spy.haul()
    const sum = (field: 'tried' | 'opened') =>
      [...handed.values()]
        .flatMap(haul => Object.values(haul))
        .reduce(
          (all, { opened, delivered }) => all + (field === 'opened' ? opened : Number(delivered > 0)),
          0,
        )
    await spy.askStore([victim.id])
    return { tried: sum('tried'), opened: sum('opened'), refusals: [...spy.refusals] }
  }
}
