import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { id, nonce, sha256Hex } from './fields.ts'
import { base32, sha256 } from './ids.ts'
import { readStatement, SMALL_STATEMENT, type StatementKind, statementHash } from './statement.ts'

/**
 * The id of the mailbox at the registrar through which camera and app meet: an HMAC-SHA-256 with the invitation's secret
 * (PROTOCOL 4.4). Who has not seen the code finds no mailbox, and the registrar does not learn the secret.
 */
export function mailboxOf(secret: Uint8Array): string {
  return base32(createHmac('sha256', secret).update('ownlens mailbox 1').digest())
}

/**
 * PROTOCOL 4.4. The app has stored this half and lets the camera see a nonce that nobody knew before: only now the short
 * code of both can be computed.
 */
export const revealKind = {
  typ: 'ownlens-reveal/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    householdId: id,
    /** The statement hash of the half. */
    half: sha256Hex,
    nonce,
  }),
} satisfies StatementKind<unknown>

/** Four digits of 1 to 6: as many blinks as a person counts without effort. */
const CODE_DIGITS = 4
const DIGIT_BASE = 6

/**
 * The short code that the lamp blinks and the app shows: four digits of 1 to 6 over a half and the nonce that was revealed
 * after it (PROTOCOL 4.4).
 *
 * @param half the half's statement hash, hexadecimal.
 */
export function shortCode(half: string, revealed: string): string {
  const digest = Buffer.from(sha256(`ownlens code 1\n${half}\n${revealed}\n`))
  const number = digest.readUInt32BE() % DIGIT_BASE ** CODE_DIGITS
  const digits = number.toString(DIGIT_BASE).padStart(CODE_DIGITS, '0')
  return [...digits].map(digit => Number(digit) + 1).join('')
}

/**
 * What the camera does with a reveal: it must be of the pinned root and about the half that the camera itself gave.
 *
 * @returns the short code.
 * @throws OwnlensError `pair.other` (the app took another camera's half), `claim.household`, and what `readStatement` throws.
 */
export async function readReveal(
  revealJws: string,
  expected: { householdId: string; rootId: string; half: string },
): Promise<string> {
  const { payload } = await readStatement(revealKind, revealJws, expected.rootId)
  if (payload.householdId !== expected.householdId) throw new OwnlensError('claim.household')
  const half = statementHash(expected.half)
  if (payload.half !== half) throw new OwnlensError('pair.other')
  return shortCode(half, payload.nonce)
}
