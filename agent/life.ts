import type { Logger } from 'pino'
import type { Camera, Hardware, Lamp } from '../hardware/hardware.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import type { Disk } from '../storage/disk.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import type { Config } from './config.ts'
import type { Finger } from './finger.ts'
import type { Household } from './household.ts'
import { sightsOf } from './identity/eye.ts'
import type { Sight } from './identity/lens.ts'
import type { ResetParts } from './identity/reset.ts'
import type { Signs } from './identity/signs.ts'
import type { HubTime } from './identity/time.ts'
import type { KeeperParts } from './keep.ts'
import type { LiveView } from './live.ts'
import type { StatusReport } from './status.ts'
import type { Switches } from './switches.ts'

export interface AgentOptions {
  readonly config: Config
  readonly hardware: Hardware
  readonly disk: Disk
  readonly data: string
  readonly detector: FaceDetector
  readonly log: Logger
  /** The agent is to stop: it finishes the running clip and sends what it can. */
  readonly signal: AbortSignal
  /** For how long after `signal` it may go on with that. Default 3500. */
  readonly graceMs?: number
  /** Each time it begins to work for a household. */
  readonly onPaired?: (household: Household) => void
}

/** What every state of the camera works with. */
export interface Life extends AgentOptions {
  readonly signs: Signs
  readonly finger: Finger
  readonly clock: HubTime
  readonly switches: Switches
  /** Made anew at every start. */
  readonly boot: string
}

/** What the recorder works with. */
export interface RecorderParts extends KeeperParts {
  readonly camera: Camera
  readonly live: LiveView
  readonly lamp: Lamp
  readonly detector: FaceDetector
  readonly config: Config
  readonly status: StatusReport
  readonly switches: Pick<Switches, 'now' | 'mayLook'>
}

/** Why a state has ended; what is on the disk says what comes next. */
export type Left =
  | { readonly why: 'stopped' | 'paired' | 'released' }
  | { readonly why: 'reset'; readonly newKey: boolean }

/** How hubs are asked in this state; what they sign of the time is heard. */
export function connecting(
  { clock }: Life,
  { signal }: { signal: AbortSignal },
): (address: HubAddress) => HubClient {
  return address => new HubClient(address, { signal, onTime: signed => clock.hear(signed) })
}

/** What pairing and resets ask of the board and the network. */
export function identityParts(life: Life, options: { signal: AbortSignal }): ResetParts {
  const { disk, data, hardware, log } = life
  // The hub of a code that is not proven yet may say any time: it is not heard.
  const connect = (address: HubAddress) => new HubClient(address, options)
  return { disk, data, keyStore: hardware.keyStore, log, connect }
}

/** What the lens sees, until the signal. */
export function sightsThrough({
  hardware,
  log,
}: Life): (options: { signal: AbortSignal }) => AsyncIterable<Sight> {
  return options => sightsOf(hardware.camera, log, options)
}
