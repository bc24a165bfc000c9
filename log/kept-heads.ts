import { join } from 'node:path'
import { z } from 'zod'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { count, id, time } from '../protocol/fields.ts'
import type { LogPosition } from '../protocol/log.ts'
import { type Disk, readSettled, replaceFile } from '../storage/disk.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { checkConsistency, type Hash } from './merkle.ts'
import { readNoteKey } from './note.ts'

/** What a hub showed of its log; that the hub's key names this log was checked. */
export interface ShownHead {
  /** The log's verifier key. */
  readonly key: string
  readonly checkpoint: string
  readonly consistency: readonly Hash[]
  /** The newest head that witnesses have cosigned, which may be older, and the proof that `checkpoint` has grown out of it. */
  readonly cosigned: { readonly checkpoint: string; readonly consistency: readonly Hash[] } | null
  /** Word for word, for who must be shown it later. */
  readonly answer: unknown
}

const LIES = ['log.back', 'log.split', 'log.other'] as const

const headSchema = z.strictObject({
  caId: id,
  key: z.string().max(200),
  /** The newest that was followed. */
  checkpoint: z.string().max(64 * 1024),
  /** The newest that enough of the named witnesses have cosigned, when some are named. */
  cosigned: z
    .string()
    .max(64 * 1024)
    .nullable()
    .default(null),
  /** Since when this log is followed, and when it was looked at last. */
  since: time,
  at: time,
})
export type KeptHead = z.infer<typeof headSchema>

const refusalSchema = z.strictObject({
  caId: id,
  code: z.enum(LIES),
  at: time,
  /** The file with both stories. */
  evidence: z.string().max(200),
})
export type Refusal = z.infer<typeof refusalSchema>

const fileSchema = z.strictObject({
  /** One for each hub, the one that was asked last in front. */
  heads: z.array(headSchema).max(8),
  /** Stands until a person begins anew. */
  refused: refusalSchema.nullable(),
  witnesses: z.strictObject({ keys: z.array(z.string().max(200)).max(16), needed: count }),
})
type File = z.infer<typeof fileSchema>

export const HEADS_FILE = 'log-head.json'
export const EVIDENCE_PREFIX = 'log-evidence-'
const HEADS_MAX = 8
const NOTHING: File = { heads: [], refused: null, witnesses: { keys: [], needed: 0 } }

/**
 * The newest head of each hub's log, kept in `log-head.json` (PROTOCOL 10.3). A log only grows: one that went back, that has
 * another beginning, or that took another's place is refused. The head that was kept stays then, and both are written into a
 * file of their own; the refusal stands until a person begins anew.
 */
export class KeptHeads {
  readonly #disk: Disk
  readonly #folder: string
  readonly #now: () => Date
  #file: File

  private constructor(disk: Disk, folder: string, now: () => Date, file: File) {
    this.#disk = disk
    this.#folder = folder
    this.#now = now
    this.#file = file
  }

  /** Throws `log.kept`. */
  static async open(disk: Disk, folder: string, now: () => Date = () => new Date()): Promise<KeptHeads> {
    const text = await readSettled(disk, folder, HEADS_FILE)
    try {
      const file = text === undefined ? NOTHING : fileSchema.parse(JSON.parse(text))
      for (const { key, checkpoint } of file.heads) openCheckpoint(checkpoint, readNoteKey(key))
      return new KeptHeads(disk, folder, now, file)
    } catch (cause) {
      throw new OwnlensError('log.kept', join(folder, HEADS_FILE), { cause })
    }
  }

  /** Takes away what cannot be read, and all that was kept. */
  static async forget(disk: Disk, folder: string): Promise<void> {
    await disk.remove(join(folder, HEADS_FILE))
    await disk.syncFolder(folder)
  }

  /** What is refused, until `accept`. */
  get refused(): Refusal | null {
    return this.#file.refused
  }

  get witnesses(): File['witnesses'] {
    return this.#file.witnesses
  }

  /** What is known of this hub's log. */
  kept(caId: string): KeptHead | undefined {
    return this.#file.heads.find(head => head.caId === caId)
  }

