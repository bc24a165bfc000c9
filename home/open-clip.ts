import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Claim } from '../protocol/claim.ts'
import type { Manifest, Opening } from '../protocol/clip.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { Fmp4Splitter } from '../protocol/fmp4.ts'
import { hex, sha256 } from '../protocol/ids.ts'
import { decrypterOf, openBytes, sealError } from '../protocol/sealed.ts'
import type { Blocked } from './blocks.ts'
import { checkHead, part, runningHashes, videoParts } from './clip-check.ts'
import type { SealedClip } from './clip-source.ts'
import type { Ledger } from './ledger.ts'

/** A clip that was proven and opened. */
export interface OpenedClip {
  readonly clipId: string
  readonly deviceId: string
  readonly epoch: number
  readonly counter: number
  readonly startedAt: string
  readonly durationMs: number | null
  /** Path of the mp4. */
  readonly file: string
  /** Path of the jpg. */
  readonly thumbnail: string | null
  readonly faces: Manifest['faces']
  readonly audio: boolean
  /** Cut short by power or theft: what is in the file is proven, what came after is lost. */
  readonly cutShort: boolean
  /** Why it ended; null for one that was cut short. */
  readonly end: Manifest['end'] | null
  readonly sealedBytes: number
  /** The numbers of clips that should lie before this one and that this app has never seen are not known from one clip. */
  readonly previous: Manifest['previous']
}

/**
 * Opens a clip: every signature, hash and number is checked before a byte of it gets its final name (PROTOCOL 6.8). Memory
 * is bounded by one part, however long the clip.
 *
 * @param claims the household's own; the one of the clip's device and sealed epoch counts.
 * @param blocked as `checkHead` takes it.
 * @param out folder for `<startedAt>-<clipId>.mp4` and `.jpg`.
 * @throws OwnlensError `clip.*`, `seal.*`, `part.*`, `statement.*`.
 */
export async function openClip(
  clip: SealedClip,
  {
    claims,
    blocked,
    identities,
    ledger,
    out,
  }: {
    claims: readonly Claim[]
    blocked: readonly Blocked[]
    identities: readonly string[]
    ledger: Ledger
    out: string
  },
): Promise<OpenedClip> {
  const { claim, opening, end } = await checkHead(clip, claims, identities, blocked)
  const chained = end && { sha256: end.sha256, previous: end.manifest.previous }
  ledger.check(claim, opening.counter, clip.clipId, chained ?? undefined)
  const base = join(out, `${opening.startedAt.replace(/[:.]/g, '-')}-${clip.clipId}`)
  const sealedPath = `${base}.age.part`
  const plainPath = `${base}.mp4.part`
  try {
    if (end === null) await openCutShort(clip, { opening, claim, identities, sealedPath, plainPath })
    else
      await openWhole(clip, {
        manifest: end.manifest,
        counts: end.counts.video,
        identities,
        sealedPath,
        plainPath,
      })
    const picture = end === null ? undefined : await openThumbnail(clip, end.manifest, identities)
    await ledger.record(claim, opening.counter, clip.clipId, chained ?? undefined)
    if (picture !== undefined) await writeWhole(`${base}.jpg`, picture)
    await rename(plainPath, `${base}.mp4`)
    return {
      clipId: clip.clipId,
      deviceId: claim.deviceId,
      epoch: claim.epoch,
      counter: opening.counter,
      startedAt: opening.startedAt,
      durationMs: end?.manifest.durationMs ?? null,
      file: `${base}.mp4`,
      thumbnail: picture === undefined ? null : `${base}.jpg`,
      faces: end?.manifest.faces ?? [],
      audio: opening.audio,
      cutShort: end === null,
      end: end?.manifest.end ?? null,
      sealedBytes: clip.bytes,
      previous: end?.manifest.previous ?? null,
    }
  } finally {
    await rm(sealedPath, { force: true })
    await rm(plainPath, { force: true })
  }
}

interface Paths {
  readonly identities: readonly string[]
  readonly sealedPath: string
  readonly plainPath: string
}

async function openWhole(
  clip: SealedClip,
  { manifest, counts, identities, sealedPath, plainPath }: Paths & { manifest: Manifest; counts: number },
): Promise<void> {
  const names = Array.from({ length: counts }, (_, index) => String(index))
  const { sealed, plain } = manifest.video
  const { bytes, hash } = await fetchVideo(clip, names, sealedPath, sealed.bytes)
  if (bytes !== sealed.bytes || hash.digest('hex') !== sealed.sha256)
    throw new OwnlensError('clip.hash', 'video')
  const plainHash = createHash('sha256')
  let plainBytes = 0
  await writing(plainPath, async file => {
    for await (const chunk of await decrypted(sealedPath, identities)) {
      plainHash.update(chunk)
      plainBytes += chunk.length
      await file.write(chunk)
    }
  })
  if (plainBytes !== plain.bytes || plainHash.digest('hex') !== plain.sha256)
    throw new OwnlensError('clip.hash', 'video, opened')
}

