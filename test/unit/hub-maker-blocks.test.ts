import { join } from 'node:path'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Allowance } from '../../deploy/hub/allowance.ts'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { enterMakerBlock, mayGive } from '../../deploy/hub/maker-blocks.ts'
import { replayOrders } from '../../deploy/hub/replay.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { MakerBlock } from '../../protocol/maker-block.ts'
import { TestMaker, TestSigner } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'
import { readsThrough } from '../support/query-plans.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'
import { anId } from '../support/stored-clips.ts'

const DAY = 24 * 3600_000
const ids = (count: number, from = 0) => Array.from({ length: count }, (_, index) => anId(`${from + index}`))

describe('at the registrar', () => {
  let maker: TestMaker
  let desk: Desk
  let one: TestSigner
  let two: TestSigner
  beforeEach(async () => {
    maker = await TestMaker.make()
    desk = await Desk.open({ makerRoot: maker.root })
    one = new TestSigner()
    two = new TestSigner()
    for (const { signer } of [one, two]) await announce(signer)
  })
  afterEach(() => desk.close())

  const announce = async ({ id }: Signer, number = 1, active = true) => {
    const signer = await maker.says('signer', id, number, active)
    await desk.send(maker.signer, null, { action: 'signer', signer })
  }
  const carry = (block: string, second: string | null = null, by = one.signer) =>
    codeFrom(desk.send(by, null, { action: 'maker-block', block, second }))
  const replay = (makerRootId: string | undefined = maker.root.id) =>
    replayOrders(desk.database, desk.journal, { now: desk.now, makerRootId })
  /** A camera of the maker's that this home has paired. */
  const paired = async () => {
    const [home, camera] = [await desk.home(), newSigner()]
    await make(`P-${camera.id.slice(0, 8)}`, camera)
    await desk.claim(home, camera)
    return { home, camera }
  }
  const make = async (serial: string, board: Signer) => {
    const word = await maker.word(serial, board, Date.now() + made++)
    await desk.send(maker.signer, null, { action: 'serial', serial: word })
  }
  let made = 0
  const told = async (householdId: string) =>
    (await desk.registrar.notices(householdId)).map(({ kind, deviceId, reason }) => [kind, deviceId, reason])

  test('an order ends what a camera may do, in every epoch and home, until another lifts it', async () => {
    const { home, camera } = await paired()
    const other = await desk.home()
    const certificate = await desk.enrol(camera, { householdId: home.id, epoch: 1 })
    desk.changed.splice(0)
    expect(await carry(await one.order([camera]))).toBeUndefined()
    expect(await desk.counts(certificate)).toBe(false)
    expect(desk.changed).toEqual([camera.id])
    expect(await codeFrom(desk.enrol(camera, { householdId: home.id, epoch: 1, counter: 2 }))).toBe(
      'enrol.blocked',
    )
    expect(await desk.send(camera, null, { action: 'device' })).toMatchObject({ blocked: true })
    expect(await told(home.id)).toEqual([['makerBlocked', camera.id, 'Stolen from the warehouse']])
    // Neither a new epoch, nor a release, nor another home is a way around it.
    expect(await codeFrom(desk.claim(home, camera, 2))).toBe('claim.blocked')
    await desk.release(home, camera)
    expect(await codeFrom(desk.claim(other, camera, 3, 2))).toBe('claim.blocked')

    const lift = await one.order([camera], { blocked: false, reason: 'Found again' })
    expect(await carry(lift)).toBeUndefined()
    expect(await codeFrom(desk.claim(other, camera, 3, 2))).toBeUndefined()
    const again = await desk.enrol(camera, { householdId: other.id, epoch: 3 })
    expect(await desk.counts(again)).toBe(true)
  })

  test('a camera that nobody has paired yet cannot be; its next owner learns of the lift', async () => {
    const { home, camera } = await paired()
    const board = newSigner()
    await make('N-1', board)
    await carry(await one.order([board, camera]))
    expect(await codeFrom(desk.claim(home, board))).toBe('claim.blocked')
    await carry(await two.order([camera], { blocked: false, reason: 'A mistake of ours' }))
    expect((await told(home.id))[0]).toEqual(['makerUnblocked', camera.id, 'A mistake of ours'])
    expect(await desk.send(camera, null, { action: 'device' })).toMatchObject({ blocked: false })
    expect(await desk.send(board, null, { action: 'device' })).toMatchObject({ blocked: true })
  })

  test('only signers whom the root has announced give orders and carry them', async () => {
    const [board, stranger] = [newSigner(), new TestSigner()]
    const order = await stranger.order([board])
    expect(await carry(order)).toBe('block.signer')
    expect(await carry(order, null, stranger.signer)).toBe('block.signer')
    expect(await carry(await one.order([board]), null, stranger.signer)).toBe('block.signer')
    expect(await carry(await one.order([board]), null, maker.signer)).toBe('block.signer')
    expect(await carry(order, await one.second(order))).toBe('block.signer')
    const mine = await one.order([board])
    expect(await carry(mine, await stranger.second(mine))).toBe('block.signer')
    await announce(one.signer, 2, false)
    expect(await carry(await one.order([board]))).toBe('block.signer')
    const old = await one.order([board])
    expect(await carry(old, await two.second(old), two.signer)).toBe('block.signer')
    expect(await desk.send(board, null, { action: 'device' })).toMatchObject({ blocked: false })
    const plain = await Desk.open()
    const block = await one.order([board])
    expect(await codeFrom(plain.send(one.signer, null, { action: 'maker-block', block, second: null }))).toBe(
      'hub.request',
    )
    await plain.close()
  })

  test('more than ten cameras need the word of another signer, on this very order', async () => {
    const many = ids(11)
    const [order, other] = [await one.order(many), await one.order(ids(12))]
    expect(await carry(order)).toBe('block.second')
    expect(await carry(order, await one.second(order))).toBe('block.second')
    expect(await carry(order, await two.second(other))).toBe('block.second')
    expect(await carry(order, order)).toBe('statement.kind')
    const damaged = `${(await two.second(order)).slice(0, -8)}AAAAAAAA`
    expect(await carry(order, damaged)).toBe('statement.signature')
    expect(await carry(other, await two.second(other), two.signer)).toBeUndefined()
    // A rewritten signature makes no other order.
    expect(await carry(other, await two.second(other))).toBeUndefined()
    expect(await carry(order, await two.second(order))).toBe('block.old')
  })

  test('an order for two thousand is taken, though no other request of a stranger may be so large', async () => {
    const order = await one.order(ids(2000))
    expect(order.length).toBeGreaterThan(100_000)
    expect(await carry(order, await two.second(order))).toBeUndefined()
    const rows = await desk.database.selectFrom('maker_blocks').select('device_id').execute()
    expect(rows).toHaveLength(2000)
    const reset = `${order}.a`.replace(/\.[^.]*$/, '')
    expect(await codeFrom(desk.send(one.signer, null, { action: 'reset', reset }))).toBe('statement.size')
  })

  test('orders grow by number; a replayed one changes nothing, and none shuts out those to come', async () => {
    const { camera } = await paired()
    const blocked = async () => (await desk.send(camera, null, { action: 'device' })).blocked
    const now = Date.now()
    const block = await one.order([camera], { number: now })
    const lift = await one.order([camera], { number: now + 1, blocked: false })
    for (const order of [block, block, lift, lift]) expect(await carry(order)).toBeUndefined()
    expect(await carry(block)).toBe('block.old')
    expect(await carry(await one.order([camera], { number: now + 1 }))).toBe('block.old')
    for (const number of [now + 2 * DAY, Number.MAX_SAFE_INTEGER])
      expect(await carry(await one.order([camera], { number }))).toBe('block.ahead')
    expect(await blocked()).toBe(false)
    // Each is recorded once.
    const records = await desk.database.selectFrom('records').select('content').execute()
    expect(records.filter(({ content }) => content?.includes('"kind":"makerBlock"'))).toHaveLength(2)
  })

  test('what is overtaken is forgotten; each signer carries so many orders, and takes no other’s share', async () => {
    await desk.close()
    const few = new Allowance({ burst: 6, everyMs: 1e9, keysMax: 10 })
    desk = await Desk.open({ makerRoot: maker.root, makerOrders: few })
    for (const { signer } of [one, two]) await announce(signer)
    const [board, other] = [newSigner(), newSigner()]
    expect(await carry(await one.order([board, other]))).toBeUndefined()
    for (let index = 0; index < 5; index++)
      expect(await carry(await one.order([board], { blocked: index % 2 === 0 }))).toBeUndefined()
    const orders = async () =>
      (await desk.journal.all())
        .filter(({ kind }) => kind === 'makerBlock')
        .map(order => JSON.stringify(order))
    const rows = () => desk.database.selectFrom('maker_orders').select('number').execute()
    // The first one is the newest for the other camera still.
    expect([(await orders()).length, (await rows()).length]).toEqual([2, 2])
    expect(await carry(await one.order([board]))).toBe('hub.busy')
    const last = await two.order([board, other], { blocked: false })
    expect(await carry(last, null, two.signer)).toBeUndefined()
    expect(await orders()).toEqual([JSON.stringify({ kind: 'makerBlock', block: last, second: null })])
    expect(await rows()).toHaveLength(1)
    expect(await replay()).toBe(0)
  })

  test('what strangers write into the journal makes nobody a signer and lifts nothing', async () => {
    const { camera } = await paired()
    expect(await carry(await one.order([camera.id]))).toBeUndefined()
    const [stranger, rogueRoot] = [new TestSigner(), await TestMaker.make()]
    const word = await rogueRoot.says('signer', stranger.signer.id, 1, true)
    await desk.journal.keep({ kind: 'signer', word })
    const lift = await stranger.order([camera.id], { blocked: false, number: Date.now() + 1000 })
    await desk.journal.keep({ kind: 'makerBlock', block: lift, second: null })
    const far = await stranger.order([camera.id], { number: Number.MAX_SAFE_INTEGER })
    await desk.journal.keep({ kind: 'makerBlock', block: far, second: null })
    const before = await rowsOf(desk.database)
    expect(await replay()).toBe(0)
    expect(await rowsOf(desk.database)).toEqual(before)
    expect(await desk.send(camera, null, { action: 'device' })).toMatchObject({ blocked: true })
    expect(await carry(await one.order([camera.id], { blocked: false }))).toBeUndefined()
    expect(await desk.send(camera, null, { action: 'device' })).toMatchObject({ blocked: false })
  })

  test('a number of almost a day ahead keeps no other signer from any order, and is overruled by one more', async () => {
    const { camera } = await paired()
    const [board, freed] = [newSigner(), newSigner()]
    const blocked = async (one: Signer) => (await desk.send(one, null, { action: 'device' })).blocked
    await carry(await two.order([board]))
    const ahead = Date.now() + DAY - 60_000
    expect(await carry(await one.order([camera, freed], { number: ahead }))).toBeUndefined()
    // Of other cameras every order counts as before, of one signer or of two.
    expect(await carry(await two.order([board], { blocked: false }))).toBeUndefined()
    const many = await two.order(ids(11))
    expect(await carry(many, await one.second(many), two.signer)).toBeUndefined()
    // Of the same cameras it takes a higher number, which the refusal names; for some of them alone it counts for none.
    const lift = (number?: number) =>
      two.order([camera, board], { blocked: false, ...(number !== undefined && { number }) })
    const low = desk.send(two.signer, null, { action: 'maker-block', block: await lift(), second: null })
    await expect(low).rejects.toMatchObject({ code: 'block.old', detail: String(ahead) })
    for (const number of [ahead - 1, ahead]) expect(await carry(await lift(number))).toBe('block.old')
    expect(await blocked(camera)).toBe(true)
    expect(await carry(await lift(ahead + 1))).toBeUndefined()
    expect([await blocked(camera), await blocked(freed)]).toEqual([false, true])
    // A number that another order has is nobody else's.
    expect(await carry(await two.order([newSigner()], { number: ahead + 1 }))).toBe('block.old')
  })

  test('what a wrong clock had taken is lifted by one more, and by no greater leap', async () => {
    const { camera } = await paired()
    const now = desk.now
    desk.later(400 * DAY)
    const far = desk.now.getTime()
    expect(await carry(await one.order([camera], { number: far }))).toBeUndefined()
    desk.now = now
    const lift = (number: number) => two.order([camera], { number, blocked: false })
    expect(await carry(await lift(Date.now()))).toBe('block.old')
    expect(await carry(await lift(far + 2))).toBe('block.ahead')
    expect(await carry(await lift(far + 1))).toBeUndefined()
  })

  test('a serial is resolved for signers alone: every key that bears it, and how each stands', async () => {
    const [first, twin] = [newSigner(), newSigner()]
    const { home, camera } = await paired()
    const station = await maker.station()
    const word = await maker.says('station', station.signer.id, 1)
    await desk.send(maker.signer, null, { action: 'station', station: word })
    for (const board of [first, twin, camera])
      await codeFrom(
        desk.send(station.signer, null, {
          ...{ action: 'register', registration: await station.registration('T-1', board) },
          ...{ chain: [...station.chain], offline: true },
        }),
      )
    const ask = (by: Signer, serial = 'T-1') => desk.send(by, null, { action: 'serial-keys', serial })
    await carry(await one.order([twin]))
    const { devices } = await ask(two.signer)
    const place = { disputed: true, blocked: false, paired: false }
    expect(devices).toEqual([
      { ...place, deviceId: first.id },
      { ...place, deviceId: twin.id, blocked: true },
    ])
    const [own] = (await ask(one.signer, `P-${camera.id.slice(0, 8)}`)).devices
    expect(own).toEqual({ deviceId: camera.id, disputed: false, blocked: false, paired: true })
    expect(await ask(one.signer, 'NONE')).toEqual({ devices: [] })
    for (const by of [newSigner(), station.signer, maker.signer, home.root])
      for (const serial of ['T-1', 'NONE']) expect(await codeFrom(ask(by, serial))).toBe('block.signer')
  })

  test('a database that is restored from a backup gets the maker’s words and orders again, lifts among them', async () => {
    const [board, freed, station] = [newSigner(), newSigner(), newSigner()]
    await carry(await one.order([freed, board]))
    const backup = await rowsOf(desk.database)
    await carry(await two.order([freed], { blocked: false }))
    await carry(await one.order(ids(11)), null)
    const many = await one.order(ids(11))
    await carry(many, await two.second(many))
    const revoked = await maker.says('station', station.id, 3, false)
    await desk.send(maker.signer, null, { action: 'station', station: revoked })
    await announce(two.signer, 2, false)
    const before = await rowsOf(desk.database)
    for (const [table, rows] of Object.entries(backup)) {
      await sql`delete from ${sql.table(table)}`.execute(desk.database)
      for (const row of rows)
        await desk.database
          .insertInto(table as 'maker_keys')
          .values(row as never)
          .execute()
    }
    expect(await replay()).toBe(4)
    const standing = ({ maker_blocks, maker_keys }: typeof before) =>
      [...maker_blocks.map(row => ({ ...row, single_at: null })), ...maker_keys].map(row =>
        JSON.stringify(row),
      )
    expect(standing(await rowsOf(desk.database)).sort()).toEqual(standing(before).sort())
    expect(await desk.send(board, null, { action: 'device' })).toMatchObject({ blocked: true })
    expect(await desk.send(freed, null, { action: 'device' })).toMatchObject({ blocked: false })
    expect(await carry(await two.order([board], { blocked: false }), null, two.signer)).toBe('block.signer')
    expect(await replay()).toBe(0)
    // Three orders stand for some device still, and the newest word on each of three keys.
    const kept = await desk.journal.all()
    expect(kept.map(({ kind }) => kind).sort()).toEqual([
      ...['makerBlock', 'makerBlock', 'makerBlock', 'signer', 'signer', 'station'],
    ])
  })

  test('what is asked finds its rows by an index', async () => {
    const { camera } = await paired()
    desk.queries.splice(0)
    await carry(await one.order([camera]))
    await carry(await one.order([camera], { blocked: false }))
    await desk.send(one.signer, null, { action: 'serial-keys', serial: 'T-1' })
    const { scans, queries } = await readsThrough(desk)
    expect(scans).toEqual([])
    expect(queries).toBeGreaterThan(10)
  })
})

