import { basename, join } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { CLIP_ID_PATTERN } from '../protocol/ids.ts'
import { MESSAGE_MAX } from '../protocol/part.ts'
import { PART_PATTERN, readTopic } from '../protocol/topics.ts'
import { type Disk, listFiles } from '../storage/disk.ts'
import type { HubClient } from '../wire/hub-client.ts'
import type { TlsIdentity } from '../wire/tls.ts'

/** A sealed clip somewhere: nothing about it is believed yet. */
export interface SealedClip {
  readonly epoch: number
  readonly deviceId: string
  readonly clipId: string
  readonly parts: readonly string[]
  readonly bytes: number
  /** When the store got its first part, by its own clock; clips in a folder have none. */
  readonly receivedAt?: string
  /** A part with its frame. */
  read(part: string): Promise<Uint8Array>
}

const listSchema = z.object({
  clips: z.array(
    z.object({
      epoch: z.int().min(1).max(0xffffffff),
      deviceId: z.string().max(64),
      clipId: z.string().max(32),
      parts: z.array(z.string().max(8)).max(100_010),
      bytes: z.number(),
      receivedAt: z.string().max(40),
    }),
  ),
  next: z.string().max(80).nullable(),
})
const CLIPS_MAX = 100_000

/** All clips of a household in the hub's store. */
export async function clipsAtHub(
  hub: HubClient,
  tls: TlsIdentity,
  householdId: string,
): Promise<readonly SealedClip[]> {
  const found: SealedClip[] = []
  let after = ''
  for (;;) {
    const page = await hub.getJson(
      `/clips/${householdId}?after=${encodeURIComponent(after)}`,
      tls,
      listSchema,
    )
    for (const clip of page.clips) {
      const base = `/clips/${householdId}/${clip.epoch}/${clip.deviceId}/${clip.clipId}`
      const topic = `ownlens/1/${householdId}/${clip.epoch}/${clip.deviceId}/clip/${clip.clipId}/open`
      const parts = clip.parts.filter(part => PART_PATTERN.test(part))
      if (readTopic(topic) !== undefined)
        found.push({ ...clip, parts, read: part => hub.getBytes(`${base}/${part}`, tls) })
    }
    if (page.next === null || page.next === after || found.length > CLIPS_MAX) return found
    after = page.next
  }
}

/**
 * Clips in a folder, laid out as the hub's store does it: `<household>/<epoch>/<device>/<clip>/<part>`, from any level on
 * that ends in a clip's own folder.
 */
export async function clipsInFolder(
  disk: Disk,
  folder: string,
  householdId: string,
): Promise<readonly SealedClip[]> {
  const found: SealedClip[] = []
  // An epoch's folder has the name of a part: only a clip's own folder holds parts.
  if (CLIP_ID_PATTERN.test(basename(folder))) {
    const parts = (await listFiles(disk, folder)).filter(name => PART_PATTERN.test(name))
    if (parts.length === 0) return []
    const [clipId = '', deviceId = '', epoch = ''] = folder.split('/').reverse()
    if (readTopic(`ownlens/1/${householdId}/${epoch}/${deviceId}/clip/${clipId}/open`) === undefined)
      return []
    const sizes = await Promise.all(
      parts.map(async part => (await disk.info(join(folder, part)))?.bytes ?? 0),
    )
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    const read = async (part: string) => {
      const path = join(folder, part)
      if (((await disk.info(path))?.bytes ?? 0) > MESSAGE_MAX) throw new OwnlensError('part.size', part)
      const message = await disk.read(path)
      if (message === undefined) throw new OwnlensError('store.absent', part)
      return message
    }
    return [{ epoch: Number(epoch), deviceId, clipId, parts, bytes, read }]
  }
  for (const name of await disk.list(folder).catch(() => []))
    found.push(...(await clipsInFolder(disk, join(folder, name), householdId)))
  return found
}