  /** How many entries the head has that is kept of this hub's log; 0 without one. */
  sizeOf(caId: string): number {
    const held = this.kept(caId)
    return held === undefined ? 0 : headOf(held).size
  }

  /** The head of this hub's log, without its signature; null when none is kept. */
  position(caId: string): LogPosition | null {
    const held = this.kept(caId)
    return held === undefined ? null : positionOf(headOf(held))
  }

  /**
   * Takes a newer head of a hub's log. One that was known before is followed whether witnesses have cosigned it or not: a hub
   * must not show one story now and another until they have.
   *
   * @throws OwnlensError `log.back`, `log.split`, `log.other`: refused, and written down; `log.witness` when too few of the
   *   named witnesses have cosigned any head of it; `log.note`, `log.checkpoint` for what is no head.
   */
  async take(caId: string, shown: ShownHead): Promise<void> {
    const held = this.kept(caId)
    if (held !== undefined && held.key !== shown.key)
      await this.#refuse('log.other', caId, held, { shown: shown.answer })
    const { key, checkpoint } = shown
    const newest = openCheckpoint(checkpoint, readNoteKey(key))
    if (held !== undefined) await this.#mustGrow(headOf(held), newest, shown.consistency, caId, shown)
    const cosigned = await this.#cosigned(held, newest, shown, caId)
    const at = this.#now().toISOString()
    const isEnough = this.#file.witnesses.needed === 0 || cosigned !== null
    if (isEnough || held !== undefined)
      await this.#keep({ caId, key, checkpoint, cosigned, since: held?.since ?? at, at })
    if (!isEnough) throw new OwnlensError('log.witness', `${this.#file.witnesses.needed} are needed`)
  }