/** What a backup of the registrar's database has of the maker's. */
async function rowsOf(db: Db) {
  const all = (table: 'maker_blocks' | 'maker_orders' | 'maker_keys') =>
    sql<Record<string, never>>`select * from ${sql.table(table)}`.execute(db).then(({ rows }) => rows)
  return {
    maker_blocks: await all('maker_blocks'),
    maker_orders: await all('maker_orders'),
    maker_keys: await all('maker_keys'),
  }
}

/** The rule by itself, with orders whose signatures nobody looks at. */
describe('ten cameras a day', () => {
  let db: Db
  let remove: () => Promise<void>
  beforeEach(async () => {
    const made = await temporaryFolder()
    remove = made.remove
    db = await openDatabase(join(made.path, 'registrar.db'))
    for (const name of ['one', 'two']) {
      const row = { kind: 'signer' as const, name, number: 1, active: 1, jws: '' }
      await db
        .insertInto('maker_keys')
        .values({ key_id: anId(name), ...row })
        .execute()
    }
  })
  afterEach(async () => {
    await db.destroy()
    await remove()
  })

  const signer = (name: string) => ({ id: anId(name), spki: new Uint8Array() }) as MakerBlock['signer']
  const order = (
    number: number,
    devices: readonly string[],
    second: boolean,
    blocked = true,
  ): MakerBlock => ({
    ...{ number, devices, blocked, reason: '', issuedAt: '', jws: `a.${number}.b`, signer: signer('one') },
    second: second ? { jws: 'c.d.e', signer: signer('two') } : null,
  })
  const give = async (given: MakerBlock, at: number): Promise<string | undefined> => {
    const now = new Date(at)
    return codeFrom(
      mayGive(db, given, now).then(async fresh => void (fresh && (await enterMakerBlock(db, given, now)))),
    )
  }
  const start = Date.parse('2026-11-25T12:00:00Z')

  test('a single signer who blocks a thousand: not in one order, not in a hundred', async () => {
    expect(await give(order(1, ids(1000), false), start)).toBe('block.second')
    const codes: (string | undefined)[] = []
    for (let index = 0; index < 100; index++)
      codes.push(await give(order(2 + index, ids(10, index * 10), false), start + index * 1000))
    expect(codes.filter(code => code === undefined)).toHaveLength(1)
    expect(codes.filter(code => code === 'block.second')).toHaveLength(99)
    // To undo it is no new camera; the next day is a new one.
    expect(await give(order(200, ids(10), false, false), start + 200_000)).toBeUndefined()
    expect(await give(order(201, ids(1, 50), false), start + DAY)).toBe('block.second')
    expect(await give(order(202, ids(10, 50), false), start + DAY + 200_001)).toBeUndefined()
  })

  test('whatever is ordered whenever, no window of a day has an eleventh camera of single signers', async () => {
    const step = fc.record({
      devices: fc.uniqueArray(fc.integer({ min: 0, max: 24 }), { minLength: 1, maxLength: 12 }),
      second: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
      blocked: fc.boolean(),
      hours: fc.integer({ min: 0, max: 14 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
        for (const table of ['maker_blocks', 'maker_orders', 'records'])
          await sql`delete from ${sql.table(table)}`.execute(db)
        const taken: { at: number; devices: readonly number[] }[] = []
        const stands = new Map<number, boolean>()
        let at = start
        for (const [index, { devices, second, blocked, hours }] of steps.entries()) {
          at += hours * 3600_000
          const named = new Set(taken.filter(one => one.at > at - DAY).flatMap(one => one.devices))
          const tooMany = !second && new Set([...named, ...devices]).size > 10
          const given = order(
            index + 1,
            devices.map(device => anId(`${device}`)),
            second,
            blocked,
          )
          expect(await give(given, at)).toBe(tooMany ? 'block.second' : undefined)
          if (tooMany) continue
          if (!second) taken.push({ at, devices })
          for (const device of devices) stands.set(device, blocked)
        }
        const rows = await db.selectFrom('maker_blocks').select(['device_id', 'blocked']).execute()
        const wanted = [...stands].map(([device, blocked]) => `${anId(`${device}`)} ${blocked ? 1 : 0}`)
        expect(rows.map(row => `${row.device_id} ${row.blocked}`).sort()).toEqual(wanted.sort())
      }),
      { numRuns: 40 },
    )
  })
})
