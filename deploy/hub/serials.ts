import { OwnlensError } from '../../protocol/errors.ts'
import type { RecordContent } from '../../protocol/record.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { statementHash } from '../../protocol/statement.ts'
import type { Db, Tables } from './database.ts'
import { mustBeStation } from './maker-keys.ts'
import { record } from './records.ts'

/** The code that lies in a camera's box, hashed. */
interface Box {
  readonly hash: string
  readonly madeAt: string
}

/** A serial that somebody of the maker's bound to a key. */
export interface Binding {
  readonly deviceId: string
  readonly serial: string
  /** What says so, signed. */
  readonly proof: string
  /** The code of its box, hashed, and when it was made: newer than the one before it counts. */
  readonly box?: Box
  /** Whose word it is; null for the root's. */
  readonly stationId: string | null
  /** The same as it is recorded. */
  readonly content: RecordContent
}

/** Where one label is on several devices, and whose they are. */
export interface Disputed {
  readonly deviceId: string
  /** Null for a device that is nobody’s. */
  readonly householdId: string | null
}

/** So many a signer is shown. */
const BEARERS_MAX = 1000

/**
 * Which device bears which serial (PROTOCOL 9.2, 9.3): one device a serial and one serial a device, or all devices of that
 * serial in dispute. A serial decides who may be paired at all, never whose a device is.
 */
export class Serials {
  readonly #db: Db
  readonly #now: () => Date

  constructor(db: Db, now: () => Date) {
    this.#db = db
    this.#now = now
  }

