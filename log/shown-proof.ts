import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { count } from '../protocol/fields.ts'
import type { Disk } from '../storage/disk.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { readOnly } from './edge.ts'
import { ENTRY_MAX, readBundle } from './log-files.ts'
import { checkInclusion, leafHash } from './merkle.ts'
import { fromBase64, NOTE_MAX, type NoteKey } from './note.ts'
import { TileCache, TileProofs } from './tile-proofs.ts'
import { TILE_WIDTH, widthAt } from './tiles.ts'

const base64 = z.string().transform((text, context) => {
  const bytes = text === '' ? new Uint8Array() : fromBase64(text)
  if (bytes !== undefined) return bytes
  context.addIssue({ code: 'custom', message: 'must be base64' })
  return z.NEVER
})

const schema = z.strictObject({
  position: count,
  entry: base64.refine(bytes => bytes.length <= ENTRY_MAX),
  proof: z.array(base64).max(64),
  checkpoint: z.string().max(NOTE_MAX),
})

/** That one entry is in a log, to be shown to others: JSON, bytes in base64. */
export type ShownProof = z.input<typeof schema>

/** Makes the proof from a log's folder, whose head was opened. Throws `log.proof`, `log.tile`. */
export async function proveEntry(
  disk: Disk,
  folder: string,
  { head, note, position }: { head: Checkpoint; note: string; position: number },
): Promise<ShownProof> {
  const tree = await readOnly(disk, folder, head)
  const proofs = new TileProofs({ tree, root: head.root }, new TileCache(disk, folder))
  const proof = await proofs.inclusion(position, head.size)
  const { full, partial } = widthAt(0, head.size)
  const index = Math.floor(position / TILE_WIDTH)
  const entries = await readBundle(disk, folder, index, index < full ? TILE_WIDTH : partial)
  const entry = entries[position % TILE_WIDTH] ?? new Uint8Array()
  // Entries lie beside the tree: that they are its own is another matter.
  checkInclusion(leafHash(entry), position, head, proof)
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return { position, entry: text(entry), proof: proof.map(text), checkpoint: note }
}

/**
 * Checks what somebody shows: the entry is under a head that the log's key has signed.
 *
 * @throws OwnlensError `log.proof`, `log.note`, `log.checkpoint`.
 */
export function checkShownProof(
  text: string,
  key: NoteKey,
  witnesses: readonly NoteKey[],
): { readonly position: number; readonly entry: Uint8Array; readonly head: Checkpoint } {
  const { position, entry, proof, checkpoint } = readShownProof(text)
  const head = openCheckpoint(checkpoint, key, witnesses)
  checkInclusion(leafHash(entry), position, head, proof)
  return { position, entry, head }
}

function readShownProof(text: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new OwnlensError('log.proof', 'not a proof', { cause })
  }
}
