import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SignerFolder } from '../deploy/factory/signer.ts'
import type { Hub, HubOptions } from '../deploy/hub/hub.ts'
import type { Signer } from '../protocol/keys.ts'
import { privateKeyFromPem, signerOf } from '../protocol/keys.ts'
import { type MakerRoot, readMakerRoot } from '../protocol/maker-chain.ts'
import { disk } from '../storage/disk.ts'
import type { Camera } from './camera.ts'
import type { Stage } from './stage.ts'

const OWNLENS = fileURLToPath(new URL('../ownlens.js', import.meta.url))
const run = promisify(execFile)

const PASSPHRASE = 'a passphrase for a drill'

/** What `ownlens factory …` answered: its JSON, and the code of its refusal. */
interface Answer {
  readonly json: Record<string, unknown>
  readonly code: string | undefined
}

async function factory(...args: readonly string[]): Promise<Answer> {
  const result = await run(process.execPath, [OWNLENS, 'factory', ...args, '--json']).catch(
    (error: { stdout: string; stderr: string }) => error,
  )
  const line = result.stdout.trim()
  const code = /^ *Code: (\S+)$/m.exec(result.stderr)?.[1]
  if (line === '' && code === undefined) throw new Error(`factory ${args[0]}: ${result.stderr}`)
  return { json: line === '' ? {} : JSON.parse(line), code }
}

/** A maker with its root and stations, by the commands that a maker runs. */
export class Maker {
  readonly root: MakerRoot
  /** Its certificate, PEM. */
  readonly rootFile: string
  readonly #folder: string
  readonly #passphrase: readonly string[]

  private constructor(folder: string, rootFile: string, root: MakerRoot, passphrase: readonly string[]) {
    this.rootFile = rootFile
    this.#folder = folder
    this.root = root
    this.#passphrase = passphrase
  }

  static async found(stage: Stage): Promise<Maker> {
    const folder = join(stage.folder, 'maker')
    const file = `${folder}-passphrase`
    await writeFile(file, `${PASSPHRASE}\n`, { mode: 0o600 })
    const passphrase = ['--passphrase-file', file]
    const { json } = await factory('init', '--data', folder, ...passphrase)
    const rootFile = String(json.certificate)
    const pem = await readFile(rootFile, 'utf8')
    return new Maker(folder, rootFile, await readMakerRoot(pem, new Date()), passphrase)
  }

