import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Allowance } from '../../deploy/hub/allowance.ts'
import type { Signer } from '../../protocol/keys.ts'
import { TestMaker, type TestStation } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { readsThrough } from '../support/query-plans.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

let maker: TestMaker
let station: TestStation
let desk: Desk
beforeEach(async () => {
  maker = await TestMaker.make()
  station = await maker.station()
  desk = await Desk.open({ makerRoot: maker.root })
  await announce(station)
})
afterEach(() => desk.close())

/** The root says of a station that it counts, or counts no more. */
async function announce(at: TestStation, number = 1, active = true): Promise<TestStation> {
  const word = await maker.says('station', at.signer.id, number, active)
  await desk.send(maker.signer, null, { action: 'station', station: word })
  return at
}

interface Wishes {
  readonly at?: TestStation
  readonly offline?: boolean
  readonly registration?: string
  readonly chain?: readonly string[]
}

async function register(serial: string, board: Signer, wishes: Wishes = {}): Promise<{ disputed: boolean }> {
  const { at = station, offline = false } = wishes
  return desk.send(at.signer, null, {
    action: 'register',
    registration: wishes.registration ?? (await at.registration(serial, board)),
    chain: [...(wishes.chain ?? at.chain)],
    offline,
  })
}
const ownedBy = (household_id: string, device_id: string) => ({
  ...{ device_id, household_id, epoch: 1, counter: 0, request: '', certificate: '' },
  ...{ held: 0, cloned: 0, boots: '[]' },
})
const refused = (work: Promise<unknown>) => codeFrom(work)
const settle = async (serial: string, board: Signer, number: number, signer = maker.signer) =>
  desk.send(signer, null, { action: 'serial', serial: await maker.word(serial, board, number, signer) })

