import { bech32 } from '@scure/base'
import { statementHash } from '../../protocol/statement.ts'
import { newPerson, newSigner, type Person, TestHousehold } from '../support/people.ts'
import { mirrored } from './forge.ts'
import type { RosterVector } from './format.ts'

type Options = Partial<Pick<RosterVector, 'pin' | 'held' | 'successions' | 'sealsTo'>>

export async function rosterVectors(): Promise<readonly RosterVector[]> {
  const home = new TestHousehold()
  const [anna, ben, modern] = [
    await newPerson('x25519'),
    await newPerson('x25519'),
    await newPerson('hybrid'),
  ]
  const vectors: RosterVector[] = []
  const first = await home.roster(1, null, [anna, ben])
  const second = await home.roster(2, statementHash(first), [anna])
  const prev = statementHash(second)
  const add = (name: string, roster: string, expect: string, options: Options = {}) => {
    const common = { pin: home.pin, held: 'the next', successions: [] }
    vectors.push({ name, ...common, roster, expect, ...options })
  }
  const x25519 = (...people: Person[]) => people.map(({ recipients }) => recipients.x25519)

  add('the first', first, 'ok', { held: null, sealsTo: x25519(anna, ben) })
  add('the next', second, 'ok', { held: 'the first', sealsTo: x25519(anna) })
  add('the same again', second, 'ok')
  add('a later one, those between missing', await home.roster(9, 'f'.repeat(64), [anna]), 'ok')
  add('the next, with the other signature that holds', mirrored(second), 'ok', { held: 'the first' })
  add('the held one came with the other signature that holds', await home.roster(3, prev, [anna]), 'ok', {
    held: 'the next, with the other signature that holds',
  })
  add('an older one, with a removed member', first, 'roster.old')
  add('another one of the same number', await home.roster(2, statementHash(first), [anna, ben]), 'roster.old')
  add('a fork', await home.roster(3, statementHash(first), [anna, ben]), 'roster.chain')
  add('no prev', await home.roster(3, null, [anna]), 'roster.chain')
  add('a first one with a prev', await home.roster(1, prev, [anna]), 'roster.chain', { held: null })
  add('one member reads X25519 only', await home.roster(3, prev, [anna, modern]), 'ok', {
    sealsTo: x25519(anna, modern),
  })
  add('all read hybrid', await home.roster(3, prev, [modern]), 'ok', {
    sealsTo: [modern.recipients.hybrid ?? ''],
  })
  await foreign(add, { home, prev, anna })
  await members(add, { home, prev, anna, ben })
  await successions(add, { home, second, anna, ben })
  return vectors
}

type Add = (name: string, roster: string, expect: string, options?: Options) => void
interface Scene {
  readonly home: TestHousehold
  readonly prev: string
  readonly anna: Person
  readonly ben: Person
}

async function foreign(add: Add, { home, prev, anna }: Omit<Scene, 'ben'>): Promise<void> {
  const other = new TestHousehold()
  const next = (changed: object = {}, signer = home.root) => home.roster(3, prev, [anna], changed, signer)
  add('another household', await other.roster(3, prev, [anna]), 'roster.household')
  add(
    'this household’s id over other keys',
    await other.roster(3, prev, [anna], { householdId: home.id }),
    'roster.household',
  )
  add('another successor', await next({ firstSuccessorId: newSigner().id }), 'roster.household')
  add('signed by a member', await next({}, anna.signer), 'statement.signer')
  add('signed by a stranger', await next({}, newSigner()), 'statement.signer')
  add('signed by the successor', await next({}, home.successors[0]), 'statement.signer')
  add('pinned by another root', await next(), 'roster.household', {
    held: null,
    pin: { householdId: home.id, rootId: other.root.id },
  })
}

async function members(add: Add, { home, prev, anna, ben }: Scene): Promise<void> {
  const memberId = anna.signer.id
  const named = (recipient: string) => home.roster(3, prev, [], { members: [{ memberId, recipient }] })
  add('a member named twice', await home.roster(3, prev, [anna, anna]), 'roster.member')
  add('below its own minimum', await home.roster(3, prev, [anna], { minimumSuite: 'hybrid' }), 'roster.suite')
  const stolen = await home.recipientOf(anna, 1, { recipients: ben.recipients }, ben.signer)
  add('a recipient put in by somebody else', await named(stolen), 'statement.signer')
  add('a recipient of somebody else', await named(await home.recipientOf(ben)), 'statement.signer')
  const elsewhere = await home.recipientOf(anna, 1, { householdId: new TestHousehold().id })
  add('a recipient for another household', await named(elsewhere), 'roster.member')
  const fifth = await home.roster(3, prev, [], {
    members: [{ memberId, recipient: await home.recipientOf(anna, 5) }],
  })
  const back = await home.roster(4, statementHash(fifth), [anna])
  add('a later recipient', fifth, 'ok')
  add('a recipient that goes back', back, 'roster.member', { held: 'a later recipient' })
  const { x25519 } = anna.recipients
  const useless = {
    'a recipient whose checksum is wrong': x25519.slice(0, -1) + (x25519.endsWith('q') ? 'p' : 'q'),
    'a recipient that agrees on zero with everybody': bech32.encodeFromBytes('age', new Uint8Array(32)),
  }
  for (const [name, recipient] of Object.entries(useless)) {
    const recipients = { x25519: recipient, hybrid: null }
    add(name, await named(await home.recipientOf(anna, 1, { recipients })), 'roster.member')
  }
}

async function successions(
  add: Add,
  { home, second, anna, ben }: Omit<Scene, 'prev'> & { second: string },
): Promise<void> {
  const thief = home.root
  const stolen = await home.roster(Number.MAX_SAFE_INTEGER, 'd'.repeat(64), [ben])
  await home.succeed()
  const after = await home.roster(3, statementHash(second), [anna])
  const late = await home.roster(4, statementHash(after), [ben], { generation: 0 }, thief)
  const known = { successions: [...home.successions] }
  const replaced = { held: 'by the successor’s root' }
  add('by a thief of the root, with the highest number', stolen, 'ok')
  add('by the successor’s root', after, 'ok', known)
  add('by the successor’s root, to who has pinned that one', after, 'ok', {
    ...known,
    held: null,
    pin: { householdId: home.id, rootId: home.root.id },
  })
  add('by the successor’s root, after a thief used up the numbers', after, 'ok', {
    ...known,
    held: 'by a thief of the root, with the highest number',
  })
  add('by the successor’s root, the succession missing', after, 'roster.generation')
  add('by the root that was replaced', late, 'roster.generation', { ...known, ...replaced })
  add('by the root that was replaced, the succession kept back', late, 'roster.generation', replaced)
  const claimed = await home.roster(4, statementHash(after), [ben], {}, thief)
  add('by the root that was replaced, as if it were the new one', claimed, 'statement.signer', {
    ...known,
    ...replaced,
  })
  const own = new TestHousehold()
  await own.succeed()
  add('a succession of another household', after, 'statement.signer', { successions: own.successions })
  await home.succeed()
  const third = await home.roster(4, statementHash(after), [anna])
  const [one = '', two = ''] = home.successions
  add('by the second successor’s root', third, 'ok', { ...replaced, successions: [one, two] })
  add('successions in another order', third, 'statement.signer', { ...replaced, successions: [two, one] })
  add('the first succession missing', third, 'statement.signer', { ...replaced, successions: [two] })
  add('the same succession twice', third, 'statement.signer', { ...replaced, successions: [one, one] })
}
