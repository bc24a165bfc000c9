import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { ClipStore, type ClipStoreOptions } from '../../deploy/hub/clip-store.ts'
import { base32, hex, sha256 } from '../../protocol/ids.ts'
import { kindOfPart, type PartCounts, writePart } from '../../protocol/part.ts'
import type { Disk } from '../../storage/disk.ts'

/** An id that no key has. */
export const anId = (name: string): string => base32(sha256(name))

/** A store that lets every device in. */
export function openStore(
  disk: Disk,
  folder: string,
  options: Partial<ClipStoreOptions> = {},
): Promise<ClipStore> {
  const log = pino({ level: 'silent' })
  return ClipStore.open({ disk, folder, maxBytes: 2 ** 30, log, claimed: async () => true, ...options })
}

/** A clip of a camera as messages: topics, and parts with frames around bytes that mean nothing. */
export class ClipMessages {
  readonly householdId: string
  readonly deviceId: string
  readonly epoch = 1
  readonly clipId = base32(randomBytes(16))

  constructor(home: string, camera = 'camera') {
    this.householdId = anId(home)
    this.deviceId = anId(camera)
  }

  topic(part: string): string {
    return `ownlens/1/${this.householdId}/${this.epoch}/${this.deviceId}/clip/${this.clipId}/${part}`
  }

  /** Where the part lies in a store's folder. */
  path(part: string): string {
    return `${this.householdId}/${this.epoch}/${this.deviceId}/${this.clipId}/${part}`
  }

  /** Opening, video, thumbnail and end. */
  static readonly PARTS = ['open', '0', '1', 'h0', 'thumb', 'end']

  message(part: string, payload = Buffer.from(`payload of ${part}`)): Uint8Array {
    const counts: PartCounts = { video: 2, hashes: 1, thumb: 1 }
    return writePart(kindOfPart(part), payload, part === 'end' ? counts : undefined)
  }

  hash(part: string): string {
    return hex(sha256(`payload of ${part}`))
  }
}
