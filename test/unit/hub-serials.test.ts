import { join } from 'node:path'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { Serials } from '../../deploy/hub/serials.ts'
import { codeOf } from '../../protocol/errors.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { anId } from '../support/stored-clips.ts'

let database: Db
let serials: Serials
let remove: () => Promise<void>
beforeEach(async () => {
  const made = await temporaryFolder()
  remove = made.remove
  database = await openDatabase(join(made.path, 'registrar.db'))
  serials = new Serials(database, () => new Date())
})
afterEach(async () => {
  await database.destroy()
  await remove()
})

const shown = { kind: 'idevid', chain: [] } as const
const id = (device: string) => anId(`device ${device}`)
const bind = (device: string, serial: string, offline = false) =>
  serials.bind({ deviceId: id(device), serial, proof: 'a.b.c', stationId: null, content: shown }, { offline })
const settle = (device: string, serial: string, number: number) =>
  serials.settle(
    {
      deviceId: id(device),
      serial,
      proof: `${number}.${device}${serial}.x`,
      stationId: null,
      content: shown,
    },
    number,
  )
const may = (device: string) => codeFrom(serials.mayPair(id(device)))
const rows = () => database.selectFrom('serials').select(['device_id', 'serial', 'disputed']).execute()

type Step =
  | { readonly do: 'bind'; readonly device: string; readonly serial: string; readonly offline: boolean }
  | { readonly do: 'settle'; readonly device: string; readonly serial: string }

const device = fc.constantFrom('a', 'b', 'c', 'd')
const serial = fc.constantFrom('S1', 'S2', 'S3')
const binding = fc.record({ do: fc.constant('bind' as const), device, serial, offline: fc.boolean() })
const word = fc.record({ do: fc.constant('settle' as const), device, serial })

/** PROTOCOL 9.2 and 9.3 in a few lines: whose each serial is, without a database. */
class Model {
  readonly of = new Map<string, string>()
  readonly spoken = new Set<string>()

  bearers = (serial: string) => [...this.of].filter(([, other]) => other === serial).map(([name]) => name)
  disputed = (serial: string) => this.bearers(serial).length > 1

  take(step: Step): string | undefined {
    const own = this.of.get(step.device)
    if (step.do === 'settle') {
      for (const other of this.bearers(step.serial)) this.of.delete(other)
      this.of.set(step.device, step.serial)
      this.spoken.add(step.serial)
      return undefined
    }
    if (own !== undefined) return own === step.serial ? undefined : 'serial.key'
    const free = this.bearers(step.serial).length === 0
    if (this.spoken.has(step.serial) || (!free && !step.offline)) return 'serial.taken'
    this.of.set(step.device, step.serial)
    return undefined
  }
}

async function empty(): Promise<void> {
  await sql`delete from serials`.execute(database)
  await sql`delete from serial_words`.execute(database)
}

test('whatever stations and root say in whatever order, one serial is one key’s, or all of its keys dispute it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 4, arbitrary: binding }, word), { maxLength: 25 }),
      async steps => {
        await empty()
        const model = new Model()
        for (const [index, step] of steps.entries()) {
          const wanted = model.take(step)
          const work = step.do === 'bind' ? bind(step.device, step.serial, step.offline) : undefined
          const code = await codeFrom(work ?? settle(step.device, step.serial, index + 1))
          expect(code).toBe(wanted)
          if (code === undefined && work) expect((await work).disputed).toBe(model.disputed(step.serial))
        }
        const expected = [...model.of].map(([name, serial]) => ({
          ...{ device_id: id(name), serial, disputed: model.disputed(serial) ? 1 : 0 },
        }))
        const sort = (list: readonly { device_id: string }[]) => list.map(row => JSON.stringify(row)).sort()
        expect(sort(await rows())).toEqual(sort(expected))
        for (const name of ['a', 'b', 'c', 'd']) {
          const own = model.of.get(name)
          const wanted =
            own === undefined ? 'serial.unknown' : model.disputed(own) ? 'serial.disputed' : undefined
          expect(await may(name)).toBe(wanted)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('the same registrations, merged in any order, end in the same disputes', async () => {
  const made = [
    ['a', 'S1'],
    ['b', 'S1'],
    ['c', 'S2'],
    ['d', 'S3'],
  ] as const
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...made], { minLength: 4 }), async order => {
      await empty()
      for (const [name, serial] of order) await bind(name, serial, true)
      const codes = await Promise.all(['a', 'b', 'c', 'd'].map(may))
      expect(codes).toEqual(['serial.disputed', 'serial.disputed', undefined, undefined])
    }),
    { numRuns: 15 },
  )
})

