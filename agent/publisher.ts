import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'

import { codeOf, type ErrorCode, OwnlensError } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import { rosterAnswer } from '../protocol/registrar.ts'
import { writeTopic } from '../protocol/topics.ts'
import { sameHub } from '../wire/hub-address.ts'
import type { HubAddress, HubClient } from '../wire/hub-client.ts'
import { connectBroker, publish, publishLive, subscribe } from '../wire/mqtt.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { Acks } from './acks.ts'
import { drain, WINDOW } from './drain.ts'
import type { Household } from './household.ts'
import type { Enrolment } from './identity/enrol.ts'
import { isReleased, isStanding } from './identity/standing.ts'
import type { LiveView } from './live.ts'
import type { Outbox } from './outbox.ts'
import { HUB_GONE_MS, jittered, pause, STANDING_MS, waitAfter } from './pause.ts'
import type { StatusReport } from './status.ts'

export interface PublisherParts {
  readonly connect: (address: HubAddress) => HubClient
  readonly household: Household
  readonly signer: Signer
  readonly enrolment: Enrolment
  readonly outbox: Outbox
  readonly status: StatusReport
  /** Looks whether the hub's log still holds, before anything is sent. Throws what refuses it; that stops nothing. */
  readonly followLog: (hub: HubClient, tls: TlsIdentity) => Promise<void>
  readonly log: Logger
  /** Counts what was refused, by code. */
  readonly refused: (error: unknown, where: string) => void
  /** Takes what came on the camera's command topic. Throws what refuses it. */
  readonly command: (sealed: Uint8Array) => Promise<void>
  /** Has the line while there is one. While it is watched, a backlog leaves it room. */
  readonly live: Pick<LiveView, 'line' | 'watched'>
  /** What the registrar has against this camera, while that lasts; null when it takes it again. */
  readonly trouble: (code: ErrorCode | null) => void
  /** How long the store's acknowledgement of a part is waited for. */
  readonly ackTimeoutMs?: number
  /** How often the hub that should be used is looked for while another one is. */
  readonly firstMs?: number
}

/** A connection that lasted for so long was a good one: the next attempt comes soon. */
const LASTED_MS = 60_000
const ROSTER_MS = 60_000
/** Why a session ends when nothing is wrong. */
const RENEW = new Error('the certificate is half-way through its life')
const MOVED = new Error('the hub is elsewhere now')

/** Why publishing has ended. */
export type PublishingEnd = 'stopped' | 'released'

/**
 * Drains the outbox for as long as the agent runs: connect, publish oldest first, forget what the store has acknowledged,
 * and come back whenever the hub has gone. Where the root has named several hubs, the first that answers is used. Never throws;
 * recording does not know whether it runs.
 *
 * @returns `released` when the root has let the camera go.
 */
export async function publishOutbox(
  parts: PublisherParts,
  { signal }: { signal: AbortSignal },
): Promise<PublishingEnd> {
  const { log, enrolment, household, refused, connect } = parts
  let failures = 0
  let at = 0
  while (!signal.aborted) {
    const started = performance.now()
    const hub = connect(household.hubs[at] ?? household.claim.hub)
    let waits = HUB_GONE_MS
    try {
      await session(parts, hub, signal)
      failures = 0
      continue
    } catch (error) {
      if (signal.aborted) break
      if (performance.now() - started > LASTED_MS) failures = 0
      if (error === MOVED) {
        at = 0
        log.info('the hub has moved')
        continue
      }
      const code = codeOf(error)
      // A hub that cannot be reached refuses nothing. Anything else — a refused certificate, a missing
      // acknowledgement — asks the registrar anew (PROTOCOL 6.6).
      if (code !== 'hub.unreachable') {
        refused(error, 'publish')
        enrolment.forget()
      }
      if (isStanding(code)) {
        if (await letGo(parts, hub)) return 'released'
        parts.trouble(code)
        waits = STANDING_MS
      }
      at = (at + 1) % household.hubs.length
      if (at > 0) continue
    }
    const wait = jittered(waitAfter(failures++, waits))
    log.info({ waitMs: Math.round(wait) }, 'hub gone, trying again')
    await pause(wait, signal)
  }
  return 'stopped'
}

