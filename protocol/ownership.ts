import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { count, epoch, hubUrl, id, nonce, time } from './fields.ts'
import { readStatement, SMALL_STATEMENT, type Statement, type StatementKind } from './statement.ts'

/** PROTOCOL 4.5. The owner lets a camera go: from here on whoever holds it may pair it. */
export const releaseKind = {
  typ: 'ownlens-release/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({ householdId: id, deviceId: id, epoch, issuedAt: time }),
} satisfies StatementKind<unknown>

/** PROTOCOL 4.6. Somebody held the camera's button: it has forgotten its household. The owner is told. */
export const resetKind = {
  typ: 'ownlens-reset/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    deviceId: id,
    /** The household that it has forgotten; null when it knew none. */
    householdId: id.nullable(),
    /** The newest epoch that it was ever claimed in, 0 for none. */
    epoch: z.int().min(0).max(0xffffffff),
    /** Whether this key is given up as well. */
    newKey: z.boolean(),
    nonce,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 4.7. The owner's order about cameras of its own, each for one epoch. A higher number replaces what stood. */
export const blockKind = {
  typ: 'ownlens-block/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    householdId: id,
    /** Grows with every order of this household. */
    number: count.min(1),
    devices: z
      .array(z.strictObject({ deviceId: id, epoch }))
      .min(1)
      .max(10),
    /** False lifts it. */
    blocked: z.boolean(),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

/** PROTOCOL 4.8. Where the household's hub is from now on; old and new overlap. */
export const moveKind = {
  typ: 'ownlens-move/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    householdId: id,
    number: count.min(1),
    /** The first is where to go, the others count as well. */
    hubs: z
      .array(z.strictObject({ url: hubUrl, caId: id }))
      .min(1)
      .max(4),
    issuedAt: time,
  }),
} satisfies StatementKind<unknown>

export type Reset = z.infer<typeof resetKind.schema>

/**
 * Reads one of the root's orders about cameras or hubs (4.5, 4.7, 4.8).
 *
 * @param roots ids of roots that may have signed it.
 * @throws OwnlensError `claim.household` and what `readStatement` throws.
 */
export async function readOrder<T extends { householdId: string }>(
  kind: StatementKind<T>,
  jws: string,
  expected: { householdId: string; roots: readonly string[] },
): Promise<Statement<T>> {
  const statement = await readStatement(kind, jws, 'itself')
  if (!expected.roots.includes(statement.signer.id)) throw new OwnlensError('statement.signer', kind.typ)
  if (statement.payload.householdId !== expected.householdId) throw new OwnlensError('claim.household')
  return statement
}

/** Reads a reset: only the device itself can say that it forgot. */
export async function readReset(jws: string): Promise<Reset> {
  const { signer, payload } = await readStatement(resetKind, jws, 'itself')
  if (signer.id !== payload.deviceId) throw new OwnlensError('statement.signer', resetKind.typ)
  return payload
}
