import { OwnlensError } from '../protocol/errors.ts'
import { makePrivateKey, privateKeyFromPem, publicKeyOf, type Signer, signerOf } from '../protocol/keys.ts'
import { moveKind, readOrder } from '../protocol/ownership.ts'
import type { RequestAnswer } from '../protocol/registrar.ts'
import { acceptRoster, type Roster, rootLine, rosterKind, successionKind } from '../protocol/roster.ts'
import { makeStatement, readStatement } from '../protocol/statement.ts'
import type { Disk } from '../storage/disk.ts'
import { lockKey, unlockKey } from '../storage/locked-key.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import { HomeData, type RecoveryFile, rosterName } from './home-data.ts'
import { Household } from './household.ts'
import { makeMember, memberRecipient, ownRecipient } from './member-keys.ts'
import { makeRecoveryWords, successorKey } from './successor.ts'

export interface Recovery {
  readonly disk: Disk
  /** A folder without a household. */
  readonly folder: string
  readonly hub: HubAddress
  /** The 24 words that were shown last. */
  readonly words: string
  /** For the new root. */
  readonly passphrase: string
  /** Which members of before stay. The lost or stolen machine’s own is one of them, and its finder could read with it. */
  readonly keep: 'all' | 'none' | readonly string[]
  readonly memberName: string
  readonly workFactor?: number
  /** Shows the new recovery words, once; they are kept nowhere. */
  readonly showWords?: (words: string) => void
}

export interface Recovered {
  readonly household: Household
  readonly kept: readonly string[]
  /** Members who are members no more. */
  readonly dropped: readonly string[]
  /** Whether an earlier try that was cut off went on: the words that it showed hold. */
  readonly resumed: boolean
}

/**
 * Replaces a lost or stolen root by the recovery words: a new root, new words, a new member; the hub tells which household it
 * is, and what it tells is checked up to the words' own key (PROTOCOL 3.3, 3.4). States, and what a power cut leaves:
 *
 * | state | on the disk | the next try |
 * | --- | --- | --- |
 * | nothing said | perhaps `root.age`, `member.json` | begins anew, with other words |
 * | words shown | `recovery.json`: succession and roster, signed | sends these; the words that were shown hold |
 * | taken by the hub | the same | sends them again, which is no error |
 * | recovered | `household.json` | `home.exists` |
 *
 * @throws OwnlensError `home.exists`, `home.words`, `home.words_other`, `home.member`, and what the hub answers.
 */
export async function recoverHousehold(recovery: Recovery): Promise<Recovered> {
  const { disk, folder, hub: address, passphrase } = recovery
  const data = new HomeData(disk, folder)
  if ((await data.get('household.json')) !== undefined) throw new OwnlensError('home.exists', folder)
  const successor = signerOf(successorKey(recovery.words))
  const hub = new HubClient(address)
  const left = await data.get('recovery.json')
  const resumed = left !== undefined && (await isOf(left, successor))
  const file = resumed ? left : await succeed(data, recovery, successor, await askHeir(hub, successor))
  const root = signerOf(await unlockKey((await data.rootFile()) ?? new Uint8Array(), passphrase))
  const { household, dropped } = file
  const { householdId, roster, successions } = household
  await hub.request(householdId, { action: 'roster', roster, successions }, root)
  await data.put('household.json', household)
  await data.remove('recovery.json')
  const opened = await Household.open(disk, folder)
  const kept = opened.roster.members.map(({ memberId }) => memberId).filter(id => id !== opened.member.id)
  return { household: opened, kept, dropped, resumed }
}

/** What the hub says of the household whose successor this is, checked as far as the words go. */
async function askHeir(
  hub: HubClient,
  successor: Signer,
): Promise<{ answer: RequestAnswer<'heir'>; held: Roster }> {
  const answer = await hub.request(null, { action: 'heir' }, successor)
  const { householdId, roster, successions } = answer
  const { payload } = await readStatement(rosterKind, roster, 'itself')
  const held = await acceptRoster(
    { householdId, rootId: payload.firstRootId },
    undefined,
    roster,
    successions,
  )
  if ((await rootLine(payload, successions)).successorId !== successor.id)
    throw new OwnlensError('home.words_other')
  return { answer, held }
}

