import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { hubUrl, id, jws, suite } from '../protocol/fields.ts'
import type { Signer } from '../protocol/keys.ts'
import { privateKeyFromPem, signerOf } from '../protocol/keys.ts'
import { acceptRoster, recipientKind } from '../protocol/roster.ts'
import { readStatement } from '../protocol/statement.ts'
import type { Disk } from '../storage/disk.ts'
import { HomeData } from './home-data.ts'
import { type Household, makeMember, memberRecipient, ownRecipient } from './household.ts'

/** What the owner hands to a person who shall become a member: nothing in it is secret. */
const inviteSchema = z.strictObject({
  ownlens: z.literal('member invitation 1'),
  householdId: id,
  firstRootId: id,
  firstSuccessorId: id,
  roots: z.array(id).min(1).max(64),
  minimumSuite: suite,
  hub: z.strictObject({ url: hubUrl, caId: id }),
  roster: jws,
})
/** What that person hands back: its own signed recipient. */
const answerSchema = z.strictObject({ ownlens: z.literal('member answer 1'), memberId: id, recipient: jws })

const FILE_MAX = 256 * 1024
/** Fewer characters of an id may be a slip of somebody who meant a name. */
const ID_START = 8

/** An invitation for a new member, to be handed over in person or by a trusted way. */
export function inviteMember(household: Household): string {
  const { householdId, firstRootId, firstSuccessorId, roots, minimumSuite, hub } = household.file
  const invite: z.infer<typeof inviteSchema> = {
    ownlens: 'member invitation 1',
    ...{ householdId, firstRootId, firstSuccessorId, roots, minimumSuite, hub },
    roster: household.roster.jws,
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
  if ((await data.household()) !== undefined) throw new OwnlensError('home.exists', folder)
  const { ownlens, roster, ...file } = readFile(inviteSchema, invitation)
  const accepted = await acceptRoster(
    { householdId: file.householdId, rootId: file.roots[0] ?? '' },
    undefined,
    roster,
  )
  const member = await makeMember(file.minimumSuite)
  const signer = signerOf(privateKeyFromPem(member.key))
  await data.put('member.json', JSON.stringify(member))
  await data.putRoster(accepted.number, accepted.jws)
  await data.putNames(
    { home: 'Home', members: { [signer.id]: memberName }, cameras: {} },
    await ownRecipient(member),
  )
  await data.put('household.json', JSON.stringify(file))
  const recipient = await memberRecipient(member, file.householdId, signer)
  const answer: z.infer<typeof answerSchema> = { ownlens: 'member answer 1', memberId: signer.id, recipient }
  return `${JSON.stringify(answer)}\n`
}

/** Takes a person into the roster. Throws `home.member_file`, `statement.*`, `roster.*`, and what the hub answers. */
export async function addMember(
  household: Household,
  root: Signer,
  answer: string,
  name: string,
): Promise<string> {
  const { memberId, recipient } = readFile(answerSchema, answer)
  await readStatement(recipientKind, recipient, memberId)
  const members = await household.memberStatements()
  if (members.some(member => member.memberId === memberId))
    throw new OwnlensError('roster.member', 'named already')
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
  const meant = members.filter(
    ({ memberId }) =>
      memberId === nameOrId ||
      (nameOrId.length >= ID_START && memberId.startsWith(nameOrId)) ||
      names[memberId] === nameOrId,
  )
  const [one] = meant
  if (one === undefined || meant.length > 1 || members.length === 1)
    throw new OwnlensError('home.member', nameOrId)
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