describe('stations', () => {
  test('of this maker register, over and over, online and late; the answer says whether there is a dispute', async () => {
    const [board, other] = [newSigner(), newSigner()]
    expect(await register('OL-1', board)).toEqual({ disputed: false })
    expect(await register('OL-1', board)).toEqual({ disputed: false })
    const second = await announce(await maker.station('Line 2'))
    expect(await refused(register('OL-1', other, { at: second }))).toBe('serial.taken')
    expect(await refused(register('OL-2', board, { at: second }))).toBe('serial.key')
    expect(await register('OL-1', other, { at: second, offline: true })).toEqual({ disputed: true })
  })

  test('that bring a serial into dispute: the homes of both cameras are told, nobody else', async () => {
    const [home, other, third] = [await desk.home(), await desk.home(), await desk.home()]
    const [one, two, released] = [newSigner(), newSigner(), newSigner()]
    await register('OL-1', one)
    await desk.claim(home, one)
    // A camera of this serial that was paired where nobody asked for serials.
    await desk.database.insertInto('devices').values(ownedBy(other.id, two.id)).execute()
    await desk.database.insertInto('devices').values(ownedBy('', released.id)).execute()
    expect(await register('OL-1', two, { offline: true })).toEqual({ disputed: true })
    await register('OL-1', two, { offline: true })
    const told = async (householdId: string) =>
      (await desk.registrar.notices(householdId)).map(({ kind, deviceId, serial }) => [
        kind,
        deviceId,
        serial,
      ])
    expect(await told(home.id)).toEqual([['serial', one.id, 'OL-1']])
    expect(await told(other.id)).toEqual([['serial', two.id, 'OL-1']])
    await register('OL-1', released, { offline: true })
    expect(await told('')).toEqual([])
    expect(await told(third.id)).toEqual([])
  })

  test('of another maker, with an ended certificate, or without one of their own, do not', async () => {
    const board = newSigner()
    const other = await TestMaker.make()
    const theirs = await other.station()
    expect(await refused(register('OL-1', board, { at: theirs }))).toBe('station.unknown')
    // A good station's certificate behind somebody else's request.
    expect(await refused(register('OL-1', board, { at: theirs, chain: station.chain }))).toBe(
      'station.unknown',
    )
    expect(await refused(register('OL-1', board, { chain: [] }))).toBe('station.unknown')
    desk.now = new Date(Date.now() + 11 * 365 * 86_400_000)
    expect(await refused(register('OL-1', board))).toBe('station.unknown')
    desk.now = new Date()
    expect(await register('OL-1', board)).toEqual({ disputed: false })
  })

  test('hand in nobody else’s registration: it would make a dispute of a refusal', async () => {
    const second = await announce(await maker.station('Line 2'))
    const registration = await second.registration('OL-1', newSigner())
    expect(await refused(register('', newSigner(), { registration, offline: true }))).toBe('statement.signer')
  })

  test('register only a board that says the same: key, serial, signature', async () => {
    const [board, other] = [newSigner(), newSigner()]
    const make = (options: object) => station.registration('OL-1', board, options)
    const send = async (options: object) =>
      refused(register('', board, { registration: await make(options) }))
    expect(await send({ born: 'OL-2' })).toBe('serial.birth')
    expect(await send({ birthBy: other })).toBe('statement.signer')
    expect(await send({ signer: other })).toBe('statement.signer')
    expect(await refused(desk.factory?.mayPair(board.id) ?? Promise.resolve())).toBe('serial.unknown')
  })

  test('a request is good once, and what is recorded of it for nobody else', async () => {
    const board = newSigner()
    const registration = await station.registration('OL-1', board)
    const chain = [...station.chain]
    const body = { action: 'register' as const, registration, chain, offline: false }
    const request = await desk.sign(station.signer, null, body)
    await desk.registrar.request(request)
    expect(await refused(desk.registrar.request(request))).toBe('hub.nonce')
    expect(await refused(desk.send(newSigner(), null, body))).toBe('station.unknown')
  })

  test('register so many a minute each; strangers use nobody’s share up', async () => {
    await desk.close()
    let at = 0
    const registrations = new Allowance({
      ...{ burst: 3, everyMs: 1000, keysMax: 10, refusal: 'station.busy' as const },
      now: () => at,
    })
    desk = await Desk.open({ makerRoot: maker.root, registrations })
    await announce(station)
    const stranger = await (await TestMaker.make()).station()
    for (let count = 0; count < 5; count++)
      expect(await refused(register(`X-${count}`, newSigner(), { at: stranger }))).toBe('station.unknown')
    for (let count = 0; count < 3; count++) await register(`OL-${count}`, newSigner())
    expect(await refused(register('OL-9', newSigner()))).toBe('station.busy')
    const second = await announce(await maker.station('Line 2'))
    expect(await register('OL-9', newSigner(), { at: second })).toEqual({ disputed: false })
    at += 1000
    expect(await register('OL-10', newSigner())).toEqual({ disputed: false })
  })

  test('lose nothing of their share to boards that ask for pairing with a label that is another’s now', async () => {
    await desk.close()
    const options = { burst: 2, everyMs: 1000, keysMax: 10, refusal: 'station.busy' as const, now: () => 0 }
    desk = await Desk.open({ makerRoot: maker.root, registrations: new Allowance(options) })
    await announce(station)
    const board = newSigner()
    await settle('OL-1', newSigner(), 1)
    const shown = await station.idevid('OL-1', board)
    const ask = () => refused(desk.factory?.introduce(board.id, shown) ?? Promise.resolve())
    for (let count = 0; count < 2; count++) expect(await ask()).toBeUndefined()
    expect(await ask()).toBe('station.busy')
    expect(await register('OL-2', newSigner())).toEqual({ disputed: false })
  })
})

describe('the root', () => {
  test('alone says whose a serial is, with growing numbers', async () => {
    const [board, other] = [newSigner(), newSigner()]
    await register('OL-1', board)
    expect(await refused(settle('OL-1', other, 1, station.signer))).toBe('statement.signer')
    expect(await refused(settle('OL-1', other, 1, newSigner()))).toBe('statement.signer')
    // Somebody else hands in what the root has signed.
    const serial = await maker.word('OL-1', other, 1)
    expect(await refused(desk.send(station.signer, null, { action: 'serial', serial }))).toBe(
      'statement.signer',
    )
    expect(await settle('OL-1', other, 1)).toEqual({ ok: true })
    expect(await refused(settle('OL-2', board, 1))).toBe('serial.old')
    expect(await settle('OL-2', board, 2)).toEqual({ ok: true })
    expect(await register('OL-1', other)).toEqual({ disputed: false })
    expect(await refused(register('OL-1', board))).toBe('serial.key')
  })
})

