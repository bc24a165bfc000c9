import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import { type Disk, readText, replaceFile } from '../storage/disk.ts'

/** Says that a data folder is being set aside, and whereto. While it is there nothing else counts. */
const ORDER = 'setting-aside.json'
const PREFIX = 'copied-'
/** What belongs to the folder and not to whom it served. */
const STAYS = new Set([ORDER, 'lock', 'emulated', 'lost+found'])

const orderSchema = z.strictObject({ to: z.string().regex(/^copied-[a-z2-7]{16}$/) })

/**
 * Sets all that a data folder holds aside, whole, into a folder `copied-…` inside it, which nothing reads again. A power cut
 * at any step: the order is on the disk before anything moves, and the next start goes on with it (`finishSettingAside`)
 * before it reads a key.
 *
 * @returns the folder's name.
 * @throws OwnlensError `keystore.aside`.
 */
export async function setAside(disk: Disk, data: string): Promise<string> {
  const to = PREFIX + base32(randomBytes(10))
  await wrapped(data, () => replaceFile(disk, join(data, ORDER), JSON.stringify({ to })))
  return (await finishSettingAside(disk, data)) ?? to
}

/** Goes on with what a power cut interrupted. Returns the folder's name, or undefined when there was nothing to do. */
export async function finishSettingAside(disk: Disk, data: string): Promise<string | undefined> {
  return wrapped(data, async () => {
    const text = await readText(disk, data, ORDER)
    if (text === undefined) return undefined
    const { to } = orderSchema.parse(JSON.parse(text))
    await disk.makeFolder(join(data, to))
    for (const name of await disk.list(data))
      if (!STAYS.has(name) && !name.startsWith(PREFIX))
        await disk.rename(join(data, name), join(data, to, name))
    await disk.syncFolder(join(data, to))
    await disk.syncFolder(data)
    await disk.remove(join(data, ORDER))
    // An order that came back would set the new device aside, too.
    await disk.syncFolder(data)
    return to
  })
}

async function wrapped<T>(data: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new OwnlensError('keystore.aside', data, { cause })
  }
}
