import { OwnlensError } from '../protocol/errors.ts'
import type { Suite } from '../protocol/fields.ts'
import { householdIdOf } from '../protocol/ids.ts'
import { makePrivateKey, privateKeyFromPem, publicKeyOf, signerOf } from '../protocol/keys.ts'
import { rosterKind } from '../protocol/roster.ts'
import { makeStatement } from '../protocol/statement.ts'
import type { Disk } from '../storage/disk.ts'
import { lockKey } from '../storage/locked-key.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import { HomeData, rosterName } from './home-data.ts'
import { Household } from './household.ts'
import { makeMember, memberRecipient, ownRecipient } from './member-keys.ts'
import { makeRecoveryWords, successorKey } from './successor.ts'

export interface NewHousehold {
  readonly disk: Disk
  readonly folder: string
  readonly hub: HubAddress
  /** What the hub printed. */
  readonly code: string
  readonly passphrase: string
  readonly suite: Suite
  readonly name: string
  readonly memberName: string
  /** scrypt's base-2 logarithm; tests and the demo take a small one. */
  readonly workFactor?: number
  /** Shows the 24 recovery words, once; they are kept nowhere. */
  readonly showWords?: (words: string) => void
}

/**
 * Makes a household: root under a passphrase, successor behind recovery words, the founding member; registers it, and shows
 * the words. `household.json` comes last: a folder without it is no household, and the next try begins anew, so that no
 * household is ever used whose words nobody has seen.
 *
 * @throws OwnlensError `home.exists`, `hub.code`, `hub.unreachable` …; nothing stays then.
 */
export async function foundHousehold(options: NewHousehold): Promise<Household> {
  const { disk, folder, hub, code, passphrase, suite } = options
  const data = new HomeData(disk, folder)
  if ((await data.get('household.json')) !== undefined) throw new OwnlensError('home.exists', folder)
  const root = makePrivateKey()
  const words = makeRecoveryWords()
  const firstRootId = publicKeyOf(root).id
  const firstSuccessorId = publicKeyOf(successorKey(words)).id
  const householdId = householdIdOf(firstRootId, firstSuccessorId)
  const member = await makeMember(suite)
  const founder = signerOf(privateKeyFromPem(member.key))
  const recipient = await memberRecipient(member, householdId, founder)
  const payload = {
    ...{ householdId, number: 1, prev: null, firstRootId, firstSuccessorId, generation: 0 },
    minimumSuite: suite,
    members: [{ memberId: founder.id, recipient }],
    issuedAt: new Date().toISOString(),
  }
  const roster = await makeStatement(rosterKind, payload, signerOf(root))
  try {
    await data.putRoot(await lockKey(root, passphrase, options.workFactor))
    await data.put('member.json', member)
    await data.archive('rosters', rosterName({ generation: 0, number: 1 }), roster)
    const names = { home: options.name, members: { [founder.id]: options.memberName }, cameras: {} }
    await data.putNames(names, await ownRecipient(member))
    await new HubClient(hub).request(
      householdId,
      { action: 'household', code, roster, successions: [] },
      signerOf(root),
    )
    options.showWords?.(words)
    const first = { householdId, firstRootId, firstSuccessorId, successions: [], roster }
    await data.put('household.json', { ...first, hubs: [hub], move: null })
  } catch (error) {
    await data.clear()
    throw error
  }
  return Household.open(disk, folder)
}
