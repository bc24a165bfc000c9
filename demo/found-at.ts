import { randomBytes } from 'node:crypto'
import { foundHousehold, type NewHousehold } from '../home/found.ts'
import type { Household } from '../home/household.ts'
import { disk } from '../storage/disk.ts'

/** A household whose owner knows what a program knows. */
export interface Founded {
  readonly household: Household
  readonly passphrase: string
  /** The recovery words. */
  readonly words: string
}

/** Makes a household at a hub of this process; with a passphrase that nobody has to remember. */
export async function foundAt(
  hub: { readonly url: string; readonly caId: string; registrationCode(): Promise<string> },
  folder: string,
  options: Partial<Pick<NewHousehold, 'suite' | 'name' | 'memberName'>> = {},
): Promise<Founded> {
  const passphrase = randomBytes(16).toString('hex')
  let words = ''
  const household = await foundHousehold({
    ...{ disk, folder, passphrase, suite: 'hybrid', name: 'Home', memberName: 'Owner' },
    hub: { url: hub.url, caId: hub.caId },
    code: await hub.registrationCode(),
    // A random passphrase needs no slow hash.
    workFactor: 10,
    showWords: text => {
      words = text
    },
    ...options,
  })
  return { household, passphrase, words }
}
