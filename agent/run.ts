import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { Hardware } from '../hardware/hardware.ts'
import type { FaceDetector } from '../models/face-detector.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import { gapKind } from '../protocol/messages.ts'
import { sealStatement } from '../protocol/sealed.ts'
import type { Disk } from '../storage/disk.ts'
import { HubClient } from '../wire/hub-client.ts'
import { record } from './agent.ts'
import type { Config } from './config.ts'
import { Household } from './household.ts'
import { Enrolment } from './identity/enrol.ts'
import { pairByFile } from './identity/pair-by-file.ts'
import { type LostClips, Outbox } from './outbox.ts'
import { publishOutbox } from './publisher.ts'
import { Sequence } from './sequence.ts'
import { StatusReport } from './status.ts'

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
  readonly onPaired?: (household: Household) => void
}

/**
 * The whole agent: who it belongs to, what it sealed and has not sent, the camera, the hub. Returns when it has stopped.
 *
 * @throws OwnlensError `household.damaged`, `sequence.damaged`, `keystore.*`, `pair.lens`: what only a person can mend.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { config, hardware, disk, data, detector, log, signal, graceMs = 3500 } = options
  const { clock, lamp, keyStore } = hardware
  await disk.makeFolder(data)
  const signer = await keyStore.signer()
  log.info({ deviceId: signer.id, detector: detector.runtime, camera: hardware.camera.name }, 'agent started')
  const household = await whose(options, signer.id)
  if (household === undefined) return
  options.onPaired?.(household)

  const boot = base32(randomBytes(16))
  const gaps: LostClips[] = []
  let tell = (lost: LostClips): void => void gaps.push(lost)
  const outbox = await Outbox.open(disk, data, { maxBytes: config.outbox.maxBytes, lost: lost => tell(lost) })
  const sequence = await Sequence.open(disk, data, household.claim.epoch)
  const status = new StatusReport({ household, outbox, signer, boot, clock, name: config.name })
  let gapCounter = 0
  tell = ({ epoch, from, to, cause }) => {
    const { envelope, recipients } = household.membership()
    // Numbers of an earlier epoch mean other clips in this one.
    if (epoch !== envelope.epoch) return
    const at = new Date(clock.now()).toISOString()
    const gap = { ...envelope, boot, counter: ++gapCounter, at, from, to, cause }
    sealStatement(gapKind, gap, signer, recipients)
      .then(sealed => outbox.putMessage('gap', sealed))
      .catch(error => log.error({ code: codeOf(error) }, 'gap not told'))
  }
  for (const lost of gaps) tell(lost)
  const refused = (error: unknown, where: string) => {
    status.refuse(error)
    log.warn({ code: codeOf(error), where, cause: (error as Error).message }, 'refused')
  }

  const grace = new AbortController()
  const publishing = new AbortController()
  const hurry = () => setTimeout(() => grace.abort(), graceMs).unref()
  if (signal.aborted) hurry()
  else signal.addEventListener('abort', hurry, { once: true })
  const enrolment = new Enrolment({ disk, data, signer, boot })
  const hub = new HubClient(household.claim.hub, { signal: publishing.signal })
  const published = publishOutbox(
    { hub, household, enrolment, outbox, status, log, refused },
    { signal: publishing.signal },
  )
  const { camera, encoder } = hardware
  const keeper = { encoder, clock, household, signer, outbox, sequence, boot, log }
  try {
    await record({ ...keeper, camera, lamp, detector, config, status }, { signal, grace: grace.signal })
    await outbox.drained({ signal: grace.signal })
  } finally {
    publishing.abort()
    await published
    lamp.show('off')
    log.info({ clips: outbox.clips }, 'agent stopped')
  }
}

/** The camera's household; an unpaired one waits for it, until the signal. */
async function whose(
  { disk, data, hardware, log, signal }: AgentOptions,
  deviceId: string,
): Promise<Household | undefined> {
  const known = await Household.load(disk, data, deviceId)
  if (known !== undefined) return known
  hardware.lamp.show('unpaired')
  if (hardware.pairsByFile) return pairByFile({ disk, data, keyStore: hardware.keyStore, log }, { signal })
  throw new OwnlensError('pair.lens')
}
