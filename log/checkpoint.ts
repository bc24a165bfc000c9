import { OwnlensError } from '../protocol/errors.ts'
import { HASH_BYTES, type Hash } from './merkle.ts'
import { fromBase64, type NoteKey, openNote } from './note.ts'

/** A log's signed head (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log. */
  readonly origin: string
  /** Entries. */
  readonly size: number
  readonly root: Hash
  /** Names of witnesses whose cosignatures hold. */
  readonly witnesses: readonly string[]
}

const SIZE = /^(0|[1-9][0-9]{0,15})$/

/** The text that a log signs. */
export function checkpointText({ origin, size, root }: Omit<Checkpoint, 'witnesses'>): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
}

/** Reads the text that a log signs; lines behind the third mean nothing here. Throws `log.checkpoint`. */
export function headOf(text: string): Omit<Checkpoint, 'witnesses'> {
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  const hash = fromBase64(root)
  const isHead = SIZE.test(size) && Number.isSafeInteger(Number(size)) && hash?.length === HASH_BYTES
  if (origin === '' || !isHead || hash === undefined || extensions.includes(''))
    throw new OwnlensError('log.checkpoint', 'not a head')
  return { origin, size: Number(size), root: hash }
}

/**
 * Opens a checkpoint: the log's own key must have signed it, under the log's name.
 *
 * @param witnesses keys of witnesses; each that has cosigned is named.
 * @throws OwnlensError `log.note`, and `log.checkpoint` when the key has not signed it or the text is no head.
 */
export function openCheckpoint(note: string, key: NoteKey, witnesses: readonly NoteKey[] = []): Checkpoint {
  const { text, signedBy } = openNote(note, [key, ...witnesses])
  if (!signedBy.includes(key)) throw new OwnlensError('log.checkpoint', `not signed by ${key.name}`)
  const head = headOf(text)
  if (head.origin !== key.name) throw new OwnlensError('log.checkpoint', `a head of ${head.origin}`)
  const cosigned = signedBy.filter(one => one !== key && one.kind === 'cosignature')
  return { ...head, witnesses: [...new Set(cosigned.map(({ name }) => name))] }
}