/** Opens as far as the best running hash proves it, in whole fragments. */
async function openCutShort(
  clip: SealedClip,
  { opening, claim, identities, sealedPath, plainPath }: Paths & { opening: Opening; claim: Claim },
): Promise<void> {
  const hashes = await runningHashes(clip, opening, claim, identities)
  const offsets = hashes.map(hash => hash.offset)
  const { digests } = await fetchVideo(clip, videoParts(clip), sealedPath, offsets.at(-1) ?? 0, offsets)
  const proven = hashes.findLast(hash => digests.get(hash.offset) === hash.sha256)?.offset ?? 0
  if (proven === 0) throw new OwnlensError('clip.unproven')
  let fragments = 0
  await writing(plainPath, async file => {
    const splitter = new Fmp4Splitter()
    for await (const chunk of await decrypted(sealedPath, identities, proven)) {
      for (const { kind, data } of splitter.push(chunk)) {
        if (kind === 'fragment') fragments++
        await file.write(data)
      }
    }
  })
  if (fragments === 0) throw new OwnlensError('clip.unproven')
}

async function openThumbnail(
  clip: SealedClip,
  { thumbnail }: Manifest,
  identities: readonly string[],
): Promise<Uint8Array | undefined> {
  if (thumbnail === null) return undefined
  const { payload } = await part(clip, 'thumb')
  if (payload.length !== thumbnail.sealed.bytes || hex(sha256(payload)) !== thumbnail.sealed.sha256)
    throw new OwnlensError('clip.hash', 'thumbnail')
  const picture = await openBytes(payload, identities)
  if (picture.length !== thumbnail.plain.bytes || hex(sha256(picture)) !== thumbnail.plain.sha256)
    throw new OwnlensError('clip.hash', 'thumbnail, opened')
  return picture
}

/**
 * Gathers the video's age file, up to the part that goes beyond `atMost` bytes: no store fills this disk. `digests` holds the
 * hash of everything before each of `offsets`.
 */
async function fetchVideo(
  clip: SealedClip,
  names: readonly string[],
  path: string,
  atMost: number,
  offsets: readonly number[] = [],
): Promise<{ bytes: number; hash: Hash; digests: ReadonlyMap<number, string> }> {
  const hash = createHash('sha256')
  const digests = new Map<number, string>()
  let bytes = 0
  await writing(path, async file => {
    for (const name of names) {
      if (bytes > atMost) break
      const { payload } = await part(clip, name)
      for (const offset of offsets) {
        if (offset <= bytes || offset > bytes + payload.length) continue
        digests.set(
          offset,
          hash
            .copy()
            .update(payload.subarray(0, offset - bytes))
            .digest('hex'),
        )
      }
      hash.update(payload)
      bytes += payload.length
      await file.write(payload)
    }
  })
  return { bytes, hash, digests }
}

/**
 * The plaintext of an age file on disk, chunk by chunk. With `prefix` only of its first bytes, which must end with a whole
 * chunk: one more byte behind them lets the last one out, and the failure that then must follow ends the stream.
 */
async function decrypted(
  path: string,
  identities: readonly string[],
  prefix?: number,
): Promise<AsyncIterable<Uint8Array>> {
  const file = await open(path, 'r')
  const bytes = async function* () {
    try {
      let left = prefix ?? Number.POSITIVE_INFINITY
      for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 64 * 1024 })) {
        const piece = (chunk as Uint8Array).subarray(0, left)
        left -= piece.length
        yield piece
        if (left === 0) break
      }
      if (prefix !== undefined) yield new Uint8Array(1)
    } finally {
      await file.close()
    }
  }
  try {
    const plain = await decrypterOf(identities).decrypt(
      ReadableStream.from(bytes()) as ReadableStream<Uint8Array>,
    )
    return prefix === undefined ? translated(plain) : untilFailure(plain)
  } catch (cause) {
    throw sealError(cause)
  }
}

async function* translated(plain: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* plain
  } catch (cause) {
    throw sealError(cause)
  }
}

async function* untilFailure(plain: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = plain.getReader()
  for (;;) {
    const next = await reader.read().catch(() => undefined)
    if (next?.value === undefined) return
    yield next.value
  }
}

async function writing(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  // A link of that name may lead out of the folder: somebody else may have filled it.
  await rm(path, { force: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await write(file)
  } finally {
    await file.close()
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await writing(`${path}.part`, async file => {
    await file.write(bytes)
  })
  await rename(`${path}.part`, path)
}
