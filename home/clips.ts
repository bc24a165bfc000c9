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

/** Something else of the hub's that was refused; what this app held before stays. */
export interface RefusedStatement {
  readonly kind: 'roster' | 'claim'
  readonly error: OwnlensError
}

/** The claim that covers a clip. Throws `clip.claim`. */
export function claimFor(clip: SealedClip, claims: readonly Claim[]): Claim {
  const claim = claims.find(({ deviceId, epoch }) => deviceId === clip.deviceId && epoch === clip.epoch)
  if (claim === undefined) throw new OwnlensError('clip.claim')
  return claim
}

/** What is wrong with this one clip. A hub that has gone is no fault of a clip's: it is thrown on. */
function refusalOf(error: unknown): OwnlensError {
  if (!(error instanceof OwnlensError) || error.code === 'hub.unreachable') throw error
  return error
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
  // Clips are compared with each other too, and nothing of that is remembered.
  const numbers = ledger.copy()
  for (const clip of clips) {
    try {
      const claim = claimFor(clip, claims)
      const { opening, end } = await checkHead(clip, claim, household.identities)
      const chained = end && { sha256: end.sha256, previous: end.manifest.previous }
      numbers.check(claim, opening.counter, clip.clipId, chained ?? undefined)
      numbers.note(claim, opening.counter, clip.clipId, chained ?? undefined)
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
      refused.push({ clip, error: refusalOf(error) })
    }
  }
  const order = ({ clip, counter }: ListedClip) =>
    `${clip.deviceId}/${clip.epoch}/${String(counter).padStart(16, '0')}`
  listed.sort((a, b) => (order(a) < order(b) ? -1 : 1))
  return { listed, refused }
}

const GAP_MAX = 100_000

/**
 * Sequence numbers of one camera that no listed clip bears and none that was opened here before, as ranges: clips that were
 * lost, or are kept back.
 */
export function missingNumbers(
  listed: readonly ListedClip[],
  ledger: Ledger,
): readonly { deviceId: string; from: number; to: number }[] {
  const missing: { deviceId: string; from: number; to: number }[] = []
  for (const [index, { clip, counter }] of listed.entries()) {
    const before = listed[index - 1]
    const same = before?.clip.deviceId === clip.deviceId && before.clip.epoch === clip.epoch
    const last = same ? before.counter : 0
    let from: number | undefined
    // A camera that names a number far off is not counted up to.
    for (let number = Math.max(last + 1, counter - GAP_MAX); number <= counter; number++) {
      const absent = number < counter && !ledger.knows(clip, number)
      if (absent) from ??= number
      else if (from !== undefined) {
        missing.push({ deviceId: clip.deviceId, from, to: number - 1 })
        from = undefined
      }
    }
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
      refused.push({ clip, error: refusalOf(error) })
    }
  }
  return { opened, refused }
}
