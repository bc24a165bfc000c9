import { setTimeout as sleep } from 'node:timers/promises'
import type { Claim } from '../protocol/claim.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { type Alert, alertKind, type Gap, gapKind, type Status, statusKind } from '../protocol/messages.ts'
import { openStatement } from '../protocol/sealed.ts'
import type { StatementKind } from '../protocol/statement.ts'
import { readTopic, type Topic } from '../protocol/topics.ts'
import { connectBroker } from '../wire/mqtt.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { blockedNow, mustBeBefore } from './blocks.ts'
import type { Household } from './household.ts'
import type { Ledger } from './ledger.ts'

/** What a household hears of its cameras while it listens. */
export type News =
  | { readonly kind: 'alert'; readonly message: Alert }
  | { readonly kind: 'status'; readonly message: Status }
  | { readonly kind: 'gap'; readonly message: Gap }
  /** A clip's last part went by: it can be opened now. */
  | { readonly kind: 'clip'; readonly deviceId: string; readonly epoch: number; readonly clipId: string }
  | { readonly kind: 'refused'; readonly error: OwnlensError }
  /** The hub went; it is tried again until it is back. */
  | { readonly kind: 'gone'; readonly error: OwnlensError }
  | { readonly kind: 'listening' }

const AGAIN_MIN_MS = 500
const AGAIN_MAX_MS = 15_000

/**
 * Listens on the household's topics. What is not signed by a claimed camera, is of another epoch, or came before, is
 * refused and told as such. A hub that goes, or ends the session with its certificate, is connected again. Resolves when the
 * signal is aborted.
 *
 * @throws OwnlensError what no waiting mends, for example `enrol.member`.
 */
export async function watchCameras(
  household: Household,
  ledger: Ledger,
  tell: (news: News) => void,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  let waitMs = AGAIN_MIN_MS
  let first = true
  while (!signal.aborted) {
    try {
      await listen(household, ledger, tell, {
        signal,
        onReady: () => {
          tell({ kind: 'listening' })
          waitMs = AGAIN_MIN_MS
          first = false
        },
      })
    } catch (error) {
      if (signal.aborted) return
      // At the start the person is still there to mend it.
      if (first || !(error instanceof OwnlensError) || !error.retry) throw error
      tell({ kind: 'gone', error })
    }
    await sleep(waitMs * (1 - Math.random() / 4), undefined, { signal }).catch(() => undefined)
    waitMs = Math.min(2 * waitMs, AGAIN_MAX_MS)
  }
}

/** One session. Rejects with `hub.unreachable` when the broker has gone. */
async function listen(
  household: Household,
  ledger: Ledger,
  tell: (news: News) => void,
  { signal, onReady }: { signal: AbortSignal; onReady: () => void },
): Promise<void> {
  const { tls, broker } = await household.enrol()
  const client = await connectBroker(broker, tls, { signal })
  const closed = new Promise<void>(resolve => client.once('close', resolve))
  let turn = Promise.resolve()
  let failure: unknown
  client.on('message', (text, payload) => {
    // One after the other: counters are compared with the last one taken.
    turn = turn.then(async () => {
      try {
        const news = await readMessage(household, ledger, tls, text, payload)
        if (news !== undefined) tell(news)
      } catch (error) {
        // This machine's own trouble, such as a full disk, is no fault of a message's.
        if ((error as NodeJS.ErrnoException).syscall === undefined)
          return tell({ kind: 'refused', error: asOwn(error) })
        failure ??= error
        client.end(true)
      }
    })
  })
  const base = `ownlens/1/${household.id}/+/+`
  const topics = ['alert', 'status', 'gap', 'clip/+/end'].map(rest => `${base}/${rest}`)
  const subscribed = client.subscribeAsync(topics, { qos: 1 })
  subscribed.catch(() => undefined)
  await Promise.race([subscribed, closed])
  if (client.connected) onReady()
  await closed
  await turn
  if (failure !== undefined) throw failure
  if (!signal.aborted) throw new OwnlensError('hub.unreachable', 'the broker has gone')
}

async function readMessage(
  household: Household,
  ledger: Ledger,
  tls: TlsIdentity,
  text: string,
  payload: Uint8Array,
): Promise<News | undefined> {
  const topic = readTopic(text)
  if (topic === undefined || topic.householdId !== household.id) return undefined
  const { deviceId, epoch } = topic
  const claims = await claimsFor(household, tls, topic)
  if (topic.kind === 'clip') return { kind: 'clip', deviceId, epoch, clipId: topic.clipId }

  const open = async <T extends Alert | Status | Gap>(kind: StatementKind<T>): Promise<T> => {
    const { payload: message } = await openStatement(kind, payload, household.identities, deviceId)
    // A camera that was repaired sends what it recorded before under the topics of its newest epoch.
    const claimed = claims.some(claim => claim.epoch === message.epoch && message.epoch <= epoch)
    const same = message.householdId === household.id && message.deviceId === deviceId
    if (!same || !claimed) throw new OwnlensError('clip.envelope')
    mustBeBefore(await blockedNow(household), { deviceId, epoch: message.epoch, at: message.at })
    await ledger.take({ deviceId, epoch: message.epoch }, kind.typ, message.boot, message.counter)
    return message
  }
  if (topic.kind === 'alert') return { kind: 'alert', message: await open(alertKind) }
  if (topic.kind === 'status') return { kind: 'status', message: await open(statusKind) }
  if (topic.kind === 'gap') return { kind: 'gap', message: await open(gapKind) }
  return undefined
}

/** The home's claims on the topic's camera, the newest of which is of the topic's epoch. Throws `clip.claim`. */
async function claimsFor(
  household: Household,
  tls: TlsIdentity,
  { deviceId, epoch }: Topic,
): Promise<readonly Claim[]> {
  for (const look of ['held', 'asked']) {
    // Another machine of the home may have paired or repaired it a moment ago.
    if (look === 'asked') await household.refreshClaims(tls)
    const claims = (await household.claims()).filter(claim => claim.deviceId === deviceId)
    if (Math.max(...claims.map(claim => claim.epoch)) === epoch) return claims
  }
  throw new OwnlensError('clip.claim')
}

function asOwn(error: unknown): OwnlensError {
  return codeOf(error) === undefined
    ? new OwnlensError('statement.form', undefined, { cause: error })
    : (error as OwnlensError)
}
