import { OwnlensError } from '../../protocol/errors.ts'
import type { RequestBody } from '../../protocol/registrar.ts'
import { payloadOf } from './facts.ts'
import type { FaultName } from './faults.ts'
import type { Hub } from './hub.ts'

type Ask = (householdId: string | null, body: RequestBody) => Promise<unknown>
type Repair = (hub: Hub, householdId: string, body: RequestBody, error: unknown) => Promise<boolean>

const NEVER = '9999-01-01T00:00:00.000Z'

/** What a faulty registrar does once the real one has answered or refused; true: it takes what was refused. */
const REPAIRS: Partial<Record<FaultName, Repair>> = {
  async 'registrar skips compare-and-swap'(hub, householdId, body, error) {
    if (body.action !== 'claim' || !refused(error, 'claim.epoch')) return false
    await force(hub, householdId, body.claim)
    return true
  },
  async 'registrar frees a camera at its reset'(hub, householdId, body, error) {
    if (body.action !== 'claim' || !refused(error, 'claim.owned')) return false
    await force(hub, householdId, body.claim)
    return true
  },
  async 'registrar forgets objections'({ database }, _, body) {
    if (body.action === 'object') await database.updateTable('claims').set({ objected_until: null }).execute()
    return false
  },
  async 'registrar forgets blocks'({ database }, _, body) {
    if (body.action === 'block') await database.updateTable('blocks').set({ blocked: 0 }).execute()
    return false
  },
  async 'registrar keeps certificates over a claim'({ database }, _, body) {
    if (body.action !== 'claim') return false
    const { deviceId } = payloadOf<{ deviceId: string }>(body.claim)
    await database
      .updateTable('certificates')
      .set({ superseded_at: null })
      .where('owner', '=', deviceId)
      .execute()
    return false
  },
  async 'registrar takes any member’s order'(_hub, _householdId, body, error) {
    return body.action === 'block' && refused(error, 'statement.signer')
  },
  async 'registrar takes anybody’s roster'({ database }, household_id, body, error) {
    if (body.action !== 'roster' || !refused(error, 'statement.signer', 'hub.household', 'roster.household'))
      return false
    const { number } = payloadOf<{ number: number }>(body.roster)
    await database
      .updateTable('households')
      .set({ roster: body.roster, roster_number: number })
      .where('household_id', '=', household_id)
      .execute()
    return true
  },
  async 'mailboxes never grow old'({ database }) {
    await database.updateTable('mailboxes').set({ until: NEVER }).execute()
    return false
  },
  async 'a used mailbox opens again'({ database }) {
    await database
      .updateTable('mailboxes')
      .set({ state: 'open', half: null, half_hash: null, device_id: null, reveal: null })
      .where('state', '<>', 'open')
      .execute()
    return false
  },
}

/** Writes a claim down as if it had been taken. */
async function force({ database }: Hub, household_id: string, claim: string): Promise<void> {
  const { deviceId: device_id, epoch } = payloadOf<{ deviceId: string; epoch: number }>(claim)
  const fresh = { released: null, reset_at: null, objected_until: null }
  const row = { device_id, epoch, household_id, claim, registered_at: NEVER, ...fresh }
  await database.deleteFrom('claims').where('device_id', '=', device_id).where('epoch', '=', epoch).execute()
  await database.insertInto('claims').values(row).execute()
  await database
    .updateTable('devices')
    .set({ household_id, epoch })
    .where('device_id', '=', device_id)
    .execute()
}

const refused = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof OwnlensError && codes.includes(error.code)

/** Puts the fault around the hub's answers. */
export function withFault(hub: Hub, fault: FaultName | undefined, ask: Ask): Ask {
  const repair = fault && REPAIRS[fault]
  if (fault === 'registrar keeps a removed member') return keepingMembers(hub, ask)
  if (repair === undefined) return ask
  return async (householdId, body) => {
    let refusal: unknown
    const answer = await ask(householdId, body).catch(error => {
      refusal = error
    })
    const takes = await repair(hub, householdId ?? '', body, refusal)
    if (refusal !== undefined && !takes) throw refusal
    return answer ?? { ok: true }
  }
}

function keepingMembers(hub: Hub, ask: Ask): Ask {
  return async (householdId, body) => {
    const { database } = hub
    const before = await database.selectFrom('members').selectAll().execute()
    const answer = await ask(householdId, body)
    for (const row of before)
      await database
        .insertInto('members')
        .values(row)
        .onConflict(conflict => conflict.doNothing())
        .execute()
    return answer
  }
}

/** After every enrolment, whatever became of it. */
export async function afterEnrolment(
  { database }: Hub,
  fault: FaultName | undefined,
  owner: string,
): Promise<void> {
  if (fault === 'registrar lets two certificates of a device count')
    await database
      .updateTable('certificates')
      .set({ superseded_at: null })
      .where('owner', '=', owner)
      .execute()
  if (fault === 'registrar never sees a clone')
    await database.updateTable('devices').set({ cloned: 0, held: 0, boots: '[]' }).execute()
}
