import { randomBytes } from 'node:crypto'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32, hex, sha256 } from '../../protocol/ids.ts'
import type { Db } from './database.ts'

/** The code that lets the next household register; made when there is none. */
export async function openCode(db: Db): Promise<string> {
  const held = await db.selectFrom('codes').select('code').limit(1).executeTakeFirst()
  return held?.code ?? replaceCode(db)
}

/** Makes a new code; the one before counts no more. */
export async function replaceCode(db: Db): Promise<string> {
  const code = base32(randomBytes(10)).match(/.{4}/g)?.join('-') ?? ''
  await db.deleteFrom('codes').execute()
  await db
    .insertInto('codes')
    .values({ code_hash: hashOf(code), code })
    .execute()
  return code
}

/** Throws `hub.code` unless this code is open. */
export async function checkCode(db: Db, code: string): Promise<void> {
  const held = await db
    .selectFrom('codes')
    .select('code_hash')
    .where('code_hash', '=', hashOf(code))
    .executeTakeFirst()
  if (held === undefined) throw new OwnlensError('hub.code')
}

/** Uses up a code, inside the transaction that registers the household, and makes the next. Throws `hub.code`. */
export async function useCode(transaction: Db, code: string): Promise<void> {
  const { numDeletedRows } = await transaction
    .deleteFrom('codes')
    .where('code_hash', '=', hashOf(code))
    .executeTakeFirst()
  if (numDeletedRows !== 1n) throw new OwnlensError('hub.code')
  await replaceCode(transaction)
}

const hashOf = (code: string): string => hex(sha256(code.trim().toLowerCase()))
