import { OwnlensError } from '../protocol/errors.ts'
import { blockedNow } from './blocks.ts'
import { checkHead } from './clip-check.ts'
import type { SealedClip } from './clip-source.ts'
import type { Household } from './household.ts'
import type { Ledger } from './ledger.ts'
import { type OpenedClip, openClip } from './open-clip.ts'

/** What can be said of a clip without opening its video. */
export interface ListedClip {
  readonly clip: SealedClip
  /** In which it was recorded; the topic's may be later. */
  readonly epoch: number
  readonly counter: number
  readonly startedAt: string
  readonly durationMs: number | null
  readonly faces: number
  /** No manifest: still being recorded, or cut short. */
  readonly complete: boolean
  readonly opened: boolean
}

export type Refused = { readonly clip: SealedClip; readonly error: OwnlensError }

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
  const [claims, blocked] = [await household.claims(), await blockedNow(household)]
  const listed: ListedClip[] = []
  const refused: Refused[] = []
  // Clips are compared with each other too, and nothing of that is remembered.
  const numbers = ledger.copy()
  for (const clip of clips) {
    try {
      const { claim, opening, end } = await checkHead(clip, claims, household.identities, blocked)
      const chained = end && { sha256: end.sha256, previous: end.manifest.previous }
      numbers.check(claim, opening.counter, clip.clipId, chained ?? undefined)
      numbers.note(claim, opening.counter, clip.clipId, chained ?? undefined)
      listed.push({
        clip,
        epoch: claim.epoch,
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
  const order = ({ clip, epoch, counter }: ListedClip) =>
    `${clip.deviceId}/${String(epoch).padStart(10, '0')}/${String(counter).padStart(16, '0')}`
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
  for (const [index, { clip, epoch, counter }] of listed.entries()) {
    const before = listed[index - 1]
    const { deviceId } = clip
    const same = before?.clip.deviceId === deviceId && before.epoch === epoch
    const last = same ? before.counter : 0
    let from: number | undefined
    // A camera that names a number far off is not counted up to.
    for (let number = Math.max(last + 1, counter - GAP_MAX); number <= counter; number++) {
      const absent = number < counter && !ledger.knows({ deviceId, epoch }, number)
      if (absent) from ??= number
      else if (from !== undefined) {
        missing.push({ deviceId, from, to: number - 1 })
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
  const [claims, blocked] = [await household.claims(), await blockedNow(household)]
  const opened: OpenedClip[] = []
  const refused: Refused[] = []
  for (const clip of clips) {
    try {
      const { identities } = household
      opened.push(await openClip(clip, { claims, blocked, identities, ledger, out }))
    } catch (error) {
      refused.push({ clip, error: refusalOf(error) })
    }
  }
  return { opened, refused }
}