describe('a station that was never announced, or is revoked', () => {
  const introduce = (board: Signer, chain: readonly string[]) =>
    codeFrom(desk.factory?.introduce(board.id, chain) ?? Promise.reject(new Error('no desk')))

  test('registers nothing with its good certificate, online or late; nor do the boards that it certified', async () => {
    const rogue = await maker.station('Line 9')
    const [board, later] = [newSigner(), newSigner()]
    for (const offline of [false, true])
      expect(await refused(register('OL-1', board, { at: rogue, offline }))).toBe('station.unlogged')
    expect(await introduce(board, await rogue.idevid('OL-1', board))).toBe('station.unlogged')
    await announce(rogue)
    expect(await register('OL-1', board, { at: rogue })).toEqual({ disputed: false })
    await announce(rogue, 2, false)
    expect(await refused(register('OL-2', later, { at: rogue, offline: true }))).toBe('station.revoked')
    expect(await introduce(later, await rogue.idevid('OL-2', later))).toBe('station.revoked')
    // What it registered while it counted goes on; the root may vouch for the rest, or for the station again.
    expect(await refused(desk.claim(await desk.home(), board))).toBeUndefined()
    await settle('OL-2', later, 1)
    expect(await refused(desk.claim(await desk.home(), later))).toBeUndefined()
    await announce(rogue, 3)
    expect(await register('OL-3', newSigner(), { at: rogue })).toEqual({ disputed: false })
  })

  test('is so by the root’s newest word alone', async () => {
    const { id } = station.signer
    const send = async (word: string, by = maker.signer) =>
      refused(desk.send(by, null, { action: 'station', station: word }))
    const revoked = await maker.says('station', id, 5, false)
    expect(await send(revoked)).toBeUndefined()
    expect(await send(revoked)).toBeUndefined()
    for (const number of [1, 4, 5])
      expect(await send(await maker.says('station', id, number))).toBe('station.old')
    const other = await TestMaker.make()
    expect(await send(await other.says('station', id, 9))).toBe('statement.signer')
    expect(await send(await other.says('station', id, 9), other.signer)).toBe('statement.signer')
    expect(await send(await maker.says('station', id, 9), station.signer)).toBe('statement.signer')
    // A station’s key lies open in a hall: it signs no orders.
    const signer = await maker.says('signer', id, 9)
    expect(await refused(desk.send(maker.signer, null, { action: 'signer', signer }))).toBe('station.office')
    expect(await send(signer)).toBe('statement.kind')
    expect(await refused(register('OL-1', newSigner()))).toBe('station.revoked')
    const records = await desk.database.selectFrom('records').select('content').execute()
    expect(records.filter(({ content }) => content?.includes('"kind":"station"'))).toHaveLength(2)
  })

  test('cannot be announced to a hub of profile home', async () => {
    const plain = await Desk.open()
    const word = await maker.says('station', station.signer.id, 1)
    expect(await refused(plain.send(maker.signer, null, { action: 'station', station: word }))).toBe(
      'hub.request',
    )
    await plain.close()
  })
})

describe('pairing', () => {
  test('needs a serial in profile maker, and none in profile home', async () => {
    const board = newSigner()
    const home = await desk.home()
    expect(await refused(desk.claim(home, board))).toBe('serial.unknown')
    await register('OL-1', board)
    expect(await refused(desk.claim(home, board))).toBeUndefined()
    const plain = await Desk.open()
    expect(await refused(plain.claim(await plain.home(), newSigner()))).toBeUndefined()
    const body = { action: 'register' as const, registration: 'a.b.c', chain: [], offline: false }
    expect(await refused(plain.send(station.signer, null, body))).toBe('hub.request')
    await plain.close()
  })

  test('in dispute, paired cameras go on, nobody takes one over, and the root’s word ends it', async () => {
    const [paired, second, next] = [newSigner(), newSigner(), newSigner()]
    const [home, other] = [await desk.home(), await desk.home()]
    await register('OL-1', paired)
    await desk.claim(home, paired)
    const certificate = await desk.enrol(paired, { householdId: home.id, epoch: 1 })
    await register('OL-1', second, { offline: true })

    expect(await desk.counts(certificate)).toBe(true)
    const again = await desk.enrol(paired, { householdId: home.id, epoch: 1, counter: 2 })
    expect(await desk.counts(again)).toBe(true)
    expect(await refused(desk.claim(home, paired, 2))).toBeUndefined()
    expect(await refused(desk.claim(other, paired, 3))).toBe('serial.disputed')
    expect(await refused(desk.claim(other, second))).toBe('serial.disputed')
    expect(await desk.registrar.device(paired.id)).toEqual({ household_id: home.id, epoch: 2 })

    await settle('OL-2', second, 1)
    expect(await refused(desk.claim(other, second))).toBeUndefined()
    await register('OL-2b', next)
    expect(await refused(desk.claim(other, next))).toBeUndefined()
  })

  test('a camera that lost its serial goes on at home and is paired nowhere else', async () => {
    const [paired, replacement] = [newSigner(), newSigner()]
    const [home, other] = [await desk.home(), await desk.home()]
    await register('OL-1', paired)
    await desk.claim(home, paired)
    await settle('OL-1', replacement, 1)
    expect(await refused(desk.claim(home, paired, 2))).toBeUndefined()
    expect(await refused(desk.claim(other, paired, 3))).toBe('serial.unknown')
    expect(await refused(desk.claim(other, replacement))).toBeUndefined()
  })
})

