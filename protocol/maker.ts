import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { count, id, jws, nonce, sha256Hex, time } from './fields.ts'
import { readStatement, SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** What is printed on the box: a label that decides nothing. */
export const serialNumber = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$/, 'must be 1 to 32 letters, digits, dots, dashes')

/** PROTOCOL 9.1. A new board proves that it holds its key, for one station's nonce. */
export const birthKind = {
  typ: 'ownlens-birth/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({ deviceId: id, serial: serialNumber, nonce }),
} satisfies StatementKind<unknown>

/** PROTOCOL 9.2. A station binds a serial to a key. */
export const registrationKind = {
  typ: 'ownlens-registration/2',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    serial: serialNumber,
    deviceId: id,
    birth: jws,
    /** Hash of the code that lies in the box (9.7). */
    boxCode: sha256Hex,
    madeAt: time,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 9.3. The maker's root says whose a serial is from now on: a replacement, or a new label. */
export const serialKind = {
  typ: 'ownlens-serial/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    serial: serialNumber,
    deviceId: id,
    /** Grows with every such statement of this maker. */
    number: count.min(1),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

export interface Registration {
  readonly stationId: string
  readonly serial: string
  readonly deviceId: string
  readonly boxCode: string
  readonly madeAt: string
}

/**
 * Reads a registration and the birth inside it: station and board must speak of the same serial and key.
 *
 * @throws OwnlensError `serial.birth` and what `readStatement` throws.
 */
export async function readRegistration(registrationJws: string): Promise<Registration> {
  const { signer, payload } = await readStatement(registrationKind, registrationJws, 'itself')
  const birth = await readStatement(birthKind, payload.birth, payload.deviceId)
  if (birth.payload.deviceId !== payload.deviceId || birth.payload.serial !== payload.serial)
    throw new OwnlensError('serial.birth')
  return {
    stationId: signer.id,
    serial: payload.serial,
    deviceId: payload.deviceId,
    boxCode: payload.boxCode,
    madeAt: payload.madeAt,
  }
}
