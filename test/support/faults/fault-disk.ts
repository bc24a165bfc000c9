import { setTimeout as sleep } from 'node:timers/promises'
import { type Disk, diskOver, type FileCalls } from '../../../storage/disk.ts'
import { Chance } from './chance.ts'
import { FileTree, systemError } from './file-tree.ts'
import type { Model, Survival } from './journal.ts'

/** One call, or part of one, that the system makes: the power may go before each that changes something. */
export interface Step {
  readonly does: 'create' | 'fill' | 'sync' | 'rename' | 'unlink' | 'make folder' | 'read'
  readonly path: string
}

export interface Faults {
  /** The power goes before the step of this number, counted from 1. Steps that change nothing have none. */
  cutAt?: number
  /** The error code that a step ends with; reads have the number 0. A `fill` that fails has written half; a failed `sync` never holds. */
  fails?: (step: Step, number: number) => string | undefined
  /** All files together; what goes beyond it ends with ENOSPC, and what fits is written. */
  maxBytes?: number
  /** Nothing can be changed any more (EROFS). */
  readOnly?: boolean
  /** How long a step takes. */
  delayMs?: number
  /** It says that things are synced, and they are not. */
  ignoresSync?: (step: Step) => boolean
}

export interface FaultDiskOptions extends Faults {
  readonly model: Model
  /** A folder that is there, and certain. */
  readonly folder: string
}

/**
 * A disk in memory with faults on demand. The code over the calls is the real disk's; what is modelled is the system under
 * it. After a power cut no call ever returns: whoever waits for one is as dead as its process.
 */
export class FaultDisk {
  readonly disk: Disk
  readonly faults: Faults
  /** Resolves at the power cut. */
  readonly dead: Promise<void>
  #tree: FileTree
  #steps: Step[] = []
  #isDead = false
  #die: () => void = () => undefined
  readonly #watchers = new Set<(path: string) => void>()

