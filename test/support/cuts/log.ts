import { deepEqual, equal, ok } from 'node:assert/strict'
import { createHash, createPrivateKey } from 'node:crypto'
import { openCheckpoint } from '../../../log/checkpoint.ts'
import { checkConsistency, checkInclusion, type Hash, leafHash } from '../../../log/merkle.ts'
import { readNoteKey, writeNoteKey } from '../../../log/note.ts'
import { verifyLog } from '../../../log/verify.ts'
import { Log } from '../../../log/writer.ts'
import { type Disk, readText } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'

interface Notes {
  /** All entries that were ever given to the log, also those whose append did not return. */
  readonly tried: string[]
  /** Heads that were seen, as an app or a witness keeps them. */
  readonly heads: { readonly size: number; readonly root: Hash }[]
}

const NAME = 'example.com/log'
const FOLDER = '/data/log'
/** Always the same: a cut is repeated byte for byte. */
const KEY = createPrivateKey({
  key: {
    ...{ kty: 'OKP', crv: 'Ed25519' },
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  },
  format: 'jwk',
})
const KNOWN = readNoteKey(writeNoteKey(NAME, 'signature', KEY))

const open = (disk: Disk) => Log.open({ disk, folder: FOLDER, name: NAME, key: KEY })
const entryOf = (text: string) => createHash('sha256').update(text).digest().subarray(0, 20)

async function append(log: Log, notes: Notes, count: number): Promise<void> {
  // What is behind the head was never promised: these take its place.
  notes.tried.length = log.size
  const fresh = Array.from({ length: count }, (_, at) => `${notes.heads.length} ${log.size + at}`)
  notes.tried.push(...fresh)
  await log.append(fresh.map(entryOf))
  see(log, notes)
}

function see({ size, root }: Log, { heads }: Notes): void {
  heads.push({ size, root })
}

/** A log grows past the end of a bundle, one entry, a few and many at a time. */
export const log: Scenario<Notes> = {
  async prepare(disk) {
    const notes: Notes = { tried: [], heads: [] }
    await append(await open(disk), notes, 253)
    return notes
  },
  async life(disk, notes) {
    const log = await open(disk)
    see(log, notes)
    await append(log, notes, 1)
    await append(log, notes, 4)
    await append(log, notes, 1)
  },
  async check(disk, notes) {
    const log = await open(disk)
    const { size, root } = log
    const last = notes.heads.at(-1) ?? { size: 0, root: new Uint8Array() }
    ok(size === last.size || size === notes.tried.length, `${size} entries, ${last.size} were promised`)
    const note = (await readText(disk, FOLDER, 'checkpoint')) ?? ''
    deepEqual(openCheckpoint(note, KNOWN), { origin: NAME, size, root, witnesses: [] })
    await verifyLog(disk, FOLDER, { size, root })
    for (const index of [0, 252, 255, 256, size - 1].filter(index => index < size)) {
      const entry = await log.entry(index)
      equal(Buffer.compare(entry, entryOf(notes.tried[index] ?? '')), 0, `entry ${index} is another`)
      checkInclusion(leafHash(entry), index, { size, root }, await log.inclusion(index))
    }
    for (const head of new Set(notes.heads))
      checkConsistency(head, { size, root }, await log.consistency(head.size))
  },
}