describe('a board’s own certificates', () => {
  const introduce = (board: Signer, chain: readonly string[]) =>
    codeFrom(desk.factory?.introduce(board.id, chain) ?? Promise.reject(new Error('no desk')))
  const mayPair = (board: Signer) =>
    codeFrom(desk.factory?.mayPair(board.id) ?? Promise.reject(new Error('no desk')))

  test('register what a station made offline, and dispute what is another’s already', async () => {
    const [board, rival] = [newSigner(), newSigner()]
    expect(await introduce(board, await station.idevid('OL-1', board))).toBeUndefined()
    expect(await mayPair(board)).toBeUndefined()
    // The station hands its file in later.
    expect(await register('OL-1', board, { offline: true })).toEqual({ disputed: false })
    expect(await introduce(rival, await station.idevid('OL-1', rival))).toBeUndefined()
    expect([await mayPair(board), await mayPair(rival)]).toEqual(['serial.disputed', 'serial.disputed'])
  })

  test('change nothing that stands: not a relabelled board’s serial, not the root’s word', async () => {
    const [board, loser] = [newSigner(), newSigner()]
    const old = await station.idevid('OL-1', board)
    await register('OL-1', board)
    await settle('OL-2', board, 1)
    expect(await introduce(board, old)).toBeUndefined()
    expect(await mayPair(board)).toBeUndefined()
    expect(await register('OL-2', board)).toEqual({ disputed: false })
    expect(await introduce(loser, await station.idevid('OL-2', loser))).toBeUndefined()
    expect(await mayPair(loser)).toBe('serial.unknown')
  })

  test('of another board, of another maker, or none, register nothing', async () => {
    const [board, thief] = [newSigner(), newSigner()]
    const own = await station.idevid('OL-1', board)
    expect(await introduce(thief, own)).toBe('station.unknown')
    const foreign = await (await TestMaker.make()).station()
    expect(await introduce(thief, await foreign.idevid('OL-1', thief))).toBe('station.unknown')
    expect(await introduce(thief, station.chain)).toBe('station.unknown')
    expect(await introduce(thief, [])).toBeUndefined()
    expect([await mayPair(board), await mayPair(thief)]).toEqual(['serial.unknown', 'serial.unknown'])
  })
})

/**
 * Probing. A stranger who wants to know whether a serial is in use has three ways to name one: a registration, a root's word, a
 * board's certificate. Each needs a signature of the maker's, and without it every answer is the same, used serial or not. What is
 * left is a claim, which names a key, not a serial, and needs that key's signature.
 */
test('a stranger gets one answer for serials that are in use and for serials that are not', async () => {
  const [used, disputed] = [newSigner(), newSigner()]
  await register('USED', used)
  await register('BOTH', disputed)
  await register('BOTH', newSigner(), { offline: true })
  const stranger = newSigner()
  const forger = await (await TestMaker.make()).station()
  const home = await desk.home()
  const asked = async (serial: string) => {
    const answers: (string | undefined)[] = []
    for (const offline of [false, true])
      answers.push(await refused(register(serial, stranger, { at: forger, offline })))
    answers.push(await refused(settle(serial, stranger, 99, stranger)))
    const shown = desk.factory?.introduce(stranger.id, await forger.idevid(serial, stranger))
    answers.push(await refused(shown ?? Promise.resolve()))
    answers.push(await refused(desk.claim(home, stranger)))
    return answers
  }
  const free = await asked('FREE')
  expect(free).toEqual([
    ...['station.unknown', 'station.unknown', 'statement.signer', 'station.unknown', 'serial.unknown'],
  ])
  expect(await asked('USED')).toEqual(free)
  expect(await asked('BOTH')).toEqual(free)
})

test('what is asked of serials finds its rows by an index', async () => {
  const home = await desk.home()
  const [board, rival] = [newSigner(), newSigner()]
  desk.queries.splice(0)
  await register('OL-1', board)
  await register('OL-1', rival, { offline: true })
  await codeFrom(desk.claim(home, board))
  await settle('OL-1', board, 1)
  const { scans, queries } = await readsThrough(desk)
  expect(scans).toEqual([])
  expect(queries).toBeGreaterThan(10)
})
