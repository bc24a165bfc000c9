import { join, resolve } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import { disk, readText } from '../storage/disk.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { NOTE_MAX, type NoteKey } from './note.ts'

/**
 * A file as text, of a size that a note may have.
 *
 * @throws OwnlensError `log.note`, `log.absent`.
 */
export async function readNote(path: string): Promise<string> {
  const { bytes = 0 } = (await disk.info(path)) ?? {}
  if (bytes > NOTE_MAX) throw new OwnlensError('log.note', 'too long')
  const note = await readText(disk, path)
  if (note === undefined) throw new OwnlensError('log.absent', path)
  return note
}

/** A log's folder and its head. Throws `log.note`, `log.absent`, `log.checkpoint`. */
export async function openFolder(
  folder: string,
  key: NoteKey,
  witnesses: readonly NoteKey[] = [],
): Promise<{ readonly at: string; readonly note: string; readonly head: Checkpoint }> {
  const at = resolve(folder)
  const note = await readNote(join(at, 'checkpoint'))
  return { at, note, head: openCheckpoint(note, key, witnesses) }
}
