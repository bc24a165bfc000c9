import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import type { HubClient } from '../../wire/hub-client.ts'

/** A key that bears a serial now, as the hub tells a signer. */
export type Bearer = RequestAnswer<'serial-keys'>['devices'][number] & { readonly serial: string }

/** All keys that bear these serials. Throws `block.serial`, `block.signer`. */
export async function bearersOf(
  serials: readonly string[],
  hub: HubClient,
  signer: Signer,
): Promise<readonly Bearer[]> {
  const found: Bearer[] = []
  for (const serial of new Set(serials)) {
    const { devices } = await hub.request(null, { action: 'serial-keys', serial }, signer)
    if (devices.length === 0) throw new OwnlensError('block.serial', serial)
    found.push(...devices.map(device => ({ ...device, serial })))
  }
  return found
}

/** Whether some serial among them is on several cameras: then a person says which are meant. */
export function isAmbiguous(bearers: readonly Bearer[]): boolean {
  return new Set(bearers.map(({ serial }) => serial)).size < bearers.length
}

/** A line for each, numbered. */
export function describeBearers(bearers: readonly Bearer[]): readonly string[] {
  return bearers.map(({ serial, deviceId, disputed, blocked, paired }, index) => {
    const what = [
      paired ? 'paired in a home' : 'in no home',
      ...(disputed ? ['its serial is in dispute'] : []),
      ...(blocked ? ['blocked by the maker already'] : []),
    ]
    return `  ${index + 1}  ${serial}  ${deviceId}  ${what.join(', ')}`
  })
}

/**
 * Those that the person's answer names: `all`, or numbers as they are shown.
 *
 * @returns undefined for an answer that names none, or one that is not there.
 */
export function pick(bearers: readonly Bearer[], answer: string | undefined): readonly Bearer[] | undefined {
  if (answer === 'all') return bearers
  const words = answer?.split(/[\s,]+/).filter(word => word !== '') ?? []
  const picked = words.map(word => (/^[1-9]\d{0,3}$/.test(word) ? bearers[Number(word) - 1] : undefined))
  return picked.length > 0 && picked.every(bearer => bearer !== undefined) ? picked : undefined
}