  /** Refuses a log that did not grow from the one to the other. */
  async #mustGrow(
    earlier: Checkpoint,
    later: Checkpoint,
    proof: readonly Hash[],
    caId: string,
    { answer }: ShownHead,
  ): Promise<void> {
    const code = whatIsWrong(earlier, later, proof)
    if (code !== undefined) await this.#refuse(code, caId, this.kept(caId), { shown: answer })
  }

  /** Of all that is known of a log, the newest head that enough witnesses have cosigned; null without one. */
  async #cosigned(
    held: KeptHead | undefined,
    newest: Checkpoint,
    shown: ShownHead,
    caId: string,
  ): Promise<string | null> {
    const { needed } = this.#file.witnesses
    if (needed === 0) return null
    const opened = (note: string) => openCheckpoint(note, readNoteKey(shown.key))
    if (shown.cosigned !== null) {
      const { checkpoint, consistency } = shown.cosigned
      await this.#mustGrow(opened(checkpoint), newest, consistency, caId, shown)
    }
    const known = [shown.checkpoint, shown.cosigned?.checkpoint, held?.cosigned, held?.checkpoint]
    return known
      .filter(note => typeof note === 'string')
      .filter(note => this.#cosignersOf(note, shown.key).length >= needed)
      .reduce<string | null>(
        (best, note) => (best === null || opened(note).size > opened(best).size ? note : best),
        null,
      )
  }

  /**
   * Compares the head that somebody else was shown by this hub with the one that is kept.
   *
   * @param ask the hub's proof that the first `from` entries are the beginning of the first `to`.
   * @param witness who was shown it, and what proves that they say so.
   * @throws OwnlensError `log.split`, `log.back`: refused, and written down. A hub that answers without a proof has none:
   *   that is a split. What `ask` throws when the hub could not answer: then it is not known.
   */
  async compare(
    caId: string,
    other: { size: number; root: Hash },
    ask: (from: number, to: number) => Promise<readonly Hash[]>,
    witness: unknown,
  ): Promise<void> {
    const held = this.kept(caId)
    if (held === undefined || other.size === 0) return
    const own = headOf(held)
    const { proof, instead } =
      other.size < own.size ? await proven(() => ask(other.size, own.size)) : NO_PROOF
    // They were shown more than this one is shown now: the hub has taken something back.
    const code = whatIsWrong(other, own, proof)
    if (code === undefined) return
    await this.#refuse(code, caId, held, {
      witness,
      other: positionOf(other),
      proof: proof.map(base64),
      instead,
    })
  }

  /** Begins anew with this hub's log; the files of evidence stay. Only a person may order that. */
  async accept(caId: string): Promise<void> {
    const heads = this.#file.heads.filter(head => head.caId !== caId)
    await this.#save({ ...this.#file, heads, refused: null })
  }

  /** From now on only heads count that so many of these witnesses have cosigned. Throws `log.key`. */
  async demand(keys: readonly string[], needed: number): Promise<void> {
    for (const key of keys) readNoteKey(key)
    if (needed > keys.length) throw new OwnlensError('log.witness', `${needed} of ${keys.length}`)
    await this.#save({ ...this.#file, witnesses: { keys: [...keys], needed } })
  }

  /** Names of the named witnesses that have cosigned the newest head that enough of them have. */
  cosigners({ checkpoint, cosigned, key }: KeptHead): readonly string[] {
    return this.#cosignersOf(cosigned ?? checkpoint, key)
  }

  #cosignersOf(note: string, key: string): readonly string[] {
    const witnesses = this.#file.witnesses.keys.map(readNoteKey)
    return openCheckpoint(note, readNoteKey(key), witnesses).witnesses
  }

  async #keep(head: KeptHead): Promise<void> {
    const others = this.#file.heads.filter(({ caId }) => caId !== head.caId)
    await this.#save({ ...this.#file, heads: [head, ...others].slice(0, HEADS_MAX) })
  }

  /** Both stories on the disk first, then the refusal. One that stands is not written down again. */
  async #refuse(
    code: Refusal['code'],
    caId: string,
    held: KeptHead | undefined,
    shown: object,
  ): Promise<never> {
    const at = this.#now().toISOString()
    if (this.#file.refused === null) {
      const evidence = `${EVIDENCE_PREFIX}${at.replaceAll(':', '')}.json`
      const both = { ownlens: 'log evidence 1', code, at, held: held ?? null, ...shown }
      await this.#disk.makeFolder(this.#folder)
      await replaceFile(this.#disk, join(this.#folder, evidence), `${JSON.stringify(both, null, 2)}\n`)
      await this.#save({ ...this.#file, refused: { caId, code, at, evidence } })
    }
    throw new OwnlensError(code)
  }

  async #save(file: File): Promise<void> {
    await this.#disk.makeFolder(this.#folder)
    await replaceFile(this.#disk, join(this.#folder, HEADS_FILE), JSON.stringify(file))
    this.#file = file
  }
}

/** A hub that says so may answer later: nothing follows from it. */
const NOT_NOW: ReadonlySet<string> = new Set(['hub.unreachable', 'hub.busy', 'hub.failed'])

/** `instead`: the code of what was answered without a proof. */
interface Proven {
  readonly proof: readonly Hash[]
  readonly instead: string | null
}
const NO_PROOF: Proven = { proof: [], instead: null }

async function proven(ask: () => Promise<readonly Hash[]>): Promise<Proven> {
  try {
    return { proof: await ask(), instead: null }
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined || NOT_NOW.has(code)) throw error
    return { proof: [], instead: code }
  }
}

const headOf = ({ checkpoint, key }: KeptHead): Checkpoint => openCheckpoint(checkpoint, readNoteKey(key))

const base64 = (hash: Hash): string => Buffer.from(hash).toString('base64')

export function positionOf({ size, root }: Pick<Checkpoint, 'size' | 'root'>): LogPosition {
  return { size, root: Buffer.from(root).toString('base64') }
}

/** Undefined when the later head has grown out of the earlier one. */
function whatIsWrong(
  earlier: Pick<Checkpoint, 'size' | 'root'>,
  later: Pick<Checkpoint, 'size' | 'root'>,
  proof: readonly Hash[],
): 'log.back' | 'log.split' | undefined {
  try {
    checkConsistency(earlier, later, proof)
    return undefined
  } catch (error) {
    const code = codeOf(error)
    if (code === 'log.back') return code
    if (code === 'log.proof') return 'log.split'
    throw error
  }
}
