import { codeOf } from '../protocol/errors.ts'
import type { HubClient } from '../wire/hub-client.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { record } from './agent.ts'
import { Commands } from './commands.ts'
import { gapTeller } from './gaps.ts'
import type { Household } from './household.ts'
import { Enrolment } from './identity/enrol.ts'
import { LogHead } from './identity/log-head.ts'
import { connecting, type Left, type Life } from './life.ts'
import { LiveView } from './live.ts'
import { obey } from './obey.ts'
import { type LostClips, Outbox } from './outbox.ts'
import { publishOutbox } from './publisher.ts'
import { Rereading } from './rereading.ts'
import type { Sequence } from './sequence.ts'
import { StatusReport } from './status.ts'
import { keepTelling } from './unpaired.ts'

/**
 * A camera that belongs to a household: recorder and publisher side by side, until it is told to stop, let go, reset or
 * repaired. A press of the button interrupts the recorder, and the lens reads codes of its own root.
 */
export async function liveOwned(life: Life, household: Household, sequence: Sequence): Promise<Left> {
  const { config, hardware, disk, data, detector, log, boot, signs, finger, clock, switches } = life
  const { graceMs = 3500 } = life
  const { camera, encoder, keyStore } = hardware
  const signer = await keyStore.signer()
  const gaps: LostClips[] = []
  let tell = async (lost: LostClips): Promise<void> => void gaps.push(lost)
  const outbox = await Outbox.open(disk, data, { maxBytes: config.outbox.maxBytes, lost: lost => tell(lost) })
  const logHead = await LogHead.open(disk, data, () => clock.now())
  const reported = { household, outbox, signer, boot, clock, name: config.name, log: logHead }
  const status = new StatusReport(reported)
  tell = gapTeller({ household, signer, boot, clock, outbox, log })
  for (const lost of gaps) await tell(lost).catch(() => undefined)
  const refused = (error: unknown, where: string) => {
    status.refuse(error)
    log.warn({ code: codeOf(error), where, cause: (error as Error).message }, 'refused')
  }

  let left: Left = { why: 'stopped' }
  const over = new AbortController()
  const leave = (why: Left) => {
    if (!over.signal.aborted) left = why
    over.abort()
  }
  const signal = AbortSignal.any([life.signal, over.signal])
  const grace = new AbortController()
  const publishing = new AbortController()
  const hurry = () => setTimeout(() => grace.abort(), graceMs).unref()
  if (signal.aborted) hurry()
  else signal.addEventListener('abort', hurry, { once: true })
  const { x25519, hybrid } = await keyStore.ageIdentities()
  const commands = new Commands({ household, identities: [x25519, hybrid], boot, clock })
  const live = new LiveView({ encoder, clock, household, signer, boot, log })
  const command = obey(commands, { live, status, log })
  const enrolment = new Enrolment({ disk, data, signer, boot })
  const followLog = (hub: HubClient, tls: TlsIdentity) => logHead.follow(hub, tls)
  const connect = connecting(life, { signal: publishing.signal })
  const trouble = (code: string | null) => {
    if (code !== null) log.warn({ code }, 'the hub takes nothing of this camera: recording goes on')
    signs.trouble(code !== null)
    status.trouble(code)
  }
  const published = publishOutbox(
    {
      connect,
      household,
      signer,
      enrolment,
      outbox,
      status,
      followLog,
      command,
      live,
      log,
      refused,
      trouble,
    },
    { signal: publishing.signal },
  ).then(end => {
    if (end === 'released') leave({ why: 'released' })
  })
  const telling = keepTelling(life, publishing.signal)
  const rereading = new Rereading(life, household, { signal, onRepaired: () => leave({ why: 'paired' }) })
  const detach = finger.attach({
    onShort: () => rereading.press(),
    onHold: ({ newKey }) => leave({ why: 'reset', newKey }),
  })
  // What is pressed while the recorder finishes is for the state that comes next.
  over.signal.addEventListener('abort', detach, { once: true })
  const keeper = { live, encoder, clock, household, signer, outbox, sequence, boot, log }
  try {
    await rereading.begin()
    for (let worked = false; !signal.aborted; worked = true) {
      const recording = AbortSignal.any([signal, rereading.nextPress])
      const options = { signal: recording, grace: grace.signal, worked }
      await record({ ...keeper, camera, lamp: signs, detector, config, status, switches }, options)
      if (!recording.aborted) break
      await rereading.done()
    }
    // Nobody stops for a household that is to be forgotten.
    if (left.why === 'stopped') await outbox.drained({ signal: grace.signal })
  } finally {
    detach()
    over.abort()
    live.close()
    publishing.abort()
    await rereading.end()
    await Promise.all([published, telling])
    if (left.why === 'paired') await LogHead.forget(disk, data)
    signs.trouble(false)
    log.info({ clips: outbox.clips, why: left.why }, 'recording has ended')
  }
  return left
}
