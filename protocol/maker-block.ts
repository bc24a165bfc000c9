import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { count, id, sha256Hex, text, time } from './fields.ts'
import type { PublicKey } from './keys.ts'
import { readStatement, SMALL_STATEMENT, type StatementKind, statementHash } from './statement.ts'

/** So many devices one order names at most. */
export const MAKER_BLOCK_DEVICES = 2000

const schema = z.strictObject({
  /** The time in milliseconds when it was made, or one more than the order before: it only grows. */
  number: count.min(1),
  devices: z
    .array(id)
    .min(1)
    .max(MAKER_BLOCK_DEVICES)
    .refine(devices => new Set(devices).size === devices.length, 'must name each device once')
    .readonly(),
  /** False lifts what orders before it said of these devices. */
  blocked: z.boolean(),
  /** For owners, who read it. */
  reason: text(200),
  issuedAt: time,
})

/** PROTOCOL 9.6. A maker's signer orders that devices are blocked, or blocked no more: in every home and epoch. */
export const makerBlockKind = {
  typ: 'ownlens-maker-block/1',
  maxBytes: 256 * 1024,
  schema,
} satisfies StatementKind<unknown>

/** PROTOCOL 9.6. Another signer says the same: for orders that one alone may not give. */
export const secondKind = {
  typ: 'ownlens-second/1',
  maxBytes: SMALL_STATEMENT,
  schema: z.strictObject({
    /** Statement hash of the order. */
    order: sha256Hex,
  }),
} satisfies StatementKind<unknown>

/** A maker's order whose signatures hold. Whether its signers are entitled is the reader's to find out. */
export interface MakerBlock extends z.infer<typeof schema> {
  readonly jws: string
  readonly signer: PublicKey
  readonly second: { readonly jws: string; readonly signer: PublicKey } | null
}

/**
 * Reads an order and the second signer's word on it.
 *
 * @throws OwnlensError `block.second` for a word on another order, or by the same key; `statement.*`.
 */
export async function readMakerBlock(jws: string, second: string | null): Promise<MakerBlock> {
  const { signer, payload } = await readStatement(makerBlockKind, jws, 'itself')
  if (second === null) return { ...payload, jws, signer, second: null }
  const word = await readStatement(secondKind, second, 'itself')
  if (word.payload.order !== statementHash(jws))
    throw new OwnlensError('block.second', 'the second word is about another order')
  if (word.signer.id === signer.id) throw new OwnlensError('block.second', 'both words are by one signer')
  return { ...payload, jws, signer, second: { jws: second, signer: word.signer } }
}
