import type { KeyObject } from 'node:crypto'
import { dirname, join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import { type Disk, readSettled, replaceFile } from '../storage/disk.ts'
import { checkpointText, openCheckpoint } from './checkpoint.ts'
import { takeUp } from './edge.ts'
import { bundleOf, readBundle } from './log-files.ts'
import { type Hash, leafHash } from './merkle.ts'
import { isNote, readNoteKey, signNote, withOnly, withSignatures, writeNoteKey } from './note.ts'
import { TileCache, TileProofs } from './tile-proofs.ts'
import { GrowingTree, TILE_WIDTH, type Tile, tilePath, widthAt } from './tiles.ts'

export interface LogOptions {
  readonly disk: Disk
  readonly folder: string
  /** The log's name, its checkpoints' first line. */
  readonly name: string
  /** Ed25519, private. */
  readonly key: KeyObject
}

/** A tree that was signed, and what the next entries are written behind. */
interface Signed {
  readonly tree: GrowingTree
  readonly root: Hash
  readonly bundle: readonly Uint8Array[]
  /** The signed text, without signatures. */
  readonly text: string
  readonly note: string
}

/** A file of the log that is to be written. */
interface Written {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * An append-only log on the disk (C2SP tlog-tiles): entries and hashes first, then the signed head. What a head was signed for is on the
 * disk; what lies beyond the newest one when the power goes is taken back at the next start.
 */
export class Log {
  readonly #options: LogOptions
  readonly #tiles: TileCache
  #signed: Signed
  /** Changes take turns. */
  #turn: Promise<unknown> = Promise.resolve()
  #failed: Error | undefined
  /** Folders that are there for certain, the last one of each level. */
  readonly #made = new Map<string, string>()

  private constructor(options: LogOptions, signed: Signed) {
    this.#options = options
    this.#tiles = new TileCache(options.disk, options.folder)
    this.#signed = signed
  }

  /**
   * Opens a log, or begins it when the folder is empty.
   *
   * @throws OwnlensError `log.absent` (tiles without a head), `log.note`, `log.checkpoint` (not of this key and name), `log.tile`
   *   (entries under the head are missing or torn), `log.root`.
   */
  static async open(options: LogOptions): Promise<Log> {
    const { disk, folder, name, key } = options
    const kept = await readSettled(disk, folder, 'checkpoint')
    if (kept === undefined) return Log.#begin(options)
    const own = readNoteKey(writeNoteKey(name, 'signature', key))
    // Whatever witnesses have put under it, its own signature is enough to go on.
    const note = isNote(kept) ? kept : withOnly(kept, own)
    const head = openCheckpoint(note, own)
    const edge = await takeUp(disk, folder, head)
    return new Log(options, { ...edge, root: head.root, text: checkpointText(head), note })
  }

  static async #begin(options: LogOptions): Promise<Log> {
    const { disk, folder } = options
    if ((await disk.list(join(folder, 'tile'))).length > 0) throw new OwnlensError('log.absent', folder)
    await disk.makeFolder(folder)
    const signed = signTree(options, new GrowingTree(), [])
    await replaceFile(disk, join(folder, 'checkpoint'), signed.note)
    return new Log(options, signed)
  }

  /** Entries under the signed head. */
  get size(): number {
    return this.#signed.tree.size
  }

  get root(): Hash {
    return this.#signed.root
  }

  /** The signed head, with the cosignatures that it has. */
  get checkpoint(): string {
    return this.#signed.note
  }

  /** What verifies its heads: name+key id+base64. */
  get verifierKey(): string {
    return writeNoteKey(this.#options.name, 'signature', this.#options.key)
  }

  /**
   * Writes entries behind the others, signs the new head and returns when all of it is on the disk. After an error while entries
   * were written nothing has changed, and they may be appended again. After one while the head was written nobody knows which head
   * the disk has: every later call fails, until the log is opened anew.
   */
  append(entries: readonly Uint8Array[]): Promise<void> {
    return this.#inTurn(async () => {
      if (entries.length === 0) return
      const { disk, folder } = this.#options
      const { files, tree, bundle, full } = grow(this.#signed, entries)
      await this.#write(files)
      const signed = signTree(this.#options, tree, bundle)
      await this.#putHead(signed)
      this.#signed = signed
      // Nobody needs a part of what is there as a whole. One that a power cut brings back goes at the next start.
      for (const path of full) await disk.remove(join(folder, `${path}.p`)).catch(() => undefined)
    })
  }

  /**
   * Puts cosignatures under the head that they are of (C2SP tlog-cosignature; the caller has checked them).
   *
   * @param text the head's signed text.
   * @returns false when the log has grown meanwhile, so that they are not of its head any more, or when there is no room for them.
   */
  cosigned(text: string, lines: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const { note } = this.#signed
      if (text !== this.#signed.text) return false
      const cosigned = withSignatures(note, lines)
      if (cosigned === undefined) return false
      if (cosigned === note) return true
      const more = { ...this.#signed, note: cosigned }
      await this.#putHead(more)
      this.#signed = more
      return true
    })
  }

  /** That entry `index` is among the first `size`, by default all. Throws `log.proof` (there is none), `log.tile`. */
  async inclusion(index: number, size: number = this.size): Promise<readonly Hash[]> {
    return new TileProofs(this.#signed, this.#tiles).inclusion(index, size)
  }

  /** That the first `old` entries are the beginning of the first `size`, by default all. Throws `log.proof`, `log.tile`. */
  async consistency(old: number, size: number = this.size): Promise<readonly Hash[]> {
    return new TileProofs(this.#signed, this.#tiles).consistency(old, size)
  }

  /** The bytes of an entry. Throws `log.proof` when there is none, `log.tile`. */
  async entry(index: number): Promise<Uint8Array> {
    const { tree, bundle } = this.#signed
    const { full } = widthAt(0, tree.size)
    const at = Math.floor(index / TILE_WIDTH)
    const { disk, folder } = this.#options
    const entries = at === full ? bundle : at < full ? await readBundle(disk, folder, at, TILE_WIDTH) : []
    const entry = entries[index % TILE_WIDTH]
    if (entry === undefined) throw new OwnlensError('log.proof', `entry ${index} of ${tree.size}`)
    return entry
  }

  /** Written as they are, without a detour: no head refers to them yet. */
  async #write(files: readonly Written[]): Promise<void> {
    const { disk, folder } = this.#options
    const folders = new Set<string>()
    const write = async ({ path, bytes }: Written) => {
      const at = join(folder, path)
      const level = path.split('/')[1] ?? ''
      if (this.#made.get(level) !== dirname(at)) await disk.makeFolder(dirname(at))
      this.#made.set(level, dirname(at))
      folders.add(dirname(at))
      await disk.write(at, bytes)
    }
    await all(files.map(write))
    await all([...folders].map(at => disk.syncFolder(at)))
  }

  async #putHead({ note }: Signed): Promise<void> {
    try {
      await replaceFile(this.#options.disk, join(this.#options.folder, 'checkpoint'), note)
    } catch (error) {
      this.#failed = error as Error
      throw error
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      if (this.#failed !== undefined) throw this.#failed
      return work()
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

/** Waits for all of them, also when one fails: nothing is written any more once a failure is told. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function signTree({ name, key }: LogOptions, tree: GrowingTree, bundle: readonly Uint8Array[]): Signed {
  const { size, root } = tree
  const text = checkpointText({ origin: name, size, root })
  return { tree, root, bundle, text, note: `${text}\n${signNote(text, name, key)}` }
}

interface Grown {
  readonly tree: GrowingTree
  readonly bundle: readonly Uint8Array[]
  readonly files: readonly Written[]
  /** Paths that are full now and were not before. */
  readonly full: readonly string[]
}

/** The tree with these entries, and the files in which it differs from before. */
function grow({ tree: before, bundle: open }: Signed, entries: readonly Uint8Array[]): Grown {
  const tree = before.copy()
  const files: Written[] = []
  const full: string[] = []
  let bundle = [...open]
  const put = (path: string, bytes: Uint8Array) => files.push({ path, bytes })
  const putTile = ({ level, index, hashes }: Tile) =>
    put(tilePath(level, index, hashes.length), Buffer.concat(hashes))
  for (const entry of entries) {
    const index = Math.floor(tree.size / TILE_WIDTH)
    bundle.push(entry)
    for (const tile of tree.append(leafHash(entry))) {
      putTile(tile)
      full.push(tilePath(tile.level, tile.index, TILE_WIDTH))
    }
    if (bundle.length < TILE_WIDTH) continue
    put(tilePath('entries', index, TILE_WIDTH), bundleOf(bundle))
    full.push(tilePath('entries', index, TILE_WIDTH))
    bundle = []
  }
  if (bundle.length > 0)
    put(tilePath('entries', Math.floor(tree.size / TILE_WIDTH), bundle.length), bundleOf(bundle))
  for (const tile of tree.partial) {
    const was = widthAt(tile.level, before.size)
    if (was.full !== tile.index || was.partial !== tile.hashes.length) putTile(tile)
  }
  return { tree, bundle, files, full }
}
