import { File } from './file.ts'
import { Journal, type Model, type Names, type Survival } from './journal.ts'

/** A folder as the running system sees it. */
interface Folder {
  readonly kind: 'folder'
  readonly node: number
  readonly entries: Map<string, number>
}

const ROOT = 0

/** An error as the system gives it. */
export function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code, path })
}

/** Files and folders in memory, that know what a power cut would leave of them. Errors are those of `node:fs`. */
export class FileTree {
  readonly model: Model
  readonly #journal: Journal
  readonly #nodes = new Map<number, File | Folder>()
  #nextNode = ROOT + 1

  constructor(model: Model, names: Names = new Map()) {
    this.model = model
    this.#journal = new Journal(model, names)
    this.#nodes.set(ROOT, { kind: 'folder', node: ROOT, entries: new Map(names.get(ROOT)) })
  }

  /** Throws ENOENT, ENOTDIR. */
  node(path: string): File | Folder {
    let found = this.#nodes.get(ROOT)
    for (const name of namesIn(path)) {
      if (found?.kind === 'file') throw systemError('ENOTDIR', path)
      found = this.#nodes.get(found?.entries.get(name) ?? -1)
      if (found === undefined) throw systemError('ENOENT', path)
    }
    return found as File | Folder
  }

  /** Throws EISDIR. */
  file(path: string): File {
    const node = this.node(path)
    if (node.kind === 'folder') throw systemError('EISDIR', path)
    return node
  }

  /** Throws ENOTDIR. */
  folder(path: string): Folder {
    const node = this.node(path)
    if (node.kind === 'file') throw systemError('ENOTDIR', path)
    return node
  }

  has(path: string): boolean {
    const { folder, name } = this.#place(path)
    return folder.entries.has(name)
  }

  /** Bytes of all files that have a name. */
  get bytes(): number {
    let sum = 0
    for (const { bytes } of this.files()) sum += bytes.length
    return sum
  }

  /** All files, each with its path. */
  *files(path = '/'): Generator<{ path: string; bytes: Uint8Array }> {
    const node = this.node(path)
    if (node.kind === 'file') yield { path, bytes: node.bytes }
    else
      for (const name of node.entries.keys()) yield* this.files(path === '/' ? `/${name}` : `${path}/${name}`)
  }

  /** Opens a file for writing: it is made, or emptied. */
  create(path: string): File {
    const { folder, name } = this.#place(path)
    if (folder.entries.has(name)) {
      const file = this.file(path)
      file.truncate(this.#journal.add([], [file.node]))
      return file
    }
    const node = this.#nextNode++
    const file = new File(node, this.#name([{ folder, name, node }], [folder.node, node]))
    this.#nodes.set(node, file)
    return file
  }

  makeFolder(path: string): void {
    const { folder, name } = this.#place(path)
    if (folder.entries.has(name)) throw systemError('EEXIST', path)
    const node = this.#nextNode++
    this.#nodes.set(node, { kind: 'folder', node, entries: new Map() })
    this.#name([{ folder, name, node }], [folder.node, node])
  }

  rename(from: string, to: string): void {
    if (to.startsWith(`${from}/`)) throw systemError('EINVAL', to)
    const { node, ...moved } = this.node(from)
    const source = this.#place(from)
    const target = this.#place(to)
    if (target.folder.entries.has(target.name)) {
      const replaced = this.node(to)
      if (replaced.node === node) return
      if (replaced.kind !== moved.kind)
        throw systemError(replaced.kind === 'folder' ? 'EISDIR' : 'ENOTDIR', to)
      if (replaced.kind === 'folder' && replaced.entries.size > 0) throw systemError('ENOTEMPTY', to)
    }
    const names = [source, { ...target, node }]
    this.#name(names, [source.folder.node, target.folder.node, node])
  }

  /** Removes a file or an empty folder. */
  unlink(path: string): void {
    const node = this.node(path)
    if (node.kind === 'folder' && node.entries.size > 0) throw systemError('ENOTEMPTY', path)
    const place = this.#place(path)
    this.#name([place], [place.folder.node, node.node])
  }

  /** After it the bytes of the file, or the names in the folder, are on the disk. */
  sync(node: File | Folder): void {
    this.#journal.sync(node.node)
    if (node.kind === 'file') node.sync()
  }

  /** What a system that starts after a power cut finds. */
  afterCut(survival: Survival): FileTree {
    const { names, reached } = this.#journal.afterCut(survival)
    const tree = new FileTree(this.model, names)
    tree.#nextNode = this.#nextNode
    for (const [number, node] of this.#nodes)
      if (node.kind === 'folder') tree.#nodes.set(number, { ...node, entries: new Map(names.get(number)) })
      else {
        const bytes = node.afterCut(this.model, survival, reached)
        tree.#nodes.set(number, new File(number, 0, bytes, true, node.writtenAt))
      }
    return tree
  }

  #name(
    names: readonly { folder: Folder; name: string; node?: number }[],
    touches: readonly number[],
  ): number {
    for (const { folder, name, node } of names)
      if (node === undefined) folder.entries.delete(name)
      else folder.entries.set(name, node)
    return this.#journal.add(
      names.map(entry => ({ ...entry, folder: entry.folder.node })),
      touches,
    )
  }

  /** Throws ENOENT or ENOTDIR when there is no folder for it. */
  #place(path: string): { folder: Folder; name: string } {
    const names = namesIn(path)
    const name = names.pop()
    if (name === undefined) throw systemError('EBUSY', path)
    return { folder: this.folder(`/${names.join('/')}`), name }
  }
}

function namesIn(path: string): string[] {
  return path.split('/').filter(name => name !== '')
}
