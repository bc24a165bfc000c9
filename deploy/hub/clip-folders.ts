import { join } from 'node:path'
import { PART_PATTERN, readTopic } from '../../protocol/topics.ts'
import { type Disk, removeLeftovers } from '../../storage/disk.ts'
import type { Held } from './clip-shelf.ts'

/**
 * Finds the clips that lie on the disk, by names and sizes alone: a store of many gigabytes must not be read through at every
 * start. What is in a part is checked by who opens it. What a power cut has left half written is removed.
 */
export async function* loadClips(disk: Disk, folder: string): AsyncGenerator<Held> {
  for (const householdId of await disk.list(folder))
    for (const epoch of await disk.list(join(folder, householdId)))
      for (const deviceId of await disk.list(join(folder, householdId, epoch)))
        for (const clipId of await disk.list(join(folder, householdId, epoch, deviceId))) {
          const topic = readTopic(`ownlens/1/${householdId}/${epoch}/${deviceId}/clip/${clipId}/open`)
          if (topic?.kind !== 'clip') continue
          const address = { householdId, epoch: topic.epoch, deviceId }
          const clip = await loadClip(
            disk,
            { address, clipId },
            join(folder, householdId, epoch, deviceId, clipId),
          )
          if (clip.parts.size > 0) yield clip
        }
}

async function loadClip(disk: Disk, which: Pick<Held, 'address' | 'clipId'>, folder: string): Promise<Held> {
  await removeLeftovers(disk, folder)
  const names = (await disk.list(folder)).filter(name => PART_PATTERN.test(name))
  const parts = new Map<string, number>()
  let first = new Date()
  for (const name of names) {
    const info = await disk.info(join(folder, name))
    if (info === undefined) continue
    parts.set(name, info.bytes)
    if (info.writtenAt < first) first = info.writtenAt
  }
  return { ...which, receivedAt: first.toISOString(), parts, counts: undefined, settled: false }
}
