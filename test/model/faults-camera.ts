import { Household } from '../../agent/household.ts'
import type { answerCode, Bound } from '../../agent/identity/answer.ts'
import type { Pending } from '../../agent/identity/pending.ts'
import type { ResetParts } from '../../agent/identity/reset.ts'
import type { Claim } from '../../protocol/claim.ts'
import type { Recipients } from '../../protocol/fields.ts'
import { readInvitation, writeInvitation } from '../../protocol/invitation.ts'
import { mailboxOf } from '../../protocol/pairing.ts'
import { acceptRoster, type Roster, rosterKind } from '../../protocol/roster.ts'
import { readStatement } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'
import type { Camera } from './camera.ts'
import { payloadOf } from './facts.ts'
import { DATA } from './knock.ts'

/** How a faulty camera answers a code: what its own code is asked with. */
export async function badAnswer(
  camera: Camera,
  bound: Bound | undefined,
  text: string,
): Promise<Parameters<typeof answerCode>> {
  const { world, keys } = camera
  const parts = camera.parts()
  if (world.has('device answers another home’s code while owned')) return [parts, undefined, text]
  if (world.has('device believes the registrar’s epoch alone'))
    return [{ ...parts, disk: without(parts.disk, `${DATA}/epoch`) }, undefined, text]
  if (!world.has('device pins whom the hub names')) return [parts, bound, text]
  const invitation = readInvitation(text)
  const body = { action: 'knock', mailbox: mailboxOf(invitation.secret) } as const
  const hub = camera.deceiver ?? world.ask()
  const said = await hub.request(null, body, keys.signer)
  const { signer } = await readStatement(rosterKind, said.roster, 'itself')
  const connect = () => ({ ...hub, request: (async () => said) as unknown as typeof hub.request })
  return [{ ...parts, connect }, undefined, writeInvitation({ ...invitation, rootId: signer.id })]
}

/** A disk on which a file is not there. */
function without(disk: Disk, path: string): Disk {
  return new Proxy(disk, {
    get: (target, name) => {
      if (name === 'read') return async (asked: string) => (asked === path ? undefined : target.read(asked))
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** How a faulty camera takes what is in the mailbox. */
export function badParts(camera: Camera): ResetParts {
  const { world } = camera
  const parts = camera.parts()
  if (world.has('device believes the registrar’s epoch alone'))
    return { ...parts, disk: without(parts.disk, `${DATA}/epoch`) }
  return parts
}

/** A claim that a faulty camera takes in the place of its own. */
export async function badClaim(camera: Camera, pending: Pending): Promise<Household | undefined> {
  const { world, disk } = camera
  const claim = world.archive.of('claim').at(-1)
  if (!world.has('device takes any claim') || claim === undefined) return undefined
  const { roster, successions, pin } = pending
  const accepted = await acceptRoster(pin, undefined, roster, successions)
  return Household.join(disk, DATA, { pin, claim: unchecked(claim), roster: accepted, successions })
}

const unchecked = (jws: string): Claim => ({ ...payloadOf<Claim>(jws), jws })

/** What a faulty camera makes of a roster that it had to refuse; the same household where it refuses it too. */
export async function badRoster(
  { world, disk }: Camera,
  household: Household,
  jws: string,
  successions: readonly string[],
): Promise<Household> {
  const { pin, claim } = household
  if (world.has('device takes older rosters')) {
    const roster = await acceptRoster(pin, undefined, jws, successions).catch(() => undefined)
    return roster === undefined ? household : Household.join(disk, DATA, { pin, claim, roster, successions })
  }
  if (!world.has('device skips the root check')) return household
  return Household.join(disk, DATA, { pin, claim, roster: believed(jws), successions })
}

function believed(jws: string): Roster {
  const payload = payloadOf<Omit<Roster, 'members'> & { members: { memberId: string; recipient: string }[] }>(
    jws,
  )
  const members = payload.members.map(({ memberId, recipient }) => {
    const { recipients, number } = payloadOf<{ recipients: Recipients; number: number }>(recipient)
    return { memberId, recipients, recipientNumber: number }
  })
  return { ...payload, jws, sha256: '', rootId: '', members }
}
