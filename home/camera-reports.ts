import { OwnlensError } from '../protocol/errors.ts'
import { type Status, statusKind } from '../protocol/messages.ts'
import { type CameraStatus, type Notice, noticesAnswer, statusesAnswer } from '../protocol/registrar.ts'
import { rosterKind } from '../protocol/roster.ts'
import { openStatement } from '../protocol/sealed.ts'
import { readStatement, type Statement } from '../protocol/statement.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { blockedNow, mustBeBefore } from './blocks.ts'
import { camerasOf, type HomeCamera, mustBeOf } from './cameras.ts'
import type { Household, RefusedStatement } from './household.ts'
import { compareLog } from './hub-log.ts'
import { type Orders, ordersFor } from './orders.ts'

/** What is known of one camera of this home. */
export interface CameraReport extends Orders {
  readonly camera: HomeCamera
  /** What the hub tells of it, oldest first. Only the hub says so. */
  readonly notices: readonly Notice[]
  /** Those of them since which the camera has not been heard of, and what goes on whatever it says. */
  readonly standing: readonly Notice[]
  /** What the camera itself said last, opened and checked; undefined when nothing has come. */
  readonly status: Status | undefined
  /** Members of earlier rosters to whom it may still seal: until it confirms the newest one. */
  readonly stillOpen: readonly string[]
}

/** A serial stays in dispute however well the camera works, and a rival stays a reason to look. */
const LASTING: ReadonlySet<Notice['kind']> = new Set(['serial', 'rival'])

/** All cameras of this home, with what the hub keeps for its members. Bad statuses are told apart and stop nothing. */
export async function reportCameras(
  household: Household,
  tls: TlsIdentity,
): Promise<{ reports: readonly CameraReport[]; refused: readonly RefusedStatement[] }> {
  const { id, hub } = household
  const { notices } = await hub.getJson(`/households/${id}/notices`, tls, noticesAnswer)
  const { statuses } = await hub.getJson(`/households/${id}/status`, tls, statusesAnswer)
  const rosters = await pastRosters(household)
  const reports: CameraReport[] = []
  const refused: RefusedStatement[] = []
  for (const camera of await camerasOf(household)) {
    const { deviceId, epoch } = camera
    const kept = statuses.find(one => one.deviceId === deviceId && one.epoch === epoch)
    const orders = await ordersFor(household, camera)
    let status: Status | undefined
    try {
      const said = kept && (await openStatus(household, camera, kept))
      status = said?.payload
      const trouble = said && (await compareLog(household, tls, said))
      if (trouble !== undefined) refused.push({ kind: 'log', error: trouble })
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
      refused.push({ kind: 'status', error })
    }
    const own = notices.filter(notice => notice.deviceId === deviceId)
    reports.push({
      ...{ camera, status, ...orders },
      notices: own.toSorted((a, b) => a.at.localeCompare(b.at)),
      standing: own.filter(({ kind, at }) => LASTING.has(kind) || at > (kept?.at ?? '')),
      stillOpen: orders.released ? [] : stillOpen(household, rosters, status?.roster),
    })
  }
  return { reports, refused }
}

/** The newest status of a camera, checked as one that comes while the app listens (PROTOCOL 7.2). */
export async function openStatus(
  household: Household,
  camera: HomeCamera,
  kept: CameraStatus,
): Promise<Statement<Status>> {
  const { deviceId, epoch } = camera
  const sealed = Buffer.from(kept.sealed, 'base64')
  const said = await openStatement(statusKind, sealed, household.identities, deviceId)
  const { payload } = said
  mustBeOf(camera, payload)
  mustBeBefore(await blockedNow(household), { deviceId, epoch, at: payload.at })
  return said
}

interface PastRoster {
  readonly number: number
  readonly members: readonly string[]
}

/** Every roster that this app has held: what was sealed to them was sealed to their members. */
async function pastRosters(household: Household): Promise<readonly PastRoster[]> {
  const texts = await household.data.archived('rosters')
  const read = texts.map(async text => {
    const { payload } = await readStatement(rosterKind, text, 'itself')
    return { number: payload.number, members: payload.members.map(({ memberId }) => memberId) }
  })
  return Promise.all(read)
}

/**
 * Who may open what a camera seals now, and is no member any more.
 *
 * @param seen the roster that the camera said it seals to; undefined when it has said nothing: then it may be any.
 */
function stillOpen(
  household: Household,
  rosters: readonly PastRoster[],
  seen: number | undefined,
): readonly string[] {
  const { number, members } = household.roster
  if (seen === number) return []
  // A higher one is none that this app knows: it may be anybody's who once had the root.
  const isKnown = seen !== undefined && seen < number
  const possible = rosters.filter(roster => !isKnown || roster.number === seen)
  const now = new Set(members.map(({ memberId }) => memberId))
  return [...new Set(possible.flatMap(roster => roster.members))].filter(id => !now.has(id))
}
