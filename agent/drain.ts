import type { MqttClient } from 'mqtt'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { kindOfPart, MESSAGE_MAX, readPart } from '../protocol/part.ts'
import { type DeviceAddress, writeTopic } from '../protocol/topics.ts'
import { publish } from '../wire/mqtt.ts'
import type { Acks } from './acks.ts'
import { Bell } from './bell.ts'
import type { Household } from './household.ts'
import type { LiveView } from './live.ts'
import type { Outbox } from './outbox.ts'
import type { OutboxItem } from './outbox-files.ts'

/** Parts that are under way at once: enough to fill a line, little enough to be fair. */
export const WINDOW = 16
const ACK_TIMEOUT_MS = 20_000

/** As `WINDOW`, while somebody watches: the picture comes between. */
const WATCHED_WINDOW = 2

/** One connection, and what goes over it. Clips of an earlier epoch leave under the topics of this one (PROTOCOL 4.4). */
interface Line {
  readonly outbox: Outbox
  readonly live: Pick<LiveView, 'watched'>
  readonly household: Household
  /** Counts what was refused, by code. */
  readonly refused: (error: unknown, where: string) => void
  /** How long the store's acknowledgement of a part is waited for. */
  readonly ackTimeoutMs?: number
  readonly client: MqttClient
  readonly acks: Acks
  readonly address: DeviceAddress
  readonly fetchRoster: () => Promise<void>
}

/** Publishes items as they come, `WINDOW` of them at once, until the signal; rejects with the first failure. */
export async function drain(line: Line, signal: AbortSignal, over: AbortController): Promise<never> {
  const underWay = new Set<OutboxItem>()
  const bell = new Bell()
  const unsubscribe = line.outbox.onChange(bell.ring)
  signal.addEventListener('abort', bell.ring, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const item =
        underWay.size < (line.live.watched ? WATCHED_WINDOW : WINDOW) ? line.outbox.next(underWay) : undefined
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
  if (acks.followHint(line.household.rosterNumber)) await line.fetchRoster()
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
