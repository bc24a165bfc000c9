import { OwnlensError } from '../../protocol/errors.ts'
import { type MakerKeyKind, type MakerKeyWord, makerKeyKinds } from '../../protocol/maker-keys.ts'
import type { RecordContent } from '../../protocol/record.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import { record } from './records.ts'

/**
 * Enters what the maker's root says of a station's or a signer's key (PROTOCOL 9.5). The very word that stands is no error.
 *
 * @param options.signedBy the root; `itself` for a word that was checked when it came.
 * @returns false for the word that stands already.
 * @throws OwnlensError `statement.*`, `station.old`, `station.office`.
 */
export async function enterMakerKey(
  db: Db,
  kind: MakerKeyKind,
  jws: string,
  { signedBy, now, keep }: { signedBy: string; now: Date; keep?: () => Promise<void> },
): Promise<boolean> {
  const { payload } = await readStatement<MakerKeyWord>(makerKeyKinds[kind], jws, signedBy)
  const { keyId: key_id, name, number, active } = payload
  return db.transaction().execute(async transaction => {
    const standing = await transaction
      .selectFrom('maker_keys')
      .select(['kind', 'number', 'jws'])
      .where('key_id', '=', key_id)
      .executeTakeFirst()
    if (standing !== undefined && statementHash(standing.jws) === statementHash(jws)) return false
    if (standing !== undefined && standing.kind !== kind)
      throw new OwnlensError('station.office', `it is a ${standing.kind}’s`)
    if (standing !== undefined && standing.number >= number)
      throw new OwnlensError('station.old', `${number} ≤ ${standing.number}`)
    // First where no backup of the database takes it back.
    await keep?.()
    const row = { kind, name, number, active: active ? 1 : 0, jws }
    await transaction
      .insertInto('maker_keys')
      .values({ key_id, ...row })
      .onConflict(conflict => conflict.column('key_id').doUpdateSet(row))
      .execute()
    const content: RecordContent =
      kind === 'station' ? { kind: 'station', station: jws } : { kind: 'signer', signer: jws }
    await record(transaction, content, {}, now)
    return true
  })
}

/** Whether this word is the newest on its key. */
export async function isNewestWord(db: Db, kind: MakerKeyKind, jws: string): Promise<boolean> {
  const { payload } = await readStatement<MakerKeyWord>(makerKeyKinds[kind], jws, 'itself')
  const row = await db
    .selectFrom('maker_keys')
    .select('jws')
    .where('key_id', '=', payload.keyId)
    .executeTakeFirst()
  return row?.jws === jws
}

/** Throws `station.unlogged`, `station.revoked` unless the root has announced this station and not revoked it. */
export async function mustBeStation(db: Db, keyId: string): Promise<void> {
  const active = await standingOf(db, keyId, 'station')
  if (active === undefined) throw new OwnlensError('station.unlogged')
  if (!active) throw new OwnlensError('station.revoked')
}

/** Throws `block.signer` unless the root has announced this signer and not revoked it. */
export async function mustBeSigner(db: Db, keyId: string): Promise<void> {
  if (!(await standingOf(db, keyId, 'signer'))) throw new OwnlensError('block.signer')
}

/** Whether the root has ever announced this signer, revoked since or not. */
export async function wasSigner(db: Db, keyId: string): Promise<boolean> {
  return (await standingOf(db, keyId, 'signer')) !== undefined
}

/** Whether it counts; undefined for a key of which the root has not said that it has this office. */
async function standingOf(db: Db, keyId: string, kind: MakerKeyKind): Promise<boolean | undefined> {
  const row = await db
    .selectFrom('maker_keys')
    .select('active')
    .where('key_id', '=', keyId)
    .where('kind', '=', kind)
    .executeTakeFirst()
  return row && row.active === 1
}
