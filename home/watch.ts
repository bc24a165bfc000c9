import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { type Alert, alertKind, type Gap, gapKind, type Status, statusKind } from '../protocol/messages.ts'
import { openStatement } from '../protocol/sealed.ts'
import type { StatementKind } from '../protocol/statement.ts'
import { readTopic } from '../protocol/topics.ts'
import { connectBroker } from '../wire/mqtt.ts'
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

/**
 * Listens on the household's topics. What is not signed by a claimed camera, is of another epoch, or came before, is
 * refused and told as such. Resolves when the signal is aborted; rejects with `hub.unreachable` when the broker has gone.
 *
 * @param options.onReady called once it listens.
 */
export async function watchCameras(
  household: Household,
  ledger: Ledger,
  tell: (news: News) => void,
  options: { signal: AbortSignal; onReady?: () => void },
): Promise<void> {
  const { signal, onReady } = options
  const { tls, broker } = await household.enrol()
  const client = await connectBroker(broker, tls, { signal })
  let turn = Promise.resolve()
  client.on('message', (text, payload) => {
    // One after the other: counters are compared with the last one taken.
    turn = turn.then(async () => {
      try {
        const news = await readMessage(household, ledger, text, payload)
        if (news !== undefined) tell(news)
      } catch (error) {
        tell({ kind: 'refused', error: asOwn(error) })
      }
    })
  })
  const base = `ownlens/1/${household.id}/+/+`
  const topics = ['alert', 'status', 'gap', 'clip/+/end'].map(rest => `${base}/${rest}`)
  await client.subscribeAsync(topics, { qos: 1 })
  onReady?.()
  await new Promise<void>(resolve => client.once('close', resolve))
  await turn
  if (!signal.aborted) throw new OwnlensError('hub.unreachable', 'the broker has gone')
}

async function readMessage(
  household: Household,
  ledger: Ledger,
  text: string,
  payload: Uint8Array,
): Promise<News | undefined> {
  const topic = readTopic(text)
  if (topic === undefined || topic.householdId !== household.id) return undefined
  const { deviceId, epoch } = topic
  const claims = await household.claims()
  const newest = Math.max(...claims.filter(claim => claim.deviceId === deviceId).map(claim => claim.epoch))
  if (newest !== epoch) throw new OwnlensError('clip.claim')
  if (topic.kind === 'clip') return { kind: 'clip', deviceId, epoch, clipId: topic.clipId }

  const open = async <T extends Alert | Status | Gap>(kind: StatementKind<T>): Promise<T> => {
    const { payload: message } = await openStatement(kind, payload, household.identities, deviceId)
    const same =
      message.householdId === household.id && message.deviceId === deviceId && message.epoch === epoch
    if (!same) throw new OwnlensError('clip.envelope')
    await ledger.take({ deviceId, epoch }, kind.typ, message.boot, message.counter)
    return message
  }
  if (topic.kind === 'alert') return { kind: 'alert', message: await open(alertKind) }
  if (topic.kind === 'status') return { kind: 'status', message: await open(statusKind) }
  if (topic.kind === 'gap') return { kind: 'gap', message: await open(gapKind) }
  return undefined
}

function asOwn(error: unknown): OwnlensError {
  return codeOf(error) === undefined
    ? new OwnlensError('statement.form', undefined, { cause: error })
    : (error as OwnlensError)
}