  /**
   * A station's word. The same again is no error; a newer code for the box takes the place of the one before.
   *
   * @param offline the board has left the station already: a second device is entered, and both are in dispute.
   * @returns whether the serial is in dispute now, and whether this word brought it there or added to it.
   * @throws OwnlensError `station.unlogged`, `station.revoked`, `serial.taken`, `serial.key`: nothing is bound.
   */
  async bind(
    binding: Binding,
    { offline }: { offline: boolean },
  ): Promise<{ readonly disputed: boolean; readonly fresh: boolean }> {
    const { deviceId, serial, stationId } = binding
    return this.#db.transaction().execute(async transaction => {
      if (stationId !== null) await mustBeStation(transaction, stationId)
      const own = await ofDevice(transaction, deviceId)
      if (own !== undefined && own.serial !== serial) throw new OwnlensError('serial.key')
      if (own !== undefined) {
        await this.#renewBox(transaction, binding, own.box_at)
        return { disputed: own.disputed === 1, fresh: false }
      }
      // The root has spoken of this serial: no station changes it.
      if ((await word(transaction, serial)) !== undefined) throw new OwnlensError('serial.taken')
      const disputed = (await bearers(transaction, serial)).length > 0
      if (disputed && !offline) throw new OwnlensError('serial.taken')
      if (disputed) await mark(transaction, serial, true)
      await this.#put(transaction, binding, disputed)
      return { disputed, fresh: disputed }
    })
  }

  /**
   * The root's word: this serial is this device's and nobody else's. The very word that stands is no error.
   *
   * @throws OwnlensError `serial.old`.
   */
  async settle(binding: Binding, number: number): Promise<void> {
    const { deviceId, serial, proof } = binding
    await this.#db.transaction().execute(async transaction => {
      const standing = await word(transaction, serial)
      if (standing !== undefined && statementHash(standing) === statementHash(proof)) return
      if (await reaches(transaction, number)) throw new OwnlensError('serial.old')
      const before = await ofDevice(transaction, deviceId)
      await transaction.deleteFrom('serials').where('serial', '=', serial).execute()
      await transaction.deleteFrom('serials').where('device_id', '=', deviceId).execute()
      await this.#put(transaction, binding, false, before)
      // Of the devices that shared the old label one may be left, and then nobody disputes it.
      if (before !== undefined && (await bearers(transaction, before.serial)).length === 1)
        await mark(transaction, before.serial, false)
      await transaction
        .insertInto('serial_words')
        .values({ serial, number, statement: proof })
        .onConflict(conflict => conflict.column('serial').doUpdateSet({ number, statement: proof }))
        .execute()
    })
  }

  /** Whether somebody of the maker's has bound a serial to this device. */
  async knows(deviceId: string): Promise<boolean> {
    return (await ofDevice(this.#db, deviceId)) !== undefined
  }

  /** Throws `serial.unknown`, `serial.disputed`. */
  async mayPair(deviceId: string): Promise<void> {
    const own = await ofDevice(this.#db, deviceId)
    if (own === undefined) throw new OwnlensError('serial.unknown')
    if (own.disputed === 1) throw new OwnlensError('serial.disputed')
  }

  /** All devices that dispute this serial. */
  async disputing(serial: string): Promise<readonly Disputed[]> {
    const rows = await this.#db
      .selectFrom('serials')
      .leftJoin('devices', 'devices.device_id', 'serials.device_id')
      .select(['serials.device_id', 'devices.household_id'])
      .where('serials.serial', '=', serial)
      .where('serials.disputed', '=', 1)
      .execute()
    return rows.map(({ device_id, household_id }) => ({
      deviceId: device_id,
      householdId: household_id || null,
    }))
  }

  /** All devices that bear it now, with what a signer must know of them. */
  async bearersOf(serial: string): Promise<RequestAnswer<'serial-keys'>['devices']> {
    const rows = await this.#db
      .selectFrom('serials')
      .leftJoin('devices', 'devices.device_id', 'serials.device_id')
      .leftJoin('maker_blocks', 'maker_blocks.device_id', 'serials.device_id')
      .select(['serials.device_id', 'serials.disputed', 'devices.household_id', 'maker_blocks.blocked'])
      .select('serials.registered_at')
      .where('serials.serial', '=', serial)
      .limit(BEARERS_MAX)
      .execute()
    const oldestFirst = rows.toSorted((a, b) => a.registered_at.localeCompare(b.registered_at))
    return oldestFirst.map(({ device_id, disputed, household_id, blocked }) => ({
      deviceId: device_id,
      disputed: disputed === 1,
      blocked: blocked === 1,
      paired: Boolean(household_id),
    }))
  }

  /** A board that was made again has another code in its box; one whose certificates came first has one now. */
  async #renewBox(db: Db, { deviceId, box, content }: Binding, before: string | null): Promise<void> {
    if (box === undefined || (before !== null && before >= box.madeAt)) return
    await db
      .updateTable('serials')
      .set({ box_hash: box.hash, box_at: box.madeAt })
      .where('device_id', '=', deviceId)
      .execute()
    await record(db, content, { deviceId }, this.#now())
  }

  /** @param kept a new label changes no code: the box it lies in is the same. */
  async #put(
    db: Db,
    { deviceId, serial, proof, content, box }: Binding,
    disputed: boolean,
    kept: { box_hash: string | null; box_at: string | null } | undefined = undefined,
  ): Promise<void> {
    const row = {
      ...{ device_id: deviceId, serial, disputed: disputed ? 1 : 0, proof },
      ...{ box_hash: box?.hash ?? kept?.box_hash ?? null, box_at: box?.madeAt ?? kept?.box_at ?? null },
    }
    await db
      .insertInto('serials')
      .values({ ...row, registered_at: this.#now().toISOString() })
      .execute()
    await record(db, content, { deviceId }, this.#now())
  }
}

async function ofDevice(
  db: Db,
  deviceId: string,
): Promise<Pick<Tables['serials'], 'serial' | 'disputed' | 'box_hash' | 'box_at'> | undefined> {
  return db
    .selectFrom('serials')
    .select(['serial', 'disputed', 'box_hash', 'box_at'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst()
}

/** Two are as good as many. */
async function bearers(db: Db, serial: string): Promise<readonly { device_id: string }[]> {
  return db.selectFrom('serials').select('device_id').where('serial', '=', serial).limit(2).execute()
}

async function mark(db: Db, serial: string, disputed: boolean): Promise<void> {
  await db
    .updateTable('serials')
    .set({ disputed: disputed ? 1 : 0 })
    .where('serial', '=', serial)
    .execute()
}

async function word(db: Db, serial: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('serial_words')
    .select('statement')
    .where('serial', '=', serial)
    .executeTakeFirst()
  return row?.statement
}

/** Whether there is a word with this number, or a higher one. */
async function reaches(db: Db, number: number): Promise<boolean> {
  const row = await db
    .selectFrom('serial_words')
    .select('number')
    .where('number', '>=', number)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}
