import { join } from 'node:path'
import { z } from 'zod'
import { hubUrl, id, jws, sha256Hex } from '../../protocol/fields.ts'
import { type Disk, readSettled, replaceFile } from '../../storage/disk.ts'

const FILE = 'pairing.json'

/** A half that was given, or is about to be, and waits for its claim. */
const schema = z.strictObject({
  half: jws,
  mailbox: id,
  /** The root that signed, or is to sign, the claim: the invitation's, or that of the claim which is repaired. */
  pin: z.strictObject({ householdId: id, rootId: id }),
  hub: z.strictObject({ url: hubUrl, caId: id }),
  roster: jws,
  successions: z.array(jws).max(64),
  /** SHA-256 of the text that it answers. */
  text: sha256Hex,
})

export type Pending = z.infer<typeof schema>

/** What an earlier start left. A damaged file is none: the household shows a new code. */
export async function readPending(disk: Disk, data: string): Promise<Pending | undefined> {
  const text = await readSettled(disk, join(data, FILE))
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** On the disk before it returns. */
export async function savePending(disk: Disk, data: string, pending: Pending): Promise<void> {
  await replaceFile(disk, join(data, FILE), JSON.stringify(pending))
}

/** Gone from the disk before it returns. */
export async function dropPending(disk: Disk, data: string): Promise<void> {
  await disk.remove(join(data, FILE))
  await disk.syncFolder(data)
}
