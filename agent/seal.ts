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

/** A running hash leaves this often, so that a stolen camera's clip opens up to a few seconds before. */
const RUNNING_HASH_MS = 5000
/** A part leaves when this old, full or not. */
const PART_MS = 1000
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
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let waitingSince = monotonic()
  let hashedAt = monotonic()
  let hashedBytes = 0
  const parts = { video: 0, hashes: 0, thumb: 0 }
  const flush = (): SealedPart => {
    const payload = Buffer.concat(waiting)
    waiting = []
    waitingBytes = 0
    return { name: String(parts.video++), kind: 'video', payload }
  }

  const ciphertext = await encrypterTo(recipients).encrypt(ReadableStream.from(counted))
  for await (const bytes of ciphertext) {
    // age writes its header, then whole chunks of 64 KiB + 16: what was written so far always ends with one.
    sealed.update(bytes)
    sealedBytes += bytes.length
    if (waitingBytes + bytes.length > PART_MAX) yield flush()
    if (waitingBytes === 0) waitingSince = monotonic()
    for (let from = 0; from < bytes.length; from += PART_MAX) {
      if (waitingBytes > 0 && from > 0) yield flush()
      const piece = bytes.subarray(from, from + PART_MAX)
      waiting.push(piece)
      waitingBytes += piece.length
    }
    const now = monotonic()
    if (now - waitingSince >= PART_MS) yield flush()
    if (now - hashedAt >= RUNNING_HASH_MS && sealedBytes > hashedBytes) {
      if (waitingBytes > 0) yield flush()
      const index = parts.hashes++
      const statement = { ...envelope, index, offset: sealedBytes, sha256: sealed.copy().digest('hex') }
      const payload = await sealStatement(runningHashKind, statement, signer, recipients)
      yield { name: `h${index}`, kind: 'hash', payload }
      hashedAt = now
      hashedBytes = sealedBytes
    }
  }
  if (waitingBytes > 0) yield flush()

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
