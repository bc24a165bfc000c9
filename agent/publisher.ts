import { setMaxListeners } from 'node:events'
import type { MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import { z } from 'zod'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { jws } from '../protocol/fields.ts'
import { kindOfPart, MESSAGE_MAX, readPart } from '../protocol/part.ts'
import { type DeviceAddress, writeTopic } from '../protocol/topics.ts'
import type { HubClient } from '../wire/hub-client.ts'
import { connectBroker, publish } from '../wire/mqtt.ts'
import { Acks } from './acks.ts'
import { Bell } from './bell.ts'
import type { Household } from './household.ts'
import type { Enrolment } from './identity/enrol.ts'
import type { Outbox } from './outbox.ts'
import type { OutboxItem } from './outbox-files.ts'
import type { StatusReport } from './status.ts'

export interface PublisherParts {
  readonly hub: HubClient
  readonly household: Household
  readonly enrolment: Enrolment
  readonly outbox: Outbox
  readonly status: StatusReport
  readonly log: Logger
  /** Counts what was refused, by code. */
  readonly refused: (error: unknown, where: string) => void
  /** How long the store's acknowledgement of a part is waited for. */
  readonly ackTimeoutMs?: number
}

/** Parts that are under way at once: enough to fill a line, little enough to be fair. */
const WINDOW = 16
const ACK_TIMEOUT_MS = 20_000
/** A connection that lasted for so long was a good one: the next attempt comes soon. */
const LASTED_MS = 60_000
const ROSTER_MS = 60_000
/** Why a session ends when nothing is wrong. */
const RENEW = new Error('the certificate is half-way through its life')
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000, 15_000]

const rosterAnswer = z.strictObject({ roster: jws, successions: z.array(jws).max(64) })

/**
 * Drains the outbox for as long as the agent runs: connect, publish oldest first, forget what the store has acknowledged,
 * and come back whenever the hub has gone. Never throws; recording does not know whether it runs.
 */
export async function publishOutbox(
  parts: PublisherParts,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { log, enrolment, refused } = parts
  let failures = 0
  while (!signal.aborted) {
    const started = performance.now()
    try {
      await session(parts, signal)
      failures = 0
      continue
    } catch (error) {
      if (signal.aborted) return
      if (performance.now() - started > LASTED_MS) failures = 0
      // A hub that cannot be reached refuses nothing. Anything else — a refused certificate, a missing
      // acknowledgement — asks the registrar anew (PROTOCOL 6.6).
      if (codeOf(error) !== 'hub.unreachable') {
        refused(error, 'publish')
        enrolment.forget()
      }
    }
    const wait = (BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)] ?? 0) * (0.75 + Math.random() / 2)
    log.info({ waitMs: Math.round(wait) }, 'hub gone, trying again')
    await pause(wait, signal)
  }
}

/** One connection, from certificate to its end. Returns when the certificate is to be renewed; else throws its cause. */
async function session(parts: PublisherParts, signal: AbortSignal): Promise<void> {
  const { hub, household, enrolment, status, log, refused } = parts
  const { tls, hub: hello } = await enrolment.identity(hub, household)
  const address = household.membership().envelope
  const fetchRoster = async () => {
    const answer = await hub.getJson(`/households/${address.householdId}/roster`, tls, rosterAnswer)
    const taken = await household
      .takeRoster(answer.roster, answer.successions)
      .catch(error => refused(error, 'roster'))
    if (taken !== true) return
    log.info({ roster: household.rosterNumber }, 'roster taken')
    status.changed()
  }
  await fetchRoster()

  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  // Each part under way waits for it.
  setMaxListeners(WINDOW + 16, either)
  const client = await connectBroker(hello.broker, tls, { signal })
  client.once('close', () => over.abort(new OwnlensError('hub.unreachable', 'the broker has gone')))
  const renewal = setTimeout(() => over.abort(RENEW), Math.max(1000, enrolment.renewInMs))
  try {
    const acks = new Acks(address.deviceId, hello.hubKeyId)
    client.on('message', (_topic, message) => {
      acks.take(message).catch(error => refused(error, 'ack'))
    })
    await client.subscribeAsync(writeTopic({ ...address, kind: 'ack' }), { qos: 1 })
    log.info({ broker: hello.broker }, 'connected')
    await Promise.all([
      drain({ ...parts, client, acks, address, fetchRoster }, either, over),
      status.run(sealed => publish(client, writeTopic({ ...address, kind: 'status' }), sealed), {
        signal: either,
      }),
      keepAsking(fetchRoster, either),
    ])
  } catch (error) {
    if (error !== RENEW) throw error
    enrolment.forget()
  } finally {
    clearTimeout(renewal)
    over.abort()
    client.end(true)
  }
}

