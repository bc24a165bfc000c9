import { z } from 'zod'
import { OwnlensError } from './errors.ts'
import { sha256Hex } from './fields.ts'
import { hex, sha256 } from './ids.ts'

/** The most bytes of a message on the broker, its frame included (PROTOCOL 6.1). */
export const MESSAGE_MAX = 128 * 1024
const FRAME_LINE_MAX = 512
/** The most payload bytes of one part. */
export const PART_MAX = MESSAGE_MAX - FRAME_LINE_MAX

const partNumber = z.int().min(0).max(100000)
/** How many parts a clip has, besides its opening and its end. */
const partCounts = z.strictObject({ video: partNumber, hashes: partNumber, thumb: z.int().min(0).max(1) })
export type PartCounts = z.infer<typeof partCounts>

const common = { v: z.literal(1), length: z.int().min(1).max(PART_MAX), sha256: sha256Hex }
const frameSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.enum(['open', 'video', 'hash', 'thumb']) }),
  z.strictObject({ ...common, kind: z.literal('end'), parts: partCounts }),
])

/** One part of a clip as it travels and lies: a plain frame and sealed bytes. */
export interface Part {
  readonly kind: 'open' | 'video' | 'hash' | 'thumb' | 'end'
  /** Only of `end`. */
  readonly parts?: PartCounts
  readonly sha256: string
  readonly payload: Uint8Array
}

/** The frame (one line of JSON) and the payload behind it, PROTOCOL 6.2. Throws `part.size`. */
export function writePart(kind: Part['kind'], payload: Uint8Array, parts?: PartCounts): Uint8Array {
  if (payload.length === 0 || payload.length > PART_MAX)
    throw new OwnlensError('part.size', `${payload.length} bytes`)
  const frame = { v: 1, kind, length: payload.length, sha256: hex(sha256(payload)), ...(parts && { parts }) }
  return Buffer.concat([Buffer.from(`${JSON.stringify(frame)}\n`), payload])
}

/** Reads a part and checks length and hash. Throws `part.size`, `part.frame`, `part.hash`. */
export function readPart(message: Uint8Array): Part {
  if (message.length > MESSAGE_MAX) throw new OwnlensError('part.size', `${message.length} bytes`)
  const end = message.subarray(0, FRAME_LINE_MAX).indexOf(0x0a)
  if (end < 0) throw new OwnlensError('part.frame', 'no frame')
  let value: unknown
  try {
    value = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message.subarray(0, end)),
    )
  } catch (cause) {
    throw new OwnlensError('part.frame', 'not JSON', { cause })
  }
  const parsed = frameSchema.safeParse(value)
  if (!parsed.success) throw new OwnlensError('part.frame', parsed.error.issues[0]?.message)
  const payload = message.subarray(end + 1)
  const frame = parsed.data
  if (payload.length !== frame.length) throw new OwnlensError('part.frame', 'its length is another')
  if (hex(sha256(payload)) !== frame.sha256) throw new OwnlensError('part.hash')
  return {
    kind: frame.kind,
    sha256: frame.sha256,
    payload,
    ...(frame.kind === 'end' && { parts: frame.parts }),
  }
}

/** The kind that a part of this name must have. */
export function kindOfPart(name: string): Part['kind'] {
  if (name === 'open' || name === 'thumb' || name === 'end') return name
  return name.startsWith('h') ? 'hash' : 'video'
}

/** The names of all parts of a clip with these counts, in the order in which they are published. */
export function partNames(counts: PartCounts): readonly string[] {
  return [
    'open',
    ...Array.from({ length: counts.video }, (_, index) => String(index)),
    ...Array.from({ length: counts.hashes }, (_, index) => `h${index}`),
    ...(counts.thumb === 1 ? ['thumb'] : []),
    'end',
  ]
}
