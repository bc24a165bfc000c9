import { join } from 'node:path'
import { OwnlensError } from '../../protocol/errors.ts'
import { epoch } from '../../protocol/fields.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'

/** A reset leaves this file alone: an epoch is never used twice (PROTOCOL 4.3). */
const FILE = 'epoch'

/** The highest epoch this device was ever claimed in; 0 for none. Throws `epoch.damaged`. */
export async function lastEpoch(disk: Disk, data: string): Promise<number> {
  const text = await readText(disk, data, FILE)
  if (text === undefined) return 0
  const parsed = epoch.safeParse(Number(text))
  if (!parsed.success) throw new OwnlensError('epoch.damaged', join(data, FILE))
  return parsed.data
}

/** On the disk before it returns. */
export async function saveEpoch(disk: Disk, data: string, value: number): Promise<void> {
  await replaceFile(disk, join(data, FILE), String(value))
}
