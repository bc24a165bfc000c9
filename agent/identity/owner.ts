import { join } from 'node:path'
import { z } from 'zod'
import { hubUrl, id } from '../../protocol/fields.ts'
import type { Pin } from '../../protocol/roster.ts'
import { type Disk, readSettled, replaceFile } from '../../storage/disk.ts'
import type { HubAddress } from '../../wire/hub-client.ts'

const FILE = 'owner.json'
const schema = z.strictObject({
  householdId: id,
  rootId: id,
  hub: z.strictObject({ url: hubUrl, caId: id }),
})

/** Whose this camera is, and where their hub was. */
export interface Owner extends Pin {
  readonly hub: HubAddress
}

/**
 * Who the owner is, told apart from what the household looks like: when `household.json` is damaged, a code of this root
 * repairs it. Undefined when there is none that can be read.
 */
export async function readOwner(disk: Disk, data: string): Promise<Owner | undefined> {
  try {
    const text = await readSettled(disk, join(data, FILE))
    return text === undefined ? undefined : schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Whether there is an owner, readable or not. */
export async function hasOwner(disk: Disk, data: string): Promise<boolean> {
  return (await disk.info(join(data, FILE))) !== undefined
}

/** On the disk before it returns; nothing is written when it says so already. */
export async function saveOwner(
  disk: Disk,
  data: string,
  { householdId, rootId, hub }: Owner,
): Promise<void> {
  const text = JSON.stringify({ householdId, rootId, hub } satisfies Owner)
  if ((await readSettled(disk, join(data, FILE)).catch(() => undefined)) === text) return
  await replaceFile(disk, join(data, FILE), text)
}
