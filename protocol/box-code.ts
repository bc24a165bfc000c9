import { OwnlensError } from './errors.ts'
import { base32, hex, sha256 } from './ids.ts'

/** `OB1:` and 128 bits in base32: in capitals, as a label prints it and a QR code holds it best. */
const CODE = /^OB1:[A-Z2-7]{25}[AEIMQUY4]$/

/**
 * The code that lies in a camera's box (PROTOCOL 9.7). Who has it holds the box, or had it; it opens and moves nothing.
 *
 * @param random 16 random bytes.
 */
export function boxCodeOf(random: Uint8Array): string {
  return `OB1:${base32(random).toUpperCase()}`
}

/** What a person types, in capitals or not. Throws `check.code`. */
export function readBoxCode(text: string): string {
  const code = text.trim().toUpperCase()
  if (!CODE.test(code)) throw new OwnlensError('check.code')
  return code
}

/** What a registration says of the code: SHA-256, hexadecimal, of all its 30 characters. */
export function hashOfBoxCode(code: string): string {
  return hex(sha256(code))
}
