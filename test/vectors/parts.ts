import { hex, sha256 } from '../../protocol/ids.ts'
import { MESSAGE_MAX, writePart } from '../../protocol/part.ts'
import type { PartVector } from './format.ts'

const PAYLOAD = Buffer.from('sealed bytes, as far as a store knows\n')

/** Parts of a clip as they travel: one line of frame, then the payload. Nothing here is sealed; a store cannot tell. */
export function partVectors(): readonly PartVector[] {
  const frame = { v: 1, kind: 'video', length: PAYLOAD.length, sha256: hex(sha256(PAYLOAD)) }
  const counts = { video: 3, hashes: 1, thumb: 1 }
  const framed = (changed: object, payload: Uint8Array = PAYLOAD) =>
    Buffer.concat([Buffer.from(`${JSON.stringify({ ...frame, ...changed })}\n`), payload])
  const good = framed({})
  const at = (index: number) => {
    const message = Buffer.from(good)
    message[index] = (message[index] ?? 0) ^ 1
    return message
  }
  const bad: Readonly<Record<string, Uint8Array>> = {
    'a bit of the payload changed → part.hash': at(good.length - 5),
    'a bit of the hash changed → part.hash': at(good.indexOf('"sha256":"') + 10),
    'the last byte missing → part.frame': good.subarray(0, -1),
    'a byte too many → part.frame': Buffer.concat([good, Buffer.from('x')]),
    'the payload missing → part.frame': good.subarray(0, good.indexOf('\n') + 1),
    'no line end → part.frame': Buffer.from(JSON.stringify(frame)),
    'nothing → part.frame': Buffer.alloc(0),
    'no JSON → part.frame': Buffer.concat([Buffer.from('video\n'), PAYLOAD]),
    'a byte order mark → part.frame': Buffer.concat([Buffer.from('\ufeff'), good]),
    'another version → part.frame': framed({ v: 2 }),
    'another kind → part.frame': framed({ kind: 'sound' }),
    'an unknown field → part.frame': framed({ name: '0' }),
    'no kind → part.frame': framed({ kind: undefined }),
    'length 0 → part.frame': framed({ length: 0, sha256: hex(sha256('')) }, Buffer.alloc(0)),
    'another length → part.frame': framed({ length: PAYLOAD.length - 1 }),
    'a length as text → part.frame': framed({ length: String(PAYLOAD.length) }),
    'a hash in upper case → part.frame': framed({ sha256: frame.sha256.toUpperCase() }),
    'an end that counts nothing → part.frame': framed({ kind: 'end' }),
    'video that counts parts → part.frame': framed({ parts: counts }),
    'two thumbnails → part.frame': framed({ kind: 'end', parts: { ...counts, thumb: 2 } }),
    'parts fewer than none → part.frame': framed({ kind: 'end', parts: { ...counts, video: -1 } }),
    'a frame of more than 512 bytes → part.frame': Buffer.concat([Buffer.from(' '.repeat(512)), good]),
  }
  const kinds = ['open', 'video', 'hash', 'thumb'] as const
  const read = { sha256: frame.sha256 }
  const base64 = (message: Uint8Array) => Buffer.from(message).toString('base64')
  return [
    ...kinds.map(kind => ({
      name: kind,
      message: base64(writePart(kind, PAYLOAD)),
      expect: { kind, ...read },
    })),
    {
      name: 'end',
      message: base64(writePart('end', PAYLOAD, counts)),
      expect: { kind: 'end', ...read, parts: counts },
    },
    {
      name: 'one byte more than a message may have',
      message: base64(good),
      append: { text: 'x', times: MESSAGE_MAX - good.length + 1 },
      expect: 'part.size',
    },
    ...Object.entries(bad).map(([named, message]) => {
      const [name = '', expect = ''] = named.split(' → ')
      return { name, message: base64(message), expect }
    }),
  ]
}
