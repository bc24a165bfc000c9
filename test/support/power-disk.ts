import { basename, dirname } from 'node:path'
import type { Disk } from '../../storage/disk.ts'

/** What every operation throws once the power is gone. */
export class PowerCut extends Error {}

interface Folder {
  readonly kind: 'folder'
  /** Names as they are now, and as they were when the folder was last synced. */
  readonly now: Map<string, Folder | File>
  readonly safe: Map<string, Folder | File>
}
interface File {
  readonly kind: 'file'
  bytes: Uint8Array
}

/**
 * A disk in memory that loses power: what POSIX promises and not a byte more. A file's bytes are safe after `write` (it
 * syncs them), but a new name, a rename or a removal only after `syncFolder`. `cut` says at which operation the power goes;
 * a write is torn by it. `afterCut` is what is found then: of every name that was not synced, chance decides.
 */
export class PowerDisk implements Disk {
  readonly #root: Folder
  /** Operations so far. */
  operations = 0
  #cutAt = Number.POSITIVE_INFINITY

  constructor(root = newFolder()) {
    this.#root = root
  }

  /** From the `count`th operation on there is no power. */
  cut(count: number): void {
    this.#cutAt = this.operations + count
  }

  /** The disk as the next start finds it. */
  afterCut(chance: () => boolean): PowerDisk {
    return new PowerDisk(surviving(this.#root, chance))
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    this.#step()
    const found = this.#find(path)
    return found?.kind === 'file' ? found.bytes : undefined
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const torn = this.operations + 1 >= this.#cutAt
    const folder = this.#folder(dirname(path))
    const before = folder.now.get(basename(path))
    const file: File = before?.kind === 'file' ? before : { kind: 'file', bytes: new Uint8Array() }
    file.bytes = torn ? bytes.slice(0, bytes.length >> 1) : bytes.slice()
    folder.now.set(basename(path), file)
    this.#step()
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step()
    const folder = this.#folder(dirname(from))
    const entry = folder.now.get(basename(from))
    if (entry === undefined) throw failure('ENOENT', from)
    folder.now.delete(basename(from))
    this.#folder(dirname(to)).now.set(basename(to), entry)
  }

  async remove(path: string): Promise<void> {
    this.#step()
    const folder = this.#find(dirname(path))
    if (folder?.kind === 'folder') folder.now.delete(basename(path))
  }

  async makeFolder(path: string): Promise<void> {
    this.#step()
    let folder = this.#root
    for (const name of namesIn(path)) {
      const next = folder.now.get(name) ?? newFolder()
      if (next.kind === 'file') throw failure('ENOTDIR', path)
      folder.now.set(name, next)
      folder = next
    }
  }

  async list(path: string): Promise<readonly string[]> {
    this.#step()
    const folder = this.#find(path)
    return folder?.kind === 'folder' ? [...folder.now.keys()].sort() : []
  }

  async syncFolder(path: string): Promise<void> {
    this.#step()
    const { now, safe } = this.#folder(path)
    safe.clear()
    for (const [name, entry] of now) safe.set(name, entry)
  }

  async info(path: string): Promise<{ bytes: number; writtenAt: Date } | undefined> {
    this.#step()
    const found = this.#find(path)
    return found && { bytes: found.kind === 'file' ? found.bytes.length : 0, writtenAt: new Date(0) }
  }

  /** Nobody else writes here. */
  async *changes(): AsyncGenerator<void> {
    yield
  }

  #step(): void {
    this.operations++
    if (this.operations >= this.#cutAt) throw new PowerCut('no power')
  }

  #find(path: string): Folder | File | undefined {
    let entry: Folder | File | undefined = this.#root
    for (const name of namesIn(path)) entry = entry?.kind === 'folder' ? entry.now.get(name) : undefined
    return entry
  }

  #folder(path: string): Folder {
    const found = this.#find(path)
    if (found?.kind !== 'folder') throw failure('ENOENT', path)
    return found
  }
}

function surviving(folder: Folder, chance: () => boolean): Folder {
  const found = newFolder()
  for (const name of new Set([...folder.safe.keys(), ...folder.now.keys()])) {
    const [safe, now] = [folder.safe.get(name), folder.now.get(name)]
    const kept = safe === now || chance() ? now : safe
    if (kept === undefined) continue
    const entry = kept.kind === 'folder' ? surviving(kept, chance) : { ...kept }
    found.now.set(name, entry)
    found.safe.set(name, entry)
  }
  return found
}

const newFolder = (): Folder => ({ kind: 'folder', now: new Map(), safe: new Map() })
const namesIn = (path: string): readonly string[] => path.split('/').filter(name => name !== '')
const failure = (code: string, path: string) => Object.assign(new Error(`${code} ${path}`), { code })
