import type { Claim } from '../protocol/claim.ts'
import {
  type Manifest,
  manifestKind,
  type Opening,
  openingKind,
  type RunningHash,
  runningHashKind,
} from '../protocol/clip.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { kindOfPart, type Part, type PartCounts, partNames, readPart } from '../protocol/part.ts'
import { openStatement } from '../protocol/sealed.ts'
import { type Statement, statementHash } from '../protocol/statement.ts'
import { type Blocked, mustBeBefore } from './blocks.ts'

/** A clip whose opening holds, and its manifest if there is one. No video has been looked at. */
export interface CheckedHead {
  /** The one that the clip was recorded under: a camera that was repaired in between sends it under a later epoch's topics. */
  readonly claim: Claim
  readonly opening: Opening
  /** Null when the clip was cut short. */
  readonly end: { readonly manifest: Manifest; readonly sha256: string; readonly counts: PartCounts } | null
}

/** What is needed of a sealed clip here. */
interface Source {
  readonly epoch: number
  readonly deviceId: string
  readonly clipId: string
  readonly parts: readonly string[]
  read(part: string): Promise<Uint8Array>
}

/**
 * Opens and checks what a clip says of itself (PROTOCOL 6.8, steps 1 to 4): frames, the claim's device as signer, the
 * envelope, opening and manifest telling the same story.
 *
 * @param claims the household's own. The one that counts is of the sealed opening's epoch, which is not above the topic's.
 * @param blocked cameras of which nothing is opened that was begun since then.
 * @throws OwnlensError `clip.claim`, `clip.frames`, `clip.envelope`, `clip.blocked`, and what `readPart` and `openStatement` throw.
 */
export async function checkHead(
  clip: Source,
  claims: readonly Claim[],
  identities: readonly string[],
  blocked: readonly Blocked[],
): Promise<CheckedHead> {
  const own = claims.filter(({ deviceId, epoch }) => deviceId === clip.deviceId && epoch <= clip.epoch)
  // A topic's epoch is one in which the camera is this home's: nobody else may send under it.
  if (!own.some(({ epoch }) => epoch === clip.epoch)) throw new OwnlensError('clip.claim')
  const { payload } = await part(clip, 'open')
  const { payload: opening } = await openStatement(openingKind, payload, identities, clip.deviceId)
  if (opening.epoch > clip.epoch) throw new OwnlensError('clip.envelope', 'of a later epoch')
  const claim = own.find(({ epoch }) => epoch === opening.epoch)
  if (claim === undefined) throw new OwnlensError('clip.claim', `epoch ${opening.epoch}`)
  checkEnvelope(opening, claim, clip.clipId)
  const { deviceId, epoch, startedAt: at, clockSure } = opening
  mustBeBefore(blocked, { deviceId, epoch, at, clockSure })
  if (!clip.parts.includes('end')) return { claim, opening, end: null }
  const last = await part(clip, 'end')
  const statement: Statement<Manifest> = await openStatement(
    manifestKind,
    last.payload,
    identities,
    claim.deviceId,
  )
  const manifest = statement.payload
  checkEnvelope(manifest, claim, clip.clipId)
  const same =
    manifest.counter === opening.counter &&
    manifest.roster === opening.roster &&
    manifest.startedAt === opening.startedAt &&
    manifest.audio === opening.audio
  if (!same || last.parts === undefined)
    throw new OwnlensError('clip.envelope', 'opening and manifest differ')
  if ((last.parts.thumb === 1) !== (manifest.thumbnail !== null))
    throw new OwnlensError('clip.frames', 'thumb')
  const missing = partNames(last.parts).filter(name => !clip.parts.includes(name))
  if (missing.length > 0) throw new OwnlensError('clip.incomplete', `${missing.length} parts are missing`)
  return { claim, opening, end: { manifest, sha256: statementHash(statement.jws), counts: last.parts } }
}

/**
 * The running hashes of a clip that was cut short, in the order of their offsets. Those that do not open, or belong to
 * another clip, are left out: they prove nothing.
 */
export async function runningHashes(
  clip: Source,
  opening: Opening,
  claim: Claim,
  identities: readonly string[],
): Promise<readonly RunningHash[]> {
  const found: RunningHash[] = []
  for (const name of clip.parts.filter(other => kindOfPart(other) === 'hash')) {
    try {
      const { payload } = await openStatement(
        runningHashKind,
        (await part(clip, name)).payload,
        identities,
        claim.deviceId,
      )
      checkEnvelope(payload, claim, clip.clipId)
      if (payload.counter === opening.counter && name === `h${payload.index}`) found.push(payload)
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
    }
  }
  return found.sort((a, b) => a.offset - b.offset)
}

/** Names of the video's parts from the first on, up to the first that is missing. */
export function videoParts(clip: Source): readonly string[] {
  const names: string[] = []
  while (clip.parts.includes(String(names.length))) names.push(String(names.length))
  return names
}

/** A part whose frame holds and says what its name says. */
export async function part(clip: Source, name: string): Promise<Part> {
  if (!clip.parts.includes(name)) throw new OwnlensError('clip.frames', `${name} is missing`)
  const read = readPart(await clip.read(name))
  if (read.kind !== kindOfPart(name)) throw new OwnlensError('clip.frames', name)
  return read
}

/** That a sealed statement is of this clip, camera, epoch and home. The audience is fixed by its schema. */
function checkEnvelope(
  statement: { householdId: string; deviceId: string; epoch: number; clipId: string },
  claim: Claim,
  clipId: string,
): void {
  const same =
    statement.householdId === claim.householdId &&
    statement.deviceId === claim.deviceId &&
    statement.epoch === claim.epoch &&
    statement.clipId === clipId
  if (!same) throw new OwnlensError('clip.envelope')
}