/** Whether the root has let the camera go. A hub that does not tell, or tells something that does not hold, changes nothing. */
async function letGo({ signer, household, refused }: PublisherParts, hub: HubClient): Promise<boolean> {
  try {
    return await isReleased(hub, signer, household)
  } catch (error) {
    if (codeOf(error) !== 'hub.unreachable') refused(error, 'release')
    return false
  }
}

/** One connection, from certificate to its end. Returns when the certificate is to be renewed; else throws its cause. */
async function session(parts: PublisherParts, at: HubClient, signal: AbortSignal): Promise<void> {
  const { household, enrolment, status, log, refused } = parts
  const { tls, hub: hello } = await enrolment.identity(at, household)
  const address = household.membership().envelope
  const over = new AbortController()
  const fetchRoster = async () => {
    const answer = await at.getJson(`/households/${address.householdId}/roster`, tls, rosterAnswer)
    const taken = await household
      .takeRoster(answer.roster, answer.successions)
      .catch(error => refused(error, 'roster'))
    if (taken === true) {
      log.info({ roster: household.rosterNumber }, 'roster taken')
      status.changed()
    }
    if (answer.move === null) return
    const moved = await household.takeMove(answer.move).catch(error => refused(error, 'move'))
    if (moved === true && !isFirst(household, at)) over.abort(MOVED)
  }
  // A log that lies keeps no camera from sending to its own home.
  await parts.followLog(at, tls).catch(error => {
    if (codeOf(error) !== 'hub.unreachable') refused(error, 'log')
  })
  await fetchRoster()
  over.signal.throwIfAborted()

  const either = AbortSignal.any([signal, over.signal])
  // Each part under way waits for it.
  setMaxListeners(WINDOW + 16, either)
  const client = await connectBroker(hello.broker, tls, { signal })
  client.once('close', () => over.abort(new OwnlensError('hub.unreachable', 'the broker has gone')))
  const renewal = setTimeout(() => over.abort(RENEW), Math.max(1000, enrolment.renewInMs))
  try {
    const acks = new Acks(address.deviceId, hello.hubKeyId)
    const commandTopic = writeTopic({ ...address, kind: 'command' })
    client.on('message', (topic, message) => {
      if (topic === commandTopic) parts.command(message).catch(error => refused(error, 'command'))
      else acks.take(message).catch(error => refused(error, 'ack'))
    })
    await subscribe(client, writeTopic({ ...address, kind: 'ack' }))
    await subscribe(client, commandTopic)
    parts.live.line((session, message) =>
      publishLive(client, writeTopic({ ...address, kind: 'live', session }), message),
    )
    parts.trouble(null)
    log.info({ broker: hello.broker }, 'connected')
    await Promise.all([
      drain({ ...parts, client, acks, address, fetchRoster }, either, over),
      status.run(sealed => publish(client, writeTopic({ ...address, kind: 'status' }), sealed), {
        signal: either,
      }),
      keepAsking(fetchRoster, either),
      ...(isFirst(household, at) ? [] : [lookForFirst(parts, either, over)]),
    ])
  } catch (error) {
    if (error !== RENEW) throw error
    enrolment.forget()
  } finally {
    clearTimeout(renewal)
    over.abort()
    parts.live.line(undefined)
    client.end(true)
  }
}

function isFirst({ hubs }: Household, at: HubClient): boolean {
  return hubs[0] !== undefined && sameHub(hubs[0], at.address)
}

/** Ends the session as soon as the hub that should be used answers. */
async function lookForFirst(
  { household, connect, signer, firstMs = ROSTER_MS }: PublisherParts,
  signal: AbortSignal,
  over: AbortController,
): Promise<void> {
  for (;;) {
    await pause(firstMs, signal)
    signal.throwIfAborted()
    const [first = household.claim.hub] = household.hubs
    const answers = await connect(first)
      .nonce(signer.id)
      .then(
        () => true,
        () => false,
      )
    if (answers) over.abort(MOVED)
  }
}

/** Asks for the roster now and then: whoever was taken out of it should not get the next clip of a quiet day. */
async function keepAsking(fetchRoster: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(jittered(ROSTER_MS), signal)
    signal.throwIfAborted()
    await fetchRoster()
  }
}
