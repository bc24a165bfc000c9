import { join } from 'node:path'
import { KeptHeads, type Refusal } from '../log/kept-heads.ts'
import { codeOf, errorTable, OwnlensError } from '../protocol/errors.ts'
import type { LogPosition } from '../protocol/log.ts'
import type { Status } from '../protocol/messages.ts'
import type { Statement } from '../protocol/statement.ts'
import { askConsistency, askLogHead } from '../wire/hub-log.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import type { HomeData } from './home-data.ts'
import type { Household } from './household.ts'

/**
 * Takes the newest head of the hub's log, if the log has grown out of what this app knows.
 *
 * @returns why not; that stops nothing else.
 */
export async function followLog(household: Household, tls: TlsIdentity): Promise<OwnlensError | undefined> {
  return refusalIn(async () => {
    const heads = await headsOf(household)
    await takeHead(household, tls, heads)
  })
}

/**
 * Whether the hub tells a camera the same story of its log as this app (PROTOCOL 10.3): the head that the camera says it was
 * shown must be a beginning of the one that this app is shown.
 *
 * @param said the camera's own status, opened and checked.
 * @returns why not, also when it could not be found out (`hub.unreachable`, `hub.busy`, `hub.failed`); that stops nothing else.
 */
export async function compareLog(
  household: Household,
  tls: TlsIdentity,
  said: Statement<Status>,
): Promise<OwnlensError | undefined> {
  const { log, deviceId } = said.payload
  if (log === null) return undefined
  return refusalIn(async () => {
    const { hub } = household
    const { caId } = hub.address
    const heads = await headsOf(household)
    // It may have looked after this app did.
    if (log.size > heads.sizeOf(caId)) await takeUncosigned(household, tls, heads)
    const shown = { size: log.size, root: new Uint8Array(Buffer.from(log.root, 'base64')) }
    const ask = (from: number, to: number) => askConsistency(hub, tls, from, to)
    await heads.compare(caId, shown, ask, { camera: deviceId, status: said.jws })
  })
}

/** What a person is told after every command while the hub's log is refused; undefined when it is not. */
export async function warningOfLog(data: HomeData): Promise<string | undefined> {
  try {
    const { refused } = await KeptHeads.open(data.disk, data.folder)
    return refused === null ? undefined : describeRefusal(refused, data.folder)
  } catch (error) {
    if (codeOf(error) !== 'log.kept') throw error
    return `WARNING: ${(error as OwnlensError).message} ${(error as OwnlensError).todo}\n`
  }
}

const MEANS: Readonly<Record<Refusal['code'], string>> = {
  'log.back':
    'The hub once showed entries that it does not show any more: something that happened is hidden.',
  'log.split': 'The hub tells this app and others, or today and before, different things that happened.',
  'log.other': 'The hub has put another log in the place of the one that this app knows.',
}

/** In plain words: what is wrong, what it means, what is safe, and what to do. */
export function describeRefusal({ code, at, evidence }: Refusal, folder: string): string {
  return [
    `WARNING: the hub’s log does not hold, found ${at.slice(0, 16).replace('T', ' ')} UTC (${code}).`,
    `  ${errorTable[code].says}`,
    `  ${MEANS[code]}`,
    '  Your clips stay closed to the hub: it never had a key. But do not rely on what it says of cameras, owners and blocks.',
    `  Both stories are kept in ${join(folder, evidence)}: show it to whoever runs the hub, or to a person you trust.`,
    '  `ownlens home log` says more. Once it is explained, `ownlens home log --accept` begins anew.',
    '',
  ].join('\n')
}

/** The head of the hub's log that this app holds, as a report names it; undefined without one, or where it cannot be read. */
export async function keptHead(
  household: Household,
): Promise<(LogPosition & { readonly checkpoint: string }) | undefined> {
  const { caId } = household.hub.address
  const heads = await headsOf(household).catch(() => undefined)
  const [held, position] = [heads?.kept(caId), heads?.position(caId)]
  return held && position ? { checkpoint: held.checkpoint, ...position } : undefined
}

/** A head that witnesses have not cosigned yet is kept, and can be compared, too. */
async function takeUncosigned(household: Household, tls: TlsIdentity, heads: KeptHeads): Promise<void> {
  try {
    await takeHead(household, tls, heads)
  } catch (error) {
    if (codeOf(error) !== 'log.witness') throw error
  }
}

/** Throws what refuses it. */
async function takeHead(household: Household, tls: TlsIdentity, heads: KeptHeads): Promise<void> {
  const { hub } = household
  const { caId } = hub.address
  const needed = Math.max(1, heads.witnesses.needed)
  await heads.take(caId, await askLogHead(hub, tls, heads.sizeOf(caId), needed))
}

function headsOf({ data }: Household): Promise<KeptHeads> {
  return KeptHeads.open(data.disk, data.folder)
}

async function refusalIn(work: () => Promise<void>): Promise<OwnlensError | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof OwnlensError) return error
    throw error
  }
}
