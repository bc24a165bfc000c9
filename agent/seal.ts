import { createHash } from 'node:crypto'
import { type Manifest, manifestKind, openingKind, runningHashKind } from '../protocol/clip.ts'
import { hex, sha256 } from '../protocol/ids.ts'
import type { Signer } from '../protocol/keys.ts'
import { PART_MAX, type Part, type PartCounts } from '../protocol/part.ts'
import { encrypterTo, sealBytes, sealJws, sealStatement } from '../protocol/sealed.ts'
import { makeStatement, statementHash } from '../protocol/statement.ts'
import type { Membership } from './household.ts'

/** A part of a sealed clip on its way to the outbox: ciphertext, nothing else. */
export interface SealedPart {
  /** `open`, `0`…, `h0`…, `thumb`, `end`. */
  readonly name: string
  readonly kind: Part['kind']
  readonly payload: Uint8Array
  readonly parts?: PartCounts
}

/** What is known when a clip opens. */
export interface ClipHead {
  readonly clipId: string
  /** Its sequence number, never used before. */
  readonly counter: number
  readonly startedAt: Date
  readonly clockSure: boolean
  readonly audio: boolean
  readonly trigger: Manifest['triggers'][number]
}

/** What is known when it ends. */
export interface ClipTail extends Pick<Manifest, 'durationMs' | 'triggers' | 'end' | 'faces' | 'previous'> {
  /** JPEG, at most `THUMBNAIL_MAX` bytes. */
  readonly thumbnail: Uint8Array | undefined
}

/**
 * A running hash leaves with the first chunk that is so much later than the last hash: with a chunk each second or oftener
 * that is every five seconds, and a stolen camera's clip opens up to there.
 */
const RUNNING_HASH_MS = 4000
/** The first one comes soon: what was before the event is sealed by then. */
const FIRST_HASH_MS = 1000
/** A whole chunk of an age file: 64 KiB and their tag. */
const CHUNK = 64 * 1024 + 16
export const THUMBNAIL_MAX = PART_MAX - 32 * 1024

/**
 * Seals a clip while it is recorded (PROTOCOL 6): opening, video in parts, running hashes, thumbnail, manifest. Everything
 * is signed by the device key, then sealed to the members of the roster that was current when the clip opened.
 *
 * @param video the clip's fMP4 as it is encoded.
 * @param tail asked for once the video has ended.
 * @param sealedAs told the manifest's statement hash, for the next clip's `previous`, before `end` is yielded.
 */
export async function* seal(
  video: AsyncIterable<Uint8Array>,
  head: ClipHead,
  tail: () => Promise<ClipTail>,
  { member, signer, monotonic }: { member: Membership; signer: Signer; monotonic: () => number },
  sealedAs: (manifestHash: string) => Promise<void>,
): AsyncGenerator<SealedPart> {
  const { clipId, counter, clockSure, audio } = head
  const recipients = member.recipients
  const envelope = { ...member.envelope, counter, clipId }
  const startedAt = head.startedAt.toISOString()
  const opening = { ...envelope, startedAt, clockSure, audio, trigger: head.trigger }
  yield { name: 'open', kind: 'open', payload: await sealStatement(openingKind, opening, signer, recipients) }

  const plain = createHash('sha256')
  let plainBytes = 0
  const counted = (async function* () {
    for await (const bytes of video) {
      plain.update(bytes)
      plainBytes += bytes.length
      yield bytes
    }
  })()
  const sealed = createHash('sha256')
  let sealedBytes = 0
  const waiting: Uint8Array[] = []
  let hashedAt = monotonic() - RUNNING_HASH_MS + FIRST_HASH_MS
  const parts = { video: 0, hashes: 0, thumb: 0 }
  const ciphertext = await encrypterTo(recipients).encrypt(ReadableStream.from(counted))
  for await (const bytes of ciphertext) {
    // First age's header and nonce, at most 27 KiB for 16 members; then whole chunks; then what is left.
    sealed.update(bytes)
    sealedBytes += bytes.length
    waiting.push(bytes)
    if (bytes.length !== CHUNK) continue
    yield { name: String(parts.video++), kind: 'video', payload: Buffer.concat(waiting.splice(0)) }
    if (monotonic() - hashedAt < RUNNING_HASH_MS) continue
    hashedAt = monotonic()
    const index = parts.hashes++
    const statement = { ...envelope, index, offset: sealedBytes, sha256: sealed.copy().digest('hex') }
    const payload = await sealStatement(runningHashKind, statement, signer, recipients)
    yield { name: `h${index}`, kind: 'hash', payload }
  }
  if (waiting.length > 0)
    yield { name: String(parts.video++), kind: 'video', payload: Buffer.concat(waiting) }

  const { thumbnail, ...end } = await tail()
  let thumbnailHashes: Manifest['thumbnail'] = null
  if (thumbnail !== undefined && thumbnail.length <= THUMBNAIL_MAX) {
    const payload = await sealBytes(thumbnail, recipients)
    thumbnailHashes = { sealed: fileHash(payload), plain: fileHash(thumbnail) }
    parts.thumb = 1
    yield { name: 'thumb', kind: 'thumb', payload }
  }
  const manifest: Manifest = {
    ...envelope,
    ...end,
    startedAt,
    clockSure,
    audio,
    video: {
      sealed: { bytes: sealedBytes, sha256: sealed.digest('hex') },
      plain: { bytes: plainBytes, sha256: plain.digest('hex') },
    },
    thumbnail: thumbnailHashes,
  }
  const jws = await makeStatement(manifestKind, manifest, signer)
  await sealedAs(statementHash(jws))
  yield { name: 'end', kind: 'end', payload: await sealJws(jws, recipients), parts }
}

function fileHash(bytes: Uint8Array): { bytes: number; sha256: string } {
  return { bytes: bytes.length, sha256: hex(sha256(bytes)) }
}
