import { join } from 'node:path'
import { type Disk, TEMPORARY } from '../../storage/disk.ts'
import { LogHead } from './log-head.ts'

/**
 * All that makes a camera somebody's, or is theirs, in the order in which it goes. First what could make it theirs again. What
 * a reset leaves: the device's keys and whose board they are, `epoch`, `enrolment-counter`, `time`, the lock.
 */
const OF_HOUSEHOLD = [
  'pairing.json',
  'household.json',
  'owner.json',
  'sequence.json',
  'outbox',
  'people',
  'settings.json',
]
/** What was set aside when the card came from another board. */
const SET_ASIDE = 'copied-'

/** Removes it, half-written files too; gone for good once it returns. Doing it again does no harm. */
export async function wipe(disk: Disk, data: string): Promise<void> {
  const goes = (name: string) => name.startsWith(SET_ASIDE) || LogHead.isOfHousehold(name)
  const found = (await disk.list(data)).filter(goes)
  for (const name of [...OF_HOUSEHOLD, ...found]) {
    await disk.remove(join(data, name))
    await disk.remove(join(data, name + TEMPORARY))
  }
  await disk.syncFolder(data)
}
