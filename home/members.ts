import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { hubUrl, id, jws } from '../protocol/fields.ts'
import type { Signer } from '../protocol/keys.ts'
import { privateKeyFromPem, signerOf } from '../protocol/keys.ts'
import { acceptRoster, recipientKind, rosterKind } from '../protocol/roster.ts'
import { readStatement } from '../protocol/statement.ts'
import type { Disk } from '../storage/disk.ts'
import { HomeData, type MemberFile, rosterName } from './home-data.ts'
import type { Household } from './household.ts'
import { theOneMeant } from './meant.ts'
import { makeMember, memberRecipient, ownRecipient } from './member-keys.ts'

/** What the owner hands to a person who shall become a member: nothing in it is secret. */
const inviteSchema = z.strictObject({
  ownlens: z.literal('member invitation 2'),
  householdId: id,
  roster: jws,
  successions: z.array(jws).max(64),
  hub: z.strictObject({ url: hubUrl, caId: id }),
})
/** What that person hands back: its own signed recipient. */
const answerSchema = z.strictObject({ ownlens: z.literal('member answer 1'), memberId: id, recipient: jws })

const FILE_MAX = 256 * 1024

/** An invitation for a new member, to be handed over in person or by a trusted way. */
export function inviteMember(household: Household): string {
  const { householdId, roster, successions } = household.file
  const invite: z.infer<typeof inviteSchema> = {
    ownlens: 'member invitation 2',
    ...{ householdId, roster, successions, hub: household.hubAddress },
  }
  return `${JSON.stringify(invite)}\n`
}

/**
 * Makes a member's own keys on its own machine. It is a member once the owner has taken the answer.
 *
 * @returns the answer for the owner.
 * @throws OwnlensError `home.exists`, `home.member_file`, `roster.*`.
 */
export async function joinHousehold(
  disk: Disk,
  folder: string,
  invitation: string,
  memberName: string,
): Promise<string> {
  const data = new HomeData(disk, folder)
  const { householdId, roster, successions, hub } = readFile(inviteSchema, invitation)
  const held = await data.get('household.json')
  const own = held && (await data.get('member.json'))
  if (held !== undefined && (held.householdId !== householdId || (await data.rootFile()) !== undefined))
    throw new OwnlensError('home.exists', folder)
  // The answer to this very household may have been lost: it is given again.
  if (own !== undefined) return answerOf(own, householdId)
  // The id of the household commits to its first root and successor: they are whatever the roster names.
  const { firstRootId, firstSuccessorId } = (await readStatement(rosterKind, roster, 'itself')).payload
  const accepted = await acceptRoster({ householdId, rootId: firstRootId }, undefined, roster, successions)
  const member = await makeMember(accepted.minimumSuite)
  const signer = signerOf(privateKeyFromPem(member.key))
  await data.put('member.json', member)
  await data.archive('rosters', rosterName(accepted), accepted.jws)
  await data.putNames(
    { home: 'Home', members: { [signer.id]: memberName }, cameras: {} },
    await ownRecipient(member),
  )
  const file = { householdId, firstRootId, firstSuccessorId, successions, roster, hubs: [hub], move: null }
  await data.put('household.json', file)
  return answerOf(member, householdId)
}

async function answerOf(member: MemberFile, householdId: string): Promise<string> {
  const signer = signerOf(privateKeyFromPem(member.key))
  const recipient = await memberRecipient(member, householdId, signer)
  const answer: z.infer<typeof answerSchema> = { ownlens: 'member answer 1', memberId: signer.id, recipient }
  return `${JSON.stringify(answer)}\n`
}

/** Takes a person into the newest roster (`refresh` first). Throws `home.member_file`, `statement.*`, `roster.*`, and what the hub answers. */
export async function addMember(
  household: Household,
  root: Signer,
  answer: string,
  name: string,
): Promise<string> {
  const { memberId, recipient } = readFile(answerSchema, answer)
  await readStatement(recipientKind, recipient, memberId)
  const members = await household.memberStatements()
  // Once more the same person: the name may have been lost.
  if (!members.some(member => member.memberId === memberId))
    await household.publishRoster(root, [...members, { memberId, recipient }])
  await household.rename('members', memberId, name)
  return memberId
}

/**
 * Takes a person out. Clips that were sealed before stay readable to it; the cameras seal the next one without it.
 *
 * @throws OwnlensError `home.member` (nobody, or several, of that name or id; the last one cannot leave).
 */
export async function removeMember(household: Household, root: Signer, nameOrId: string): Promise<string> {
  const members = await household.memberStatements()
  const names = (await household.names()).members
  const one = theOneMeant(members, nameOrId, ({ memberId: id }) => ({ id, name: names[id] }))
  if (one === undefined || members.length === 1) throw new OwnlensError('home.member', nameOrId)
  await household.publishRoster(
    root,
    members.filter(member => member !== one),
  )
  return one.memberId
}

function readFile<T>(schema: z.ZodType<T>, text: string): T {
  if (text.length > FILE_MAX) throw new OwnlensError('home.member_file', 'too large')
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new OwnlensError('home.member_file', undefined, { cause })
  }
}
