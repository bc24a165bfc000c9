import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commit, SALT_BYTES } from '../../log/commitment.ts'
import { entryOf } from '../../log/entry.ts'
import type { OpenedLine } from '../../log/opened.ts'
import { Log } from '../../log/writer.ts'
import type { RecordContent } from '../../protocol/record.ts'
import { disk } from '../../storage/disk.ts'

/** Something that is to be logged, so many minutes after the beginning. */
export interface Told {
  readonly minute: number
  readonly content: RecordContent
}

const BEGAN = Date.now()

export const minuteOf = (minute: number): string => new Date(BEGAN + minute * 60_000).toISOString()

/** A log, and what opens it, on the disk: `checkpoint`, `tile/`, `records.jsonl`. */
export interface LaidLog {
  readonly log: Log
  readonly lines: readonly OpenedLine[]
  readonly records: string
}

/** A log of these records. */
export function tellLog(folder: string, told: readonly Told[]): Promise<LaidLog> {
  const kept = told.map(({ minute, content }) => {
    const salt = randomBytes(SALT_BYTES).toString('base64url')
    return { at: minuteOf(minute), salt, content: JSON.stringify(content) }
  })
  return layLog(folder, kept)
}

/** A log of records as a registrar keeps them. */
export async function layLog(
  folder: string,
  kept: readonly { readonly at: string; readonly salt: string; readonly content: string }[],
): Promise<LaidLog> {
  const key = generateKeyPairSync('ed25519').privateKey
  const log = await Log.open({ disk, folder, name: 'example.com/log', key })
  const commitmentOf = ({ salt, content }: { salt: string; content: string }) =>
    commit(Buffer.from(salt, 'base64url'), content)
  await log.append(kept.map(one => entryOf({ at: one.at, commitment: commitmentOf(one) })))
  const lines = kept.map(({ salt, content }, position) => ({ position, salt, content }))
  const records = join(folder, 'records.jsonl')
  await writeLines(records, lines)
  return { log, lines, records }
}

export async function writeLines(path: string, lines: readonly OpenedLine[]): Promise<void> {
  await writeFile(path, lines.map(line => `${JSON.stringify(line)}\n`).join(''))
}
