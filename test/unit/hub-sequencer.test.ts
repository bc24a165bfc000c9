import { copyFile, cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, asyncProperty, constantFrom, array as many, nat } from 'fast-check'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Authority } from '../../deploy/hub/authority.ts'
import { type Db, openDatabase } from '../../deploy/hub/database.ts'
import { HubLog } from '../../deploy/hub/hub-log.ts'
import { record } from '../../deploy/hub/records.ts'
import { openCheckpoint } from '../../log/checkpoint.ts'
import { entryOf } from '../../log/entry.ts'
import { readNoteKey } from '../../log/note.ts'
import { verifyLog } from '../../log/verify.ts'
import { type Disk, disk } from '../../storage/disk.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'

const logger = pino({ level: 'silent' })
let folder: string
let remove: () => Promise<void>
let authority: Authority
/** What of the log the disk takes no more. */
let full: 'nothing' | 'heads' | 'anything'

beforeEach(async () => {
  ;({ path: folder, remove } = await temporaryFolder())
  authority = await Authority.open(disk, folder, [])
  full = 'nothing'
})
afterEach(() => remove())

/** The hub's disk; when it is full, files of the log do not get their names. */
const mayBeFull: Disk = {
  ...disk,
  async rename(from, to) {
    const isHead = to === join(folder, 'log', 'checkpoint')
    if ((full === 'anything' && to.startsWith(join(folder, 'log'))) || (full === 'heads' && isHead))
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    await disk.rename(from, to)
  },
}

async function start(): Promise<{ database: Db; log: HubLog }> {
  const database = await openDatabase(join(folder, 'registrar.db'))
  try {
    const log = await HubLog.open({
      ...{ disk: mayBeFull, data: folder, database, authority, now: () => new Date(), logger },
    })
    return { database, log }
  } catch (error) {
    await database.destroy()
    throw error
  }
}

let made = 0
async function write(database: Db, entries = 1): Promise<void> {
  await database.transaction().execute(async transaction => {
    for (let turn = 0; turn < entries; turn++)
      await record(transaction, { kind: 'claim', claim: `a.b.${made++}` }, {}, new Date())
  })
}

const rows = (database: Db) =>
  database
    .selectFrom('records')
    .select(['position', 'at', 'commitment', 'record_id'])
    .orderBy('record_id')
    .execute()

/** The log holds together, and each record is at its place. */
async function check(database: Db, log: HubLog): Promise<void> {
  const head = openCheckpoint(log.checkpoint, readNoteKey(log.key))
  expect(head.size).toBe(log.log.size)
  await verifyLog(disk, log.folder, head)
  for (const row of await rows(database))
    if (row.position !== null)
      expect(Buffer.from(await log.log.entry(row.position)).toString()).toBe(
        Buffer.from(entryOf(row)).toString(),
      )
}

test('records get their places in the order in which they were committed', async () => {
  const { database, log } = await start()
  await write(database, 3)
  await write(database, 600)
  log.wake()
  await log.flush()
  expect((await rows(database)).map(({ position }) => position)).toEqual([...Array(603).keys()])
  await check(database, log)
  await log.close()
  await database.destroy()
})

test('what was placed and not written is written at the next start, byte for byte', async () => {
  const first = await start()
  await write(first.database, 2)
  await first.log.flush()
  const before = first.log.checkpoint
  await write(first.database, 3)
  full = 'anything'
  expect(await codeFrom(first.log.flush())).toBe('ENOSPC')
  expect((await rows(first.database)).at(-1)?.position).toBe(4)
  await first.database.destroy()
  full = 'nothing'
  const second = await start()
  expect(second.log.log.size).toBe(5)
  expect(second.log.checkpoint).not.toBe(before)
  await check(second.database, second.log)
  await second.log.close()
  await second.database.destroy()
})

test('a log without its key, and one that nobody can complete, are damage', async () => {
  const { database, log } = await start()
  await write(database, 2)
  await log.flush()
  await log.close()
  await database.updateTable('records').set({ position: 7 }).where('position', '=', 1).execute()
  await database.destroy()
  await rm(join(folder, 'log'), { recursive: true })
  expect(await codeFrom(start())).toBe('hub.damaged')
  await rm(join(folder, 'registrar.db'))
  const anew = await start()
  await anew.log.close()
  await anew.database.destroy()
  await rm(join(folder, 'log.key'))
  expect(await codeFrom(start())).toBe('hub.damaged')
})

/**
 * Whatever comes: the log only grows, it holds together, and every record that the database knows is where it says. A backup
 * of the database forgets records, never entries; a log that was lost is the same log again.
 */
test('after any sequence of writing, full disks, ends and old databases', async () => {
  const step = constantFrom('write', 'wake', 'flush', 'full', 'free', 'kill', 'backup', 'restore', 'lose')
  const each = asyncProperty(many(step, { minLength: 4, maxLength: 14 }), nat(40), async (steps, more) => {
    for (const name of [
      'registrar.db',
      'registrar.db-wal',
      'registrar.db-shm',
      'log',
      'backup.db',
      'log.key',
    ])
      await rm(join(folder, name), { recursive: true, force: true })
    full = 'nothing'
    let grown = 0
    let restored = false
    let { database, log } = await start()
    const end = async () => {
      full = 'nothing'
      await log.close().catch(() => undefined)
      await database.destroy()
    }
    for (const what of [...steps, 'free', 'flush']) {
      if (what === 'write') await write(database, 1 + more)
      if (what === 'wake') log.wake()
      if (what === 'flush') await log.flush().catch(() => undefined)
      if (what === 'full') full = more % 2 === 0 ? 'heads' : 'anything'
      if (what === 'free') full = 'nothing'
      if (what === 'kill') {
        await database.destroy()
        await log.close().catch(() => undefined)
        full = 'nothing'
        ;({ database, log } = await start())
      }
      if (what === 'backup') {
        await end()
        await copyFile(join(folder, 'registrar.db'), join(folder, 'backup.db'))
        ;({ database, log } = await start())
      }
      if (what === 'restore') {
        await end()
        const there = await cp(join(folder, 'backup.db'), join(folder, 'registrar.db')).then(
          () => true,
          () => false,
        )
        restored ||= there
        ;({ database, log } = await start())
      }
      // Only a database that has all can give it back.
      if (what === 'lose' && !restored) {
        await end()
        const before = log.log.size
        await rm(join(folder, 'log'), { recursive: true })
        ;({ database, log } = await start())
        expect(log.log.size).toBeGreaterThanOrEqual(before)
      }
      const { size } = log.log
      expect(size).toBeGreaterThanOrEqual(grown)
      grown = size
    }
    expect((await rows(database)).every(({ position }) => position !== null)).toBe(true)
    await check(database, log)
    await end()
  })
  await assert(each, { numRuns: 12 })
}, 30_000)
