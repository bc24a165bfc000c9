import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import Database from 'libsql'
import { auditLog } from '../../log/audit/audit.ts'
import { FINDINGS, type Finding } from '../../log/audit/finding.ts'
import type { Checkpoint } from '../../log/checkpoint.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { type MakerRoot, readMakerRoot } from '../../protocol/maker-chain.ts'
import { type Disk, readText } from '../../storage/disk.ts'

/** What was found in the whole log. */
export interface FleetSearch {
  /** Entries of the log, and how many of them could be looked into. */
  readonly entries: number
  readonly opened: number
  readonly found: readonly Found[]
  /** Whether the maker's certificates could be judged too. */
  readonly withMaker: boolean
}

export interface Found {
  readonly what: string
  readonly positions: readonly number[]
  /** It is about cameras of this incident alone. */
  readonly isThis: boolean
  /** False when a record that is closed could explain it. */
  readonly certain: boolean
}

/**
 * Searches the hub's whole log for the same fault. The records for it never leave the hub's folder, and the page names places in
 * the log and no ids: what is not of the incident is nobody's business.
 *
 * @param about.log the log's copy, under `head`.
 * @throws OwnlensError `log.*`, `station.root`.
 */
export async function searchFleet(
  disk: Disk,
  hubData: string,
  about: {
    readonly log: string
    readonly head: Checkpoint
    readonly makerRoot: string | undefined
    /** Cameras of the incident. */
    readonly devices: readonly string[]
  },
): Promise<FleetSearch> {
  const makerRoot = about.makerRoot === undefined ? undefined : await readRoot(disk, resolve(about.makerRoot))
  // What a search that was killed has left holds what may have been erased since.
  for (const name of await disk.list(hubData))
    if (name.startsWith('search-')) await disk.remove(join(hubData, name))
  const folder = await mkdtemp(join(hubData, 'search-'))
  try {
    const records = join(folder, 'records.jsonl')
    await pipeline(Readable.from(lines(hubData, about.head)), createWriteStream(records, { mode: 0o600 }))
    const { opened, findings } = await auditLog(disk, about.log, about.head, { records, makerRoot })
    const found = findings.map(finding => plain(finding, about.devices))
    return { entries: about.head.size, opened, found, withMaker: makerRoot !== undefined }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** All opened records, in the order of the log. The hub may be running: its database is only read. */
function* lines(hubData: string, { size }: Pick<Checkpoint, 'size'>): Generator<string> {
  const database = new Database(join(hubData, 'registrar.db'), { readonly: true })
  try {
    const rows = database
      .prepare(
        'select position, salt, content from records where position < ? and salt is not null order by position',
      )
      .iterate(size)
    for (const row of rows) yield `${JSON.stringify(row)}\n`
  } finally {
    database.close()
  }
}

function plain({ kind, positions, devices, certain }: Finding, ours: readonly string[]): Found {
  const isThis = devices.length > 0 && devices.every(device => ours.includes(device))
  return { what: FINDINGS[kind], positions, isThis, certain }
}

async function readRoot(disk: Disk, path: string): Promise<MakerRoot> {
  const pem = await readText(disk, path)
  if (pem === undefined) throw new OwnlensError('station.root', path)
  return readMakerRoot(pem, new Date())
}
