import { join } from 'node:path'
import { z } from 'zod'
import { id } from '../../protocol/fields.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'
import type { ClipStore } from './clip-store.ts'
import type { Db } from './database.ts'
import { related, rowsOfDevices, rowsOfHousehold } from './evidence-rows.ts'

/** Whom a report or an incident is about. */
export interface Concerned {
  readonly households: readonly string[]
  readonly devices: readonly string[]
}

export interface EvidenceParts {
  readonly database: Db
  readonly disk: Disk
  /** `DATA/evidence`. */
  readonly folder: string
  readonly store: () => ClipStore
  /** Whether the broker keeps its rules; it always does but in drills. */
  readonly brokerRules: boolean
  /** Gives every record that was committed its place in the log. */
  readonly logged: () => Promise<void>
  readonly now: () => Date
}

/** Of so many parts in the store, the newest of each camera, the hash is written down. */
const PARTS_MAX = 2000

/**
 * Freezes what the hub holds on some homes and cameras, and on those that the same serials and claims lead to: rows of its
 * database, records with their places in the log, hashes of stored parts. A file for each home, so that one can be erased
 * without the others; `frozen.json` names their hashes.
 */
export class Evidence {
  readonly #parts: EvidenceParts

  constructor(parts: EvidenceParts) {
    this.#parts = parts
  }

  /**
   * On the disk before it returns.
   *
   * @param name of the folder; what it holds already is replaced.
   * @param more files that go into the folder as they are: what a home has sent.
   * @param most bytes for what the hub itself holds. What is more is left out, and `isCut` says so.
   * @returns SHA-256 of `frozen.json`, and how many bytes were written.
   */
  async freeze(
    name: string,
    concerned: Concerned,
    about: Readonly<Record<string, string>>,
    more: Readonly<Record<string, string>> = {},
    most = Number.POSITIVE_INFINITY,
  ): Promise<{ readonly sha256: string; readonly bytes: number }> {
    const { database, disk, folder, brokerRules, now } = this.#parts
    const at = join(folder, name)
    await disk.makeFolder(at)
    await this.#parts.logged()
    const { households, devices, isCut } = await related(database, concerned)
    const files: { name: string; sha256: string }[] = []
    let bytes = 0
    let isOver = false
    const write = async (file: string, content: string) => {
      await replaceFile(disk, join(at, file), content)
      files.push({ name: file, sha256: hex(sha256(content)) })
      bytes += content.length
    }
    const writeWithin = async (file: string, content: string) => {
      if (bytes + content.length > most) isOver = true
      else await write(file, content)
    }
    for (const [file, content] of Object.entries(more)) await write(file, content)
    for (const [index, householdId] of households.entries()) {
      if (isOver) break
      const rows = await rowsOfHousehold(database, householdId, devices)
      const clips = await this.#clips(householdId, devices)
      await writeWithin(
        `home-${index + 1}.json`,
        JSON.stringify({ ownlens: 'frozen home 1', ...rows, clips }),
      )
    }
    const rows = await rowsOfDevices(database, devices)
    await writeWithin('devices.json', JSON.stringify({ ownlens: 'frozen devices 1', ...rows }))
    const list = {
      ownlens: 'frozen 1',
      at: now().toISOString(),
      ...about,
      brokerRules,
      isCut: isCut || isOver,
      files,
    }
    const text = JSON.stringify(list)
    await replaceFile(disk, join(at, 'frozen.json'), text)
    return { sha256: hex(sha256(text)), bytes: bytes + text.length }
  }

  /** Sealed clips of these cameras, each part with the hash of what lies on the disk now. */
  async #clips(householdId: string, devices: readonly string[]) {
    const found = []
    let left = PARTS_MAX
    for (const clip of await this.#parts.store().ofDevices(householdId, devices)) {
      const { epoch, deviceId, clipId, receivedAt, complete, parts, bytes } = clip
      const hashes: Record<string, string> = {}
      for (const part of parts.slice(0, Math.max(0, left)))
        hashes[part] = await this.#parts
          .store()
          .read({ householdId, epoch, deviceId }, clipId, part)
          .then(
            bytes => hex(sha256(bytes)),
            () => 'damaged',
          )
      left -= parts.length
      found.push({ epoch, deviceId, clipId, receivedAt, complete, parts: parts.length, bytes, hashes })
    }
    return found
  }
}

/**
 * Removes what was frozen of a household, in whatever report or incident: it is erased. Its own reports go whole, of others'
 * the file that is about it. A damaged file goes too: nobody can tell whose it is.
 */
export async function eraseEvidence(disk: Disk, folder: string, householdId: string): Promise<void> {
  for (const name of await disk.list(folder)) {
    const at = join(folder, name)
    if ((await householdIn(disk, join(at, 'evidence.json'))) === householdId) {
      await disk.remove(at)
      continue
    }
    for (const file of (await disk.list(at)).filter(
      one => one.startsWith('home-') || one === 'evidence.json',
    ))
      if ([householdId, DAMAGED].includes(await householdIn(disk, join(at, file))))
        await disk.remove(join(at, file))
    await disk.syncFolder(at)
  }
  await disk.syncFolder(folder).catch(() => undefined)
}

const DAMAGED = 'damaged'

async function householdIn(disk: Disk, path: string): Promise<string> {
  const text = await readText(disk, path)
  if (text === undefined) return 'none'
  try {
    return z.looseObject({ householdId: id }).parse(JSON.parse(text)).householdId
  } catch {
    return DAMAGED
  }
}