  private constructor(tree: FileTree, faults: Faults) {
    this.#tree = tree
    this.faults = faults
    this.dead = new Promise(resolve => {
      this.#die = resolve
    })
    this.disk = diskOver(this.#calls())
  }

  static make({ model, folder, ...faults }: FaultDiskOptions): FaultDisk {
    const tree = new FileTree(model)
    let path = ''
    for (const name of folder.split('/').filter(part => part !== '')) {
      path += `/${name}`
      tree.makeFolder(path)
    }
    return new FaultDisk(tree.afterCut('most'), faults)
  }

  /** The changing steps that were taken, in order. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  /** Cuts the power now. */
  cut(): void {
    this.#isDead = true
    this.#die()
  }

  /** The disk at the next start after a power cut. */
  afterCut(survival: Survival, faults: Faults = {}): FaultDisk {
    this.cut()
    return new FaultDisk(this.#tree.afterCut(survival), faults)
  }

  /** The disk at the next start after the process alone was killed: what was not synced may still be lost. */
  afterKill(faults: Faults = {}): FaultDisk {
    this.cut()
    return new FaultDisk(this.#tree, faults)
  }

  /** The disk goes bad under a file: it holds this from now on. */
  spoil(path: string, how: 'empty' | 'torn' | 'zeros' | 'noise', chance = new Chance(1)): void {
    const file = this.#tree.file(path)
    const spoilt = file.bytes.slice(
      0,
      how === 'empty' ? 0 : how === 'torn' ? file.bytes.length / 2 : undefined,
    )
    if (how === 'zeros') spoilt.fill(0)
    if (how === 'noise') for (const at of spoilt.keys()) spoilt[at] = chance.upTo(255)
    file.spoil(spoilt)
  }

  /** Every file with its length. */
  describe(): string {
    return [...this.#tree.files()].map(({ path, bytes }) => `${path} (${bytes.length})`).join(', ')
  }

  #calls(): FileCalls {
    const tree = this.#tree
    return {
      open: async (path, flags) => {
        if (flags === 'r') await this.#look(path)
        else await this.#step({ does: 'create', path }, () => tree.create(path))
        const node = tree.node(path)
        return {
          writeFile: bytes => this.#fill(path, bytes),
          sync: () => this.#sync(path, node),
          close: async () => undefined,
        }
      },
      readFile: async path => {
        await this.#look(path)
        return tree.file(path).bytes.slice()
      },
      readdir: async path => {
        await this.#look(path)
        return [...tree.folder(path).entries.keys()]
      },
      stat: async path => {
        await this.#look(path)
        const node = tree.node(path)
        return node.kind === 'file'
          ? { size: node.bytes.length, mtime: node.writtenAt }
          : { size: 4096, mtime: new Date(0) }
      },
      rename: (from, to) => this.#step({ does: 'rename', path: to }, () => tree.rename(from, to)),
      rm: path => this.#remove(path),
      mkdir: path => this.#makeFolders(path),
      changes: (folder, { signal }) => this.#changes(folder, signal),
    }
  }

  async #step<T>(step: Step, change: () => T, half?: () => void): Promise<T> {
    await this.#arrive()
    if (this.#steps.length + 1 === this.faults.cutAt) this.cut()
    if (this.#isDead) await never()
    this.#steps.push(step)
    const code = this.faults.fails?.(step, this.#steps.length)
    if (code !== undefined) {
      half?.()
      throw systemError(code, step.path)
    }
    if (this.faults.readOnly && step.does !== 'sync') throw systemError('EROFS', step.path)
    const result = change()
    if (step.does !== 'sync') for (const watcher of this.#watchers) watcher(step.path)
    return result
  }

  async #look(path: string): Promise<void> {
    await this.#arrive()
    const code = this.faults.fails?.({ does: 'read', path }, 0)
    if (code !== undefined) throw systemError(code, path)
  }

  async #arrive(): Promise<void> {
    await (this.faults.delayMs === undefined ? undefined : sleep(this.faults.delayMs))
    if (this.#isDead) await never()
  }

  async #fill(path: string, bytes: Uint8Array): Promise<void> {
    const tree = this.#tree
    const file = tree.file(path)
    await this.#step(
      { does: 'fill', path },
      () => {
        const { maxBytes } = this.faults
        const room = maxBytes === undefined ? bytes.length : maxBytes - tree.bytes
        file.write(bytes.subarray(0, Math.max(0, room)))
        if (room < bytes.length) throw systemError('ENOSPC', path)
      },
      () => file.write(bytes.subarray(0, bytes.length / 2)),
    )
  }

  #sync(path: string, node: ReturnType<FileTree['node']>): Promise<void> {
    const step: Step = { does: 'sync', path }
    return this.#step(
      step,
      () => {
        if (!this.faults.ignoresSync?.(step)) this.#tree.sync(node)
      },
      () => {
        if (node.kind === 'file') node.failSync()
      },
    )
  }

  /** As `rm -rf` does: the contents one by one, then the folder. */
  async #remove(path: string): Promise<void> {
    await this.#arrive()
    const tree = this.#tree
    if (!exists(tree, path)) return
    const node = tree.node(path)
    if (node.kind === 'folder')
      for (const name of [...node.entries.keys()]) await this.#remove(`${path}/${name}`)
    await this.#step({ does: 'unlink', path }, () => {
      if (exists(tree, path)) tree.unlink(path)
    })
  }

  async #makeFolders(path: string): Promise<string | undefined> {
    let first: string | undefined
    let above = ''
    for (const name of path.split('/').filter(part => part !== '')) {
      above += `/${name}`
      await this.#arrive()
      if (exists(this.#tree, above)) {
        if (above === path && this.#tree.node(above).kind === 'file') throw systemError('EEXIST', path)
        this.#tree.folder(above)
        continue
      }
      const made = above
      await this.#step({ does: 'make folder', path: made }, () => {
        // Somebody else may have made it meanwhile.
        if (exists(this.#tree, made)) return
        this.#tree.makeFolder(made)
        first ??= made
      })
    }
    return first
  }

  async *#changes(folder: string, signal: AbortSignal): AsyncGenerator<void> {
    await this.#look(folder)
    this.#tree.folder(folder)
    let wake: () => void = () => undefined
    let changed = true
    const watcher = (path: string) => {
      if (!path.startsWith(`${folder}/`)) return
      changed = true
      wake()
    }
    this.#watchers.add(watcher)
    signal.addEventListener('abort', () => wake(), { once: true })
    try {
      while (!signal.aborted) {
        if (!changed)
          await new Promise<void>(resolve => {
            wake = resolve
          })
        await this.#arrive()
        changed = false
        if (!signal.aborted) yield
      }
    } finally {
      this.#watchers.delete(watcher)
    }
  }
}

function exists(tree: FileTree, path: string): boolean {
  try {
    return tree.has(path)
  } catch {
    return false
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