  /** Certified, and announced to no hub yet. */
  async station(name: string): Promise<Station> {
    const out = `${this.#folder}-${name.replaceAll(' ', '-')}`
    await factory('station', name, '--data', this.#folder, '--out', out, ...this.#passphrase)
    return new Station(out)
  }

  /** Somebody who may order blocks as soon as a hub was told; the passphrase is the maker's. */
  async signer(name: string): Promise<MakerSigner> {
    const folder = `${this.#folder}-signer-${name.replaceAll(' ', '-')}`
    const { code } = await factory('signer', name, '--out', folder, ...this.#passphrase)
    if (code !== undefined) throw new Error(code)
    const unlock = () => new SignerFolder(disk, folder).unlock(PASSPHRASE)
    return { name, folder, passphrase: this.#passphrase, unlock }
  }

  /** Tells the hub that a station or a signer counts, by its folder; the code of the refusal, if there was one. */
  async announce(hub: Hub, { folder }: { readonly folder: string }): Promise<string | undefined> {
    const to = ['--data', this.#folder, '--hub', hub.address]
    return (await factory('announce', folder, ...to, ...this.#passphrase)).code
  }

  /** And that it counts no more. `wanted`: its name will do, the folder may be gone. */
  async revoke(hub: Hub, wanted: string): Promise<string | undefined> {
    const to = ['--data', this.#folder, '--hub', hub.address]
    return (await factory('revoke', wanted, ...to, ...this.#passphrase)).code
  }

  /** Says whose a serial is from now on. */
  async relabel(hub: Hub, serial: string, deviceId: string): Promise<string | undefined> {
    const whose = ['--serial', serial, '--device', deviceId, '--hub', hub.address]
    return (await factory('serial', '--data', this.#folder, ...whose, ...this.#passphrase)).code
  }
}

/** Its folder, and how a command is told its passphrase. */
export interface MakerSigner {
  readonly name: string
  readonly folder: string
  readonly passphrase: readonly string[]
  /** Its key, as a thief has it who got at both. */
  unlock(): Promise<Signer>
}

export class Station {
  readonly folder: string
  readonly #file: string

  constructor(folder: string) {
    this.folder = folder
    this.#file = `${folder}.offline`
  }

  /** Who it is to the root and to hubs. */
  async keyId(): Promise<string> {
    const pem = await readFile(join(this.folder, 'station-key.pem'), 'utf8')
    return signerOf(privateKeyFromPem(pem)).id
  }

  /** Makes a board of a camera that was never started; the code of the refusal, if there was one. */
  async make(hub: Hub, camera: Camera, serial: string): Promise<string | undefined> {
    return (await this.#make(camera, serial, '--hub', hub.address)).code
  }

  async makeOffline(camera: Camera, serial: string): Promise<void> {
    const { code } = await this.#make(camera, serial, '--offline', this.#file)
    if (code !== undefined) throw new Error(code)
  }

  #make(camera: Camera, serial: string, ...where: readonly string[]): Promise<Answer> {
    const board = ['--serial', serial, '--board', camera.options.folder]
    return factory('make', '--station', this.folder, ...board, ...where)
  }

  /** Hands in what was made offline; the code of the refusal, if there was one. */
  async tryMerge(hub: Hub): Promise<string | undefined> {
    return (await this.#merge(hub)).code
  }

  #merge(hub: Hub): Promise<Answer> {
    return factory('merge', this.#file, '--station', this.folder, '--hub', hub.address)
  }

  /** Hands in what was made offline; the serials that turned out to be in conflict. */
  async merge(hub: Hub): Promise<readonly string[]> {
    const { json } = await this.#merge(hub)
    const conflicts = (json.conflicts ?? []) as readonly { serial: string }[]
    return conflicts.map(({ serial }) => serial)
  }
}

/** Two cameras of one serial, from two stations that worked offline; the hub does not know of it yet. */
export interface Twins {
  readonly maker: Maker
  /** As it was started last. */
  readonly hub: Hub
  readonly serial: string
  readonly hall: Camera
  readonly shop: Camera
  /** Both stations hand in their books; the serials in conflict. */
  merge(): Promise<readonly string[]>
  relabel(camera: Camera, serial: string): Promise<void>
}

/**
 * @param options.later the hub asks the maker only from the merge on: until then both cameras can be paired, as in the story. A
 *   hub that asks finds the twin as soon as it is paired.
 */
export async function makeTwins(
  stage: Stage,
  options: Pick<HubOptions, 'rules'> & { later?: boolean } = {},
): Promise<Twins> {
  const { later = false, ...rules } = options
  const maker = await Maker.found(stage)
  const known = { makerRoot: maker.root, ...rules }
  let hub = await stage.hub(later ? rules : known)
  const stations = [await maker.station('Line 1'), await maker.station('Line 2')]
  const announce = async () => {
    for (const station of stations) {
      const refused = await maker.announce(hub, station)
      stage.report.expect(refused === undefined, `a station was not announced: ${refused}`)
    }
  }
  if (!later) await announce()
  const cameras = [stage.camera('Hall', 'collins'), stage.camera('Shop', 'hopper')] as const
  const serial = 'NW-2015-0001'
  for (const [index, station] of stations.entries())
    await station.makeOffline(cameras[index] as Camera, serial)
  stage.report.do(`two stations that are offline make Hall and Shop, both as ${serial}`)
  return {
    maker,
    get hub() {
      return hub
    },
    serial,
    hall: cameras[0],
    shop: cameras[1],
    async merge() {
      if (later) {
        hub = await stage.restart(hub, async () => undefined, 'hub', known)
        await announce()
      }
      const conflicts: string[] = []
      for (const station of stations) conflicts.push(...(await station.merge(hub)))
      return [...new Set(conflicts)]
    },
    async relabel(camera, label) {
      const refused = await maker.relabel(hub, label, camera.deviceId)
      stage.report.expect(refused === undefined, `the maker’s word on ${label} was refused: ${refused}`)
    },
  }
}
