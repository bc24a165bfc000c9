import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Allowance } from '../../deploy/hub/allowance.ts'
import { replayOrders } from '../../deploy/hub/replay.ts'
import { standingOf } from '../../deploy/hub/standing.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { Home } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

let desk: Desk
let home: Home
let cameras: readonly Signer[]
beforeEach(async () => {
  // The long test sends more than any app.
  desk = await Desk.open({ orders: new Allowance({ burst: 100_000, everyMs: 1, keysMax: 10 }) })
  home = await desk.home()
  cameras = [newSigner(), newSigner(), newSigner()]
  for (const camera of cameras) await desk.claim(home, camera)
})
afterEach(() => desk.close())

const camera = (): Signer => cameras[0] as Signer
const carry = (block: string, signer = home.root) =>
  codeFrom(desk.send(signer, home.id, { action: 'block', block }))
const isBlocked = async (one: Signer) => (await standingOf(desk.database, one.id)).blocked
const replay = () => replayOrders(desk.database, desk.journal, { now: desk.now, makerRootId: undefined })
const kept = () => readdir(join(desk.folder, 'orders')).catch(() => [])
const kinds = async () => (await desk.registrar.notices(home.id)).map(({ kind }) => kind)

describe('what stands for a camera', () => {
  test('is the order with the highest number, however orders come, come again, or come to an older database', async () => {
    const order = fc.record({
      number: fc.integer({ min: 1, max: 6 }),
      blocked: fc.boolean(),
      whose: fc.subarray([0, 1, 2], { minLength: 1 }),
    })
    const told = fc.array(order, { minLength: 1, maxLength: 6 }).map(orders =>
      // A root gives a number once.
      orders.filter((one, index) => orders.findIndex(({ number }) => number === one.number) === index),
    )
    const coming = told.chain(orders =>
      fc.record({
        orders: fc.constant(orders),
        turns: fc.array(fc.nat(orders.length - 1), { maxLength: 12 }),
        again: fc.array(fc.nat(orders.length - 1), { maxLength: 4 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(coming, async ({ orders, turns, again }) => {
        await desk.database.deleteFrom('blocks').execute()
        for (const order of await desk.journal.all()) await desk.journal.forget(order)
        const texts = await Promise.all(
          orders.map(({ number, blocked, whose }) =>
            home.block(
              number,
              whose.map(one => [cameras[one] as Signer, 1]),
              { blocked },
            ),
          ),
        )
        const came = [...turns, ...orders.keys()]
        const expected = [0, 1, 2].map(one => {
          const naming = orders.filter(({ whose }) => whose.includes(one))
          return naming.toSorted((a, b) => a.number - b.number).at(-1)?.blocked === true
        })
        for (const index of came) {
          const code = await carry(texts[index] ?? '')
          expect([undefined, 'block.old']).toContain(code)
        }
        expect(await Promise.all(cameras.map(isBlocked))).toEqual(expected)
        for (const index of again) await carry(texts[index] ?? '')
        expect(await Promise.all(cameras.map(isBlocked))).toEqual(expected)
        expect(await replay()).toBe(0)
        await desk.database.deleteFrom('blocks').execute()
        await replay()
        expect(await Promise.all(cameras.map(isBlocked))).toEqual(expected)
      }),
      { numRuns: process.env.OWNLENS_LONG === '1' ? 300 : 6 },
    )
  })

  test('any member may carry the root’s order; nobody else, and no order of a member’s own', async () => {
    const block = await home.block(2, [[camera(), 1]])
    const other = await desk.home()
    for (const stranger of [other.root, other.founder, camera()])
      expect(await carry(block, stranger)).toBe('hub.household')
    const own = await home.block(3, [[camera(), 1]], { root: home.founder })
    for (const carrier of [home.founder, home.root])
      expect(await carry(own, carrier)).toBe('statement.signer')
    expect(await isBlocked(camera())).toBe(false)
    expect(await carry(block, home.founder)).toBeUndefined()
    expect(await isBlocked(camera())).toBe(true)
    const early = await home.block(1, [[camera(), 1]], { blocked: false })
    for (const carrier of [home.founder, home.root]) expect(await carry(early, carrier)).toBe('block.old')
    expect(await carry(await home.block(3, [[camera(), 1]], { blocked: false }))).toBeUndefined()
    expect(await kinds()).toEqual(['unblocked', 'blocked'])
  })

  test('a lift also counts for an epoch of one’s own that is over; a block does not', async () => {
    await carry(await home.block(1, [[camera(), 1]]))
    await desk.release(home, camera())
    expect(await isBlocked(camera())).toBe(false)
    const next = await desk.home()
    await desk.claim(next, camera(), 3)
    expect(await carry(await home.block(2, [[camera(), 1]]))).toBe('block.device')
    expect(await carry(await home.block(3, [[camera(), 3]], { blocked: false }))).toBe('block.device')
    expect(await carry(await home.block(4, [[camera(), 1]], { blocked: false }))).toBeUndefined()
    expect(await isBlocked(camera())).toBe(false)
    expect(await desk.registrar.notices(next.id)).toEqual([])
  })
})

test('each root and member may send so many orders, rosters and moves, and takes nobody else’s share', async () => {
  const few = await Desk.open({ orders: new Allowance({ burst: 3, everyMs: 1e9, keysMax: 10 }) })
  const own = await few.home()
  await few.claim(own, camera())
  const order = async (by: Signer, number: number) => {
    const block = await own.block(number, [[camera(), 1]])
    return codeFrom(few.send(by, own.id, { action: 'block', block }))
  }
  const codes: (string | undefined)[] = []
  for (let number = 1; number <= 5; number++) codes.push(await order(own.founder, number))
  expect(codes).toEqual([undefined, undefined, undefined, 'hub.busy', 'hub.busy'])
  // Strangers have none, and use none up.
  for (let tries = 0; tries < 5; tries++) expect(await order(newSigner(), 6)).toBe('hub.household')
  expect(await order(own.root, 7)).toBeUndefined()
  const move = await own.move(1, 'https://127.0.0.1:9443')
  expect(await codeFrom(few.send(own.root, own.id, { action: 'move', move }))).toBeUndefined()
  const roster = await own.roster({ number: 2, prev: own.first })
  const renew = () => codeFrom(few.send(own.root, own.id, { action: 'roster', roster, successions: [] }))
  expect(await renew()).toBeUndefined()
  expect(await renew()).toBe('hub.busy')
  expect(await codeFrom(few.send(own.root, own.id, { action: 'move', move }))).toBe('hub.busy')
  await few.close()
})

describe('a database of an earlier day', () => {
  test('has the blocks again, before and after a claim that it had lost is registered again', async () => {
    const certificate = await desk.enrol(camera(), { householdId: home.id, epoch: 1 })
    const late = newSigner()
    const claim = await home.claim(late, 1)
    const claimAgain = () => codeFrom(desk.send(home.root, home.id, { action: 'claim', claim }))
    await claimAgain()
    const both = await home.block(1, [
      [camera(), 1],
      [late, 1],
    ])
    await carry(both)
    // As a backup has it that was made before: no order, the certificate good, and of the late camera nothing.
    for (const table of ['blocks', 'notices'] as const) await desk.database.deleteFrom(table).execute()
    await desk.database.updateTable('certificates').set({ superseded_at: null }).execute()
    for (const table of ['claims', 'devices'] as const)
      await desk.database.deleteFrom(table).where('device_id', '=', late.id).execute()
    expect(await desk.counts(certificate)).toBe(true)
    expect(await replay()).toBe(1)
    expect(await desk.counts(certificate)).toBe(false)
    expect(await desk.registrar.blocks(home.id)).toEqual([both])
    expect(await kinds()).toEqual(['blocked', 'blocked'])
    const wishes = { householdId: home.id, epoch: 1 }
    for (const one of [camera(), late])
      expect(await codeFrom(desk.enrol(one, { ...wishes, counter: 9 }))).toBe('enrol.blocked')
    // Neither its own home nor another one is a way around an order whose claim is gone.
    expect(await claimAgain()).toBe('claim.blocked')
    expect(await codeFrom(desk.claim(await desk.home(), late))).toBe('claim.blocked')
    expect(await desk.send(late, null, { action: 'device' })).toMatchObject({ epoch: 0, blocked: true })
    expect(await replay()).toBe(0)
    // The order itself shows that it was theirs: its owner lifts it without the claim.
    expect(await carry(await home.block(2, [[late, 1]], { blocked: false }))).toBeUndefined()
    expect(await claimAgain()).toBeUndefined()
    expect(await codeFrom(desk.enrol(late, { ...wishes, counter: 9 }))).toBeUndefined()
  })

  test('holds back a camera under the earlier epoch that it knows while the order names a later one', async () => {
    await desk.claim(home, camera(), 2)
    await carry(await home.block(1, [[camera(), 2]]))
    // As a backup has it from before the second claim: its certificate counts.
    await desk.database.deleteFrom('blocks').execute()
    await desk.database.deleteFrom('claims').where('epoch', '=', 2).execute()
    await desk.database
      .updateTable('devices')
      .set({ epoch: 1 })
      .where('device_id', '=', camera().id)
      .execute()
    const certificate = await desk.enrol(camera(), { householdId: home.id, epoch: 1 })
    const early = () => desk.registrar.maySend(camera().id, home.id, 1)
    expect(await early()).toBe(true)
    expect(await replay()).toBe(1)
    expect(await early()).toBe(false)
    expect(await desk.counts(certificate)).toBe(false)
    for (const epoch of [1, 2])
      expect(await codeFrom(desk.enrol(camera(), { householdId: home.id, epoch, counter: 9 }))).toBe(
        'enrol.blocked',
      )
    for (const epoch of [2, 3])
      expect(await codeFrom(desk.claim(home, camera(), epoch, 1))).toBe('claim.blocked')
    // A stranger's order, or one of an epoch that nobody had, never gets that far.
    expect(await carry(await home.block(2, [[camera(), 7]]))).toBe('block.device')
    expect(await carry(await home.block(3, [[camera(), 7]], { blocked: false }))).toBe('block.device')
    expect(await carry(await home.block(4, [[camera(), 2]], { blocked: false }))).toBeUndefined()
    expect(await early()).toBe(true)
    expect(await codeFrom(desk.claim(home, camera(), 2))).toBeUndefined()
  })

  test('takes the word of the latest home alone, where the claims of two were lost', async () => {
    await carry(await home.block(1, [[camera(), 1]]))
    await desk.release(home, camera())
    const next = await desk.home()
    await desk.claim(next, camera(), 3, 2)
    const own = (number: number, blocked: boolean) => next.block(number, [[camera(), 3]], { blocked })
    for (const [number, blocked] of [
      [1, true],
      [2, false],
    ] as const)
      await codeFrom(desk.send(next.root, next.id, { action: 'block', block: await own(number, blocked) }))
    await desk.database.deleteFrom('claims').where('device_id', '=', camera().id).execute()
    await desk.database.deleteFrom('devices').where('device_id', '=', camera().id).execute()
    expect(await isBlocked(camera())).toBe(false)
    await desk.database.deleteFrom('blocks').where('household_id', '=', next.id).execute()
    expect(await isBlocked(camera())).toBe(true)
  })

  test('has the releases again: who pairs the camera next is not kept out', async () => {
    await carry(await home.block(1, [[camera(), 1]]))
    await desk.release(home, camera())
    await desk.database.updateTable('claims').set({ released: null }).execute()
    await desk.database.updateTable('devices').set({ household_id: home.id }).execute()
    expect(await isBlocked(camera())).toBe(true)
    expect(await replay()).toBe(1)
    const next = await desk.home()
    await desk.claim(next, camera(), 3)
    expect(await desk.enrol(camera(), { householdId: next.id, epoch: 3 })).toBeDefined()
    expect(await replay()).toBe(0)
    expect(await standingOf(desk.database, camera().id)).toMatchObject({ householdId: next.id, epoch: 3 })
  })

  test('frees nothing by a release that meets no claim, until that claim is registered again', async () => {
    const claim = await home.claim(camera(), 2, { registrarEpoch: 1 })
    await desk.send(home.root, home.id, { action: 'claim', claim })
    await desk.release(home, camera(), 2)
    await desk.database.deleteFrom('claims').where('epoch', '=', 2).execute()
    await desk.database
      .updateTable('devices')
      .set({ epoch: 1, household_id: home.id })
      .where('device_id', '=', camera().id)
      .execute()
    for (let starts = 0; starts < 2; starts++) expect(await replay()).toBe(0)
    expect(await kept()).toHaveLength(1)
    expect(await standingOf(desk.database, camera().id)).toMatchObject({ householdId: home.id, epoch: 1 })
    await desk.send(home.root, home.id, { action: 'claim', claim })
    const standing = await standingOf(desk.database, camera().id)
    expect(standing).toMatchObject({ householdId: null, epoch: 2, toPass: 3 })
    expect(standing.release).not.toBeNull()
    expect(await codeFrom(desk.enrol(camera(), { householdId: home.id, epoch: 2 }))).toBe('enrol.claim')
    expect(await replay()).toBe(0)
  })

  test('frees and lifts nothing by the word of who is no root of that home', async () => {
    const stranger = newSigner()
    const [one, two] = cameras as [Signer, Signer]
    await carry(await home.block(5, [[one, 1]]))
    const lift = await home.block(9, [[one, 1]], { blocked: false, root: stranger })
    const old = await home.block(4, [[one, 1]], { blocked: false })
    await desk.journal.keep({ kind: 'release', release: await home.release(two, 1, stranger) })
    const other = await desk.home()
    const theirs = await other.release(two, 1)
    await desk.journal.keep({ kind: 'release', release: theirs })
    await desk.journal.keep({ kind: 'block', generation: 0, block: lift })
    // The root's own old word, as if a later root had said it.
    await desk.journal.keep({ kind: 'block', generation: 1, block: old })
    await desk.database.deleteFrom('blocks').execute()
    expect(await replay()).toBe(1)
    expect(await replay()).toBe(0)
    expect(await isBlocked(one)).toBe(true)
    expect((await standingOf(desk.database, two.id)).householdId).toBe(home.id)
    // One that meets its claim later is held against it then.
    const late = newSigner()
    await desk.journal.keep({ kind: 'release', release: await home.release(late, 1, stranger) })
    await replay()
    await desk.claim(home, late)
    expect((await standingOf(desk.database, late.id)).householdId).toBe(home.id)
  })

  test('has a lift again, whose household it has lost: who has blocked may lift', async () => {
    const [one, two] = cameras as [Signer, Signer]
    const both = await home.block(1, [
      [one, 1],
      [two, 1],
    ])
    const lift = await home.block(2, [[one, 1]], { blocked: false })
    for (const order of [both, lift]) await carry(order)
    const tables = ['blocks', 'claims', 'devices', 'members', 'households'] as const
    for (const table of tables) await desk.database.deleteFrom(table).execute()
    await replay()
    expect([await isBlocked(one), await isBlocked(two)]).toEqual([false, true])
    expect(await desk.registrar.blocks(home.id)).toEqual([lift, both])
  })

  test('a journal that was lost is written again; what others took the place of is not kept', async () => {
    const [one, two] = cameras as [Signer, Signer]
    for (let number = 1; number <= 20; number++)
      await carry(await home.block(number, [[one, 1]], { blocked: number % 2 === 1 }))
    expect(await kept()).toHaveLength(1)
    const both = await home.block(21, [
      [one, 1],
      [two, 1],
    ])
    for (const order of [both, await home.block(22, [[one, 1]], { blocked: false })]) await carry(order)
    // It is the newest for the other one still.
    expect(await kept()).toHaveLength(2)
    await desk.release(home, two)
    expect(await kept()).toHaveLength(2)
    expect((await desk.journal.all()).map(({ kind }) => kind).sort()).toEqual(['block', 'release'])
    const before = await kept()
    expect(await replay()).toBe(0)
    expect(await kept()).toEqual(before)
    for (const order of await desk.journal.all()) await desk.journal.forget(order)
    await replay()
    expect(await kept()).toEqual(before)
  })

  test('a block that its owner ended by a release keeps nobody out, though its claim is lost', async () => {
    const claim = await home.claim(camera(), 2, { registrarEpoch: 1 })
    await desk.send(home.root, home.id, { action: 'claim', claim })
    await carry(await home.block(1, [[camera(), 2]]))
    await desk.release(home, camera(), 2)
    for (const table of ['blocks', 'claims', 'devices'] as const)
      await desk.database.deleteFrom(table).where('device_id', '=', camera().id).execute()
    await replay()
    expect(await isBlocked(camera())).toBe(false)
    const next = await desk.home()
    expect(await codeFrom(desk.claim(next, camera(), 3, 0))).toBeUndefined()
    expect(await isBlocked(camera())).toBe(false)
  })

  describe('with a damaged journal', () => {
    const file = (name: string) => join(desk.folder, 'orders', name)
    const aside = () => readdir(join(desk.folder, 'orders-damaged')).catch(() => [])
    const codes = () => desk.told.splice(0).map(line => JSON.parse(line).code)
    const forged = async () => {
      const order = await home.block(9, [[cameras[2] as Signer, 1]])
      return { kind: 'block', generation: 0, block: `${order.slice(0, -8)}AAAAAAAA` } as const
    }

    test.each([
      ['a torn file', (text: string) => text.slice(0, 20)],
      ['an empty one', () => ''],
      ['one flipped letter', (text: string) => text.replace(/(\.[\w-]{9})./, '$1A')],
      ['another kind of text', () => '{"kind":"nothing"}'],
    ])('%s is set aside and told of; all else stands, and orders go on being kept', async (_, damage) => {
      await carry(await home.block(1, [[camera(), 1]]))
      const [name = ''] = await kept()
      const text = await readFile(file(name), 'utf8')
      await carry(await home.block(2, [[cameras[1] as Signer, 1]]))
      await writeFile(file(name), damage(text))
      // While the hub runs.
      expect(await carry(await home.block(3, [[cameras[2] as Signer, 1]]))).toBeUndefined()
      expect(await kept()).toHaveLength(3)
      await desk.database.deleteFrom('blocks').execute()
      expect(await replay()).toBe(2)
      expect(await Promise.all(cameras.map(isBlocked))).toEqual([false, true, true])
      expect(codes()).toEqual(['hub.damaged'])
      expect(await aside()).toEqual([name])
      expect(await kept()).toHaveLength(2)
      expect(await replay()).toBe(0)
      expect(codes()).toEqual([])
      // Any app brings it again.
      expect(await carry(await home.block(1, [[camera(), 1]]))).toBeUndefined()
      expect(await isBlocked(camera())).toBe(true)
    })

    test('what the database has still is written again', async () => {
      await carry(await home.block(1, [[camera(), 1]]))
      const [name = ''] = await kept()
      await writeFile(file(name), '{"kind":"block"')
      expect(await replay()).toBe(0)
      expect(await kept()).toEqual([name])
      expect(await isBlocked(camera())).toBe(true)
    })

    test('an order that nobody has signed is set aside', async () => {
      await carry(await home.block(1, [[camera(), 1]]))
      await desk.journal.keep(await forged())
      expect(await replay()).toBe(0)
      expect(codes()).toEqual(['statement.signature'])
      expect(await isBlocked(cameras[2] as Signer)).toBe(false)
      expect(await aside()).toHaveLength(1)
      expect(await kept()).toHaveLength(1)
      await desk.journal.forgetDamaged()
      expect(await aside()).toEqual([])
    })
  })
})