test('of many stations that register one serial at once exactly one has it, and of one key’s many serials one', async () => {
  const others = Array.from({ length: 12 }, (_, index) => `x${index}`)
  const codes = await Promise.all(others.map(name => codeFrom(bind(name, 'S1'))))
  expect(codes.filter(code => code === undefined)).toHaveLength(1)
  expect(codes.filter(code => code === 'serial.taken')).toHaveLength(11)
  const labels = await Promise.all(others.map((_, index) => codeFrom(bind('one', `T${index}`))))
  expect(labels.filter(code => code === undefined)).toHaveLength(1)
  expect(labels.filter(code => code === 'serial.key')).toHaveLength(11)
  expect(await rows()).toHaveLength(2)
})

test('the database itself refuses a second device under a serial that nobody disputes', async () => {
  await bind('a', 'S1')
  const row = { serial: 'S1', disputed: 0, proof: 'a.b.c', registered_at: '' }
  const insert = (values: typeof row, name: string) =>
    database
      .insertInto('serials')
      .values({ ...values, device_id: id(name) })
      .execute()
  await expect(insert(row, 'b')).rejects.toThrow(/unique/i)
  await expect(insert({ ...row, serial: 'S2' }, 'a')).rejects.toThrow(/unique/i)
})

test('a repeat is no error and brings no second dispute; it says that there is one', async () => {
  expect(await bind('a', 'S1')).toEqual({ disputed: false, fresh: false })
  expect(await bind('a', 'S1', true)).toEqual({ disputed: false, fresh: false })
  expect(await bind('b', 'S1', true)).toEqual({ disputed: true, fresh: true })
  expect(await bind('b', 'S1', true)).toEqual({ disputed: true, fresh: false })
  expect(await bind('a', 'S1')).toEqual({ disputed: true, fresh: false })
})

test('the root ends a dispute by a new label for one, or by saying whose the old one is', async () => {
  await bind('a', 'S1')
  await bind('b', 'S1', true)
  await settle('b', 'S2', 1)
  expect([await may('a'), await may('b')]).toEqual([undefined, undefined])
  // An old registration that comes again changes nothing.
  expect(await codeFrom(bind('b', 'S1', true))).toBe('serial.key')

  await bind('c', 'S1', true)
  await settle('a', 'S1', 2)
  expect([await may('a'), await may('c')]).toEqual([undefined, 'serial.unknown'])
  expect(await codeFrom(bind('c', 'S1', true))).toBe('serial.taken')
  expect(await codeFrom(bind('c', 'S3'))).toBeUndefined()
  expect(await may('c')).toBeUndefined()
})

test('numbers of the root’s words grow over all serials; the word that stands may come again', async () => {
  await settle('a', 'S1', 5)
  for (const number of [1, 5]) expect(await codeFrom(settle('b', 'S2', number))).toBe('serial.old')
  await settle('a', 'S1', 5)
  await settle('b', 'S1', 6)
  // The word before it counts no more.
  expect(await codeFrom(settle('a', 'S1', 5))).toBe('serial.old')
  expect([await may('a'), await may('b')]).toEqual(['serial.unknown', undefined])
})

test('who disputes a serial is found with whose home it is', async () => {
  await bind('a', 'S1')
  expect(await serials.disputing('S1')).toEqual([])
  await bind('b', 'S1', true)
  const claimed = { household_id: anId('home'), epoch: 1, counter: 0, request: '', certificate: '', held: 0 }
  await database
    .insertInto('devices')
    .values({ ...claimed, device_id: id('a'), cloned: 0, boots: '[]' })
    .execute()
  expect(new Set(await serials.disputing('S1'))).toEqual(
    new Set([
      { deviceId: id('a'), householdId: anId('home') },
      { deviceId: id('b'), householdId: null },
    ]),
  )
})

test('what is refused leaves nothing behind', async () => {
  await bind('a', 'S1')
  const before = await rows()
  for (const work of [() => bind('a', 'S2'), () => bind('b', 'S1'), () => bind('a', 'S2', true)]) {
    const error = await work().then(
      () => undefined,
      (cause: unknown) => cause,
    )
    expect(codeOf(error)).toMatch(/^serial\.(key|taken)$/)
  }
  expect(await rows()).toEqual(before)
})
