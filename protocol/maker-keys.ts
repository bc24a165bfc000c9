import { z } from 'zod'
import { count, id, text, time } from './fields.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** PROTOCOL 9.5. What the maker's root says of one key: it counts from now on, or no more. */
const schema = z.strictObject({
  keyId: id,
  /** For people: what the root calls it. */
  name: text(64).min(1),
  /** Of all that the root said of this key the highest number counts. */
  number: count.min(1),
  active: z.boolean(),
  issuedAt: time,
})

export type MakerKeyWord = z.infer<typeof schema>

/** Whether the key makes boards, or gives the maker's orders. */
export type MakerKeyKind = 'station' | 'signer'

/** A station's: what it registers and certifies counts while this says `active`. */
const stationKind = {
  typ: 'ownlens-station/1',
  maxBytes: SMALL_STATEMENT,
  schema,
} satisfies StatementKind<unknown>

/** A signer's: orders to block cameras count that it signs while this says `active`. */
const signerKind = {
  typ: 'ownlens-signer/1',
  maxBytes: SMALL_STATEMENT,
  schema,
} satisfies StatementKind<unknown>

export const makerKeyKinds = { station: stationKind, signer: signerKind } as const