/** Makes the new root and all that it signs; on the disk when it returns, and the words shown. */
async function succeed(
  data: HomeData,
  recovery: Recovery,
  successor: Signer,
  { answer, held }: Awaited<ReturnType<typeof askHeir>>,
): Promise<RecoveryFile> {
  const { householdId, successions: before } = answer
  const first = (await readStatement(rosterKind, held.jws, held.rootId)).payload
  const { firstRootId, firstSuccessorId } = first
  const stays = staying(held, recovery.keep)
  const root = makePrivateKey()
  const words = makeRecoveryWords()
  const generation = held.generation + 1
  const succession = await makeStatement(
    successionKind,
    {
      ...{ householdId, generation, newRootId: publicKeyOf(root).id },
      newSuccessorId: publicKeyOf(successorKey(words)).id,
      issuedAt: new Date().toISOString(),
    },
    successor,
  )
  const member = await makeMember(held.minimumSuite)
  const founder = signerOf(privateKeyFromPem(member.key))
  const recipient = await memberRecipient(member, householdId, founder)
  // Who stole the root may have used the last number that there is: a new root owes it nothing, and begins anew.
  const number = held.number < Number.MAX_SAFE_INTEGER ? held.number + 1 : 1
  const payload = {
    ...{ householdId, number, prev: number === 1 ? null : held.sha256 },
    ...{ firstRootId, firstSuccessorId, generation },
    minimumSuite: held.minimumSuite,
    members: [
      ...first.members.filter(({ memberId }) => stays(memberId)),
      { memberId: founder.id, recipient },
    ],
    issuedAt: new Date().toISOString(),
  }
  const roster = await makeStatement(rosterKind, payload, signerOf(root))
  const successions = [...before, succession]
  const accepted = await acceptRoster({ householdId, rootId: firstRootId }, held, roster, successions)
  await data.putRoot(await lockKey(root, recovery.passphrase, recovery.workFactor))
  await data.put('member.json', member)
  const names = { home: 'Home', members: { [founder.id]: recovery.memberName }, cameras: {} }
  await data.putNames(names, await ownRecipient(member))
  await data.archive('rosters', rosterName(held), held.jws)
  await data.archive('rosters', rosterName(accepted), roster)
  const dropped = first.members.map(({ memberId }) => memberId).filter(id => !stays(id))
  // Before anything that binds the household to them.
  recovery.showWords?.(words)
  const hubs = [recovery.hub]
  const move = await lastMove(answer)
  const household = { householdId, firstRootId, firstSuccessorId, successions, roster, hubs, move }
  await data.put('recovery.json', { household, dropped })
  return { household, dropped }
}

/** The newest move that the hub knows, so that the next one is numbered behind it; the person has said where the hub is. */
async function lastMove(answer: RequestAnswer<'heir'>): Promise<RecoveryFile['household']['move']> {
  const { householdId, roster, successions, move } = answer
  if (move === null) return null
  const first = (await readStatement(rosterKind, roster, 'itself')).payload
  const { roots } = await rootLine(first, successions)
  const { signer, payload } = await readOrder(moveKind, move, { householdId, roots })
  return { generation: roots.indexOf(signer.id), number: payload.number }
}

function staying(held: Roster, keep: Recovery['keep']): (memberId: string) => boolean {
  if (keep === 'all') return () => true
  if (keep === 'none') return () => false
  const ids = held.members.map(({ memberId }) => memberId)
  const meant = keep.map(start => {
    const [one, ...others] = ids.filter(id => start.length >= 8 && id.startsWith(start))
    if (one === undefined || others.length > 0) throw new OwnlensError('home.member', start)
    return one
  })
  return memberId => meant.includes(memberId)
}

/** Whether these words signed what was left. */
async function isOf({ household }: RecoveryFile, successor: Signer): Promise<boolean> {
  const { payload } = await readStatement(rosterKind, household.roster, 'itself')
  const line = await rootLine(payload, household.successions.slice(0, -1))
  return line.successorId === successor.id
}