/** Asks for the roster now and then: whoever was taken out of it should not get the next clip of a quiet day. */
async function keepAsking(fetchRoster: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(ROSTER_MS * (0.75 + Math.random() / 2), signal)
    signal.throwIfAborted()
    await fetchRoster()
  }
}

interface Line extends PublisherParts {
  readonly client: MqttClient
  readonly acks: Acks
  readonly address: DeviceAddress
  readonly fetchRoster: () => Promise<void>
}

/** Publishes items as they come, `WINDOW` of them at once, until the signal; rejects with the first failure. */
async function drain(line: Line, signal: AbortSignal, over: AbortController): Promise<never> {
  const underWay = new Set<OutboxItem>()
  const bell = new Bell()
  const unsubscribe = line.outbox.onChange(bell.ring)
  signal.addEventListener('abort', bell.ring, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const item = underWay.size < WINDOW ? line.outbox.next(underWay) : undefined
      if (item === undefined) {
        await bell.wait()
        continue
      }
      underWay.add(item)
      send(line, item, signal)
        .catch(error => over.abort(error))
        .finally(() => {
          underWay.delete(item)
          bell.ring()
        })
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', bell.ring)
  }
}

async function send(line: Line, item: OutboxItem, signal: AbortSignal): Promise<void> {
  const { client, outbox, acks, address } = line
  const read = await readItem(line, item)
  if (read === undefined) return
  if (item.kind !== 'part') {
    await publish(client, writeTopic({ ...address, kind: item.kind }), read.bytes)
    return outbox.remove(item)
  }
  const { clipId } = item.clip
  const expected = { clipId, part: item.part, sha256: read.sha256 }
  const acknowledged = acks.wait(expected, { signal, timeoutMs: line.ackTimeoutMs ?? ACK_TIMEOUT_MS })
  acknowledged.catch(() => undefined)
  await publish(client, writeTopic({ ...address, kind: 'clip', clipId, part: item.part }), read.bytes)
  await acknowledged
  await outbox.remove(item)
  if (acks.rosterHint > line.household.rosterNumber) {
    acks.rosterHint = 0
    await line.fetchRoster()
  }
}

/** Undefined when there is nothing to send: it gave way, or the disk has spoilt it, which must not hold up the rest. */
async function readItem(
  { outbox, refused }: Line,
  item: OutboxItem,
): Promise<{ bytes: Uint8Array; sha256: string } | undefined> {
  try {
    const bytes = await outbox.read(item)
    if (bytes === undefined) {
      await outbox.remove(item)
      return undefined
    }
    if (item.kind === 'part') {
      const part = readPart(bytes)
      if (part.kind !== kindOfPart(item.part)) throw new OwnlensError('part.frame', item.part)
      return { bytes, sha256: part.sha256 }
    }
    if (bytes.length === 0 || bytes.length > MESSAGE_MAX) throw new OwnlensError('part.size', item.kind)
    return { bytes, sha256: '' }
  } catch (error) {
    const spoilt = codeOf(error)?.startsWith('part.') || (error as NodeJS.ErrnoException).code === 'EIO'
    if (!spoilt) throw error
    refused(error, 'outbox')
    await outbox.removeSpoilt(item)
    return undefined
  }
}

/** Waits; an abort ends the wait early without an error. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
