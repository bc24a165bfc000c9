import type { Claim } from '../protocol/claim.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { checkHead } from './clip-check.ts'
import type { SealedClip } from './clip-source.ts'
import type { Household } from './household.ts'
import type { Ledger } from './ledger.ts'
import { type OpenedClip, openClip } from './open-clip.ts'

/** What can be said of a clip without opening its video. */
export interface ListedClip {
  readonly clip: SealedClip
  readonly counter: number
  readonly startedAt: string
  readonly durationMs: number | null
  readonly faces: number
  /** No manifest: still being recorded, or cut short. */
  readonly complete: boolean
  readonly opened: boolean
}

export type Refused = { readonly clip: SealedClip; readonly error: OwnlensError }

/** The claim that covers a clip. Throws `clip.claim`. */
export function claimFor(clip: SealedClip, claims: readonly Claim[]): Claim {
  const claim = claims.find(({ deviceId, epoch }) => deviceId === clip.deviceId && epoch === clip.epoch)
  if (claim === undefined) throw new OwnlensError('clip.claim')
  return claim
}

/** Checks what every clip says of itself, in the order of camera, epoch and number. Bad ones are told apart. */
export async function listClips(
  household: Household,
  ledger: Ledger,
  clips: readonly SealedClip[],
): Promise<{ listed: readonly ListedClip[]; refused: readonly Refused[] }> {
  const claims = await household.claims()
  const listed: ListedClip[] = []
  const refused: Refused[] = []
  for (const clip of clips) {
    try {
      const claim = claimFor(clip, claims)
      const { opening, end } = await checkHead(clip, claim, household.identities)
      const chained = end && { sha256: end.sha256, previous: end.manifest.previous }
      ledger.check(claim, opening.counter, clip.clipId, chained ?? undefined)
      listed.push({
        clip,
        counter: opening.counter,
        startedAt: opening.startedAt,
        durationMs: end?.manifest.durationMs ?? null,
        faces: end?.manifest.faces.length ?? 0,
        complete: end !== null,
        opened: ledger.opened(claim, opening.counter, clip.clipId),
      })
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
      refused.push({ clip, error })
    }
  }
  const order = ({ clip, counter }: ListedClip) =>
    `${clip.deviceId}/${clip.epoch}/${String(counter).padStart(16, '0')}`
  listed.sort((a, b) => (order(a) < order(b) ? -1 : 1))
  return { listed, refused }
}

/** Sequence numbers of one camera that no listed clip bears, as ranges: clips that were lost, or are kept back. */
export function missingNumbers(
  listed: readonly ListedClip[],
): readonly { deviceId: string; from: number; to: number }[] {
  const missing: { deviceId: string; from: number; to: number }[] = []
  for (const [index, { clip, counter }] of listed.entries()) {
    const before = listed[index - 1]
    const same = before?.clip.deviceId === clip.deviceId && before.clip.epoch === clip.epoch
    const last = same ? before.counter : 0
    if (counter > last + 1) missing.push({ deviceId: clip.deviceId, from: last + 1, to: counter - 1 })
  }
  return missing
}

/** Opens clips into a folder. One that does not hold is refused and stops no other. */
export async function openClips(
  household: Household,
  ledger: Ledger,
  clips: readonly SealedClip[],
  out: string,
): Promise<{ opened: readonly OpenedClip[]; refused: readonly Refused[] }> {
  const claims = await household.claims()
  const opened: OpenedClip[] = []
  const refused: Refused[] = []
  for (const clip of clips) {
    try {
      const { identities } = household
      opened.push(await openClip(clip, { claim: claimFor(clip, claims), identities, ledger, out }))
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
      refused.push({ clip, error })
    }
  }
  return { opened, refused }
}
