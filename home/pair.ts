import { randomBytes } from 'node:crypto'
import { type Claim, checkHalf, claimKind, readClaim, readHalf } from '../protocol/claim.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import { writeInvitation } from '../protocol/invitation.ts'
import type { Signer } from '../protocol/keys.ts'
import { mailboxOf, revealKind, shortCode } from '../protocol/pairing.ts'
import { makeStatement, statementHash } from '../protocol/statement.ts'
import { camerasOf } from './cameras.ts'
import type { Household } from './household.ts'
import { Mailbox } from './mailbox.ts'
import { ordersFor } from './orders.ts'

/** How far pairing has come, for whoever tells the person. */
export type PairingStep =
  /** The code is shown: hold it before the lens. */
  | { readonly step: 'shown' }
  /** The hub does not answer now; it is asked again. */
  | { readonly step: 'hub gone'; readonly error: OwnlensError }
  /** An answer that does not know the code was refused. */
  | { readonly step: 'refused'; readonly error: OwnlensError }
  /** A camera has answered; `known` is one of this home's. */
  | { readonly step: 'answered'; readonly deviceId: string; readonly known: boolean }

export interface PairingOptions {
  /** Shows the code's text; the function that it returns takes it away again. */
  show(code: string): Promise<() => Promise<void>>
  /** Whether the person sees the camera's lamp blink this very code: four digits of 1 to 6. */
  confirm(code: string, options: { signal: AbortSignal }): Promise<boolean>
  tell?(step: PairingStep): void
  /** Gives the pairing up. */
  signal: AbortSignal
  /** What the home calls the camera. One that has a name keeps it when there is none here. */
  name?: string
  /** Only this camera may answer. */
  only?: string
  /** Only a camera that this home has may answer. */
  own?: boolean
}

export interface PairedCamera {
  readonly deviceId: string
  readonly epoch: number
  /** The claim that it had holds on. */
  readonly repaired: boolean
}

/** The app takes answers for so long, by its own clock, whatever the hub says (PROTOCOL 4.4). */
const OPEN_MS = 600_000
const LOOK_MS = 1000
/** Answers that do not know the code; a hub can make up as many as it likes. */
const REFUSED_MAX = 8

/**
 * Pairs the camera before whose lens the code is held, or repairs one of this home's (PROTOCOL 4.4). States, and what a power
 * cut leaves:
 *
 * | state | on the disk | when it ends here |
 * | --- | --- | --- |
 * | shown | | the mailbox grows old |
 * | answered | `pairing.json` with the half | `finishPairing` gives the mailbox up |
 * | claimed | `pairing.json` | `finishPairing` finds the claim at the hub |
 * | kept | the claim, the name | |
 *
 * @throws OwnlensError `pair.silent`, `pair.expired`, `pair.closed`, `pair.rival`, `pair.declined`, `pair.stopped`,
 *   `pair.another`, `claim.*`, and what the hub answers.
 */
export async function pairThroughLens(
  household: Household,
  root: Signer,
  options: PairingOptions,
  /** How long the app waits, and how often it looks; others in tests. */
  { openMs = OPEN_MS, lookMs = LOOK_MS }: { openMs?: number; lookMs?: number } = {},
): Promise<PairedCamera> {
  const secret = randomBytes(16)
  const gone = (error: OwnlensError) => options.tell?.({ step: 'hub gone', error })
  const mailbox = new Mailbox(household, root, { id: mailboxOf(secret), stop: options.signal, openMs, gone })
  const { url: hubUrl, caId } = household.hub.address
  const code = writeInvitation({ rootId: root.id, secret, hubUrl, caId })
  let registering = false
  try {
    await mailbox.open()
    const { half, standing } = await waitForHalf(mailbox, { household, root, secret, code, options, lookMs })
    const { deviceId } = await readHalf(half)
    const known = standing !== undefined || (await isOwn(household, deviceId))
    options.tell?.({ step: 'answered', deviceId, known })
    if ((options.own && !known) || (options.only ?? deviceId) !== deviceId)
      throw new OwnlensError('pair.another', deviceId)
    await mustNotBeBlocked(household, deviceId)
    await household.data.put('pairing.json', { mailbox: mailbox.id, half, name: options.name ?? null })
    await confirmCode(mailbox, { household, root, half, options })
    const claim = standing ?? (await makeClaim(household, root, half))
    registering = true
    await mailbox.claim(claim.jws)
    await keep(household, claim, options.name)
    return { deviceId, epoch: claim.epoch, repaired: standing !== undefined }
  } catch (error) {
    await mailbox.decline()
    // Whether the hub has taken the claim may be unknown: `finishPairing` will see.
    const unknown = registering && /^(hub|pair)\./.test(codeOf(error) ?? 'hub.')
    if (!unknown) await household.data.remove('pairing.json')
    throw error
  }
}

