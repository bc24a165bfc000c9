import { createHmac } from 'node:crypto'

/** Bytes of a salt, random and of one record alone. */
export const SALT_BYTES = 32

/**
 * What a log shows of a record (PROTOCOL 10.1): HMAC-SHA-256 under the record's salt over `ownlens record 1`, a line feed and
 * the content. Who has salt and content can show that they were logged; without the salt nobody can find out by guessing.
 *
 * @returns 64 hexadecimal digits.
 */
export function commit(salt: Uint8Array, content: string): string {
  return createHmac('sha256', salt).update(`ownlens record 1\n${content}`).digest('hex')
}
