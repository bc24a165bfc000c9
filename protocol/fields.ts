import { z } from 'zod'
import { CLIP_ID_PATTERN, ID_PATTERN } from './ids.ts'

/** Fields that many statements share. Objects are strict: an unknown field is refused, so a new one needs a version. */
export const id = z.string().regex(ID_PATTERN, 'must be an id: 52 characters a–z 2–7')
export const clipId = z.string().regex(CLIP_ID_PATTERN, 'must be a clip id: 26 characters a–z 2–7')
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal')
export const epoch = z.int().min(1).max(0xffffffff)
/** A number that only grows: rosters, sequences, counters. Safe in every JSON reader. */
export const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
export const time = z.iso.datetime({ precision: 3 })
/**
 * Text that a person will read, at most so many UTF-16 units. Control characters, line ends and marks that turn the direction
 * of writing are refused: it may be printed at a terminal.
 */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u, 'must be text on one line')
export const nonce = z.string().regex(/^[a-z2-7]{26}$/, 'must be 128 bits in base32')
/** A statement inside a statement. Its own size limit applies when it is read. */
export const jws = z
  .string()
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/, 'must be a compact JWS')
export const suite = z.enum(['hybrid', 'x25519'])
export type Suite = z.infer<typeof suite>
/**
 * Where somebody's files are sealed to: always an X25519 recipient (`age1…`, 62 characters), and a hybrid post-quantum
 * one (`age1pq1…`, 1,959 characters) unless their app cannot read it. The two are never mixed in one file.
 */
export const recipients = z.strictObject({
  x25519: z.string().regex(/^age1[02-9ac-hj-np-z]{58}$/, 'must be an X25519 age recipient'),
  hybrid: z
    .string()
    .regex(/^age1pq1[02-9ac-hj-np-z]{1952}$/, 'must be a hybrid age recipient')
    .nullable(),
})
export type Recipients = z.infer<typeof recipients>
/** `https://host[:port]`, no path, no user. */
export const hubUrl = z
  .url({ protocol: /^https$/ })
  .max(200)
  .refine(value => URL.canParse(value) && new URL(value).origin === value, 'must be https://host[:port]')