/**
 * Takes up what a pairing left that was cut off: its claim is looked for at the hub, its mailbox closed.
 *
 * @returns the camera that is this home's after all.
 */
export async function finishPairing(
  household: Household,
  claims: readonly Claim[],
): Promise<PairedCamera | undefined> {
  const left = await household.data.get('pairing.json')
  if (left === undefined) return undefined
  const claim = claims.find(({ half }) => half === left.half)
  if (claim === undefined) {
    await household.data.remove('pairing.json')
    return undefined
  }
  await keep(household, claim, left.name ?? undefined)
  return { deviceId: claim.deviceId, epoch: claim.epoch, repaired: false }
}

async function waitForHalf(
  mailbox: Mailbox,
  {
    household,
    root,
    secret,
    code,
    options,
    lookMs,
  }: {
    household: Household
    root: Signer
    secret: Uint8Array
    code: string
    options: PairingOptions
    lookMs: number
  },
): Promise<{ half: string; standing: Claim | undefined }> {
  const hide = await options.show(code)
  try {
    options.tell?.({ step: 'shown' })
    const claims = await household.claims()
    const refused = new Set<string>()
    for (;;) {
      const { half, closed } = await mailbox.look()
      if (closed) throw new OwnlensError('pair.closed')
      if (half !== null) {
        // The half of a claim that stands answers an earlier code: the camera is to be repaired.
        const standing = claims.find(claim => claim.half === half && isNewest(claim, claims))
        try {
          if (standing === undefined)
            checkHalf(await readHalf(half), { secret, householdId: household.id, rootId: root.id })
          return { half, standing }
        } catch (cause) {
          const error =
            cause instanceof OwnlensError ? cause : new OwnlensError('claim.half', undefined, { cause })
          // What stays in the mailbox keeps the true camera's answer out.
          if (refused.has(statementHash(half)) || refused.size === REFUSED_MAX)
            throw new OwnlensError('claim.half', `${refused.size} refused; the invitation is taken`, {
              cause,
            })
          refused.add(statementHash(half))
          options.tell?.({ step: 'refused', error })
        }
      }
      await mailbox.pause(lookMs)
    }
  } finally {
    // It has done its work: nobody needs to photograph it now.
    await hide()
  }
}

function isNewest({ deviceId, epoch }: Claim, claims: readonly Claim[]): boolean {
  return claims.every(other => other.deviceId !== deviceId || other.epoch <= epoch)
}

/** A camera that this home has blocked is nobody's to pair until that is lifted, whatever the hub says. */
async function mustNotBeBlocked(household: Household, deviceId: string): Promise<void> {
  const camera = (await camerasOf(household)).find(one => one.deviceId === deviceId)
  if (camera === undefined) return
  const { blocked, released } = await ordersFor(household, camera)
  if (blocked && !released)
    throw new OwnlensError('claim.blocked', `by this home: \`ownlens home unblock "${camera.name}"\``)
}

async function isOwn(household: Household, deviceId: string): Promise<boolean> {
  return (await household.claims()).some(claim => claim.deviceId === deviceId)
}

/** Lets the camera tell the short code, and asks the person whether it does. */
async function confirmCode(
  mailbox: Mailbox,
  {
    household,
    root,
    half,
    options,
  }: { household: Household; root: Signer; half: string; options: PairingOptions },
): Promise<void> {
  const halfHash = statementHash(half)
  const nonce = base32(randomBytes(16))
  const payload = { householdId: household.id, half: halfHash, nonce }
  await mailbox.noRivals()
  await mailbox.reveal(await makeStatement(revealKind, payload, root))
  const same = await mailbox.inTime(options.confirm(shortCode(halfHash, nonce), { signal: mailbox.signal }))
  if (!same) throw new OwnlensError('pair.declined')
  await mailbox.noRivals()
}

async function makeClaim(household: Household, root: Signer, half: string): Promise<Claim> {
  const { deviceId, invited } = await readHalf(half)
  const { id: householdId } = household
  const payload = {
    ...{ householdId, deviceId, epoch: invited?.epoch ?? 0, half, hub: household.hub.address },
    issuedAt: new Date().toISOString(),
  }
  return readClaim(await makeStatement(claimKind, payload, root), { householdId, rootId: root.id })
}

async function keep(household: Household, claim: Claim, wanted: string | undefined): Promise<void> {
  await household.keepClaim(claim)
  const { cameras } = await household.names()
  const name = wanted ?? cameras[claim.deviceId] ?? freeName(Object.values(cameras))
  if (cameras[claim.deviceId] !== name) await household.rename('cameras', claim.deviceId, name)
  await household.data.remove('pairing.json')
}

/** `Camera`, else `Camera 2` and so on. */
function freeName(taken: readonly string[]): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? 'Camera' : `Camera ${number}`
    if (!taken.includes(name)) return name
  }
}
