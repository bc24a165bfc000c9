import type { Chance } from './chance.ts'

/**
 * How a file system orders what it was not yet told to sync:
 *
 * - `ordered`: as ext4 with data=ordered. Names, renames, removals and truncations go through one journal, so a beginning
 *   of it survives a power cut. A file's bytes follow when they please: without fsync, any beginning of them is there.
 * - `any-order`: the least that POSIX promises. Each change of a folder survives or not, whatever came before it; to sync a
 *   file says nothing of its name; bytes without fsync are torn, zeros, or what lay there before.
 */
export type Model = 'ordered' | 'any-order'

/**
 * What a power cut spares of what was not synced: nothing, everything, every name but no bytes (the empty file that a rename
 * without fsync leaves), or what chance says.
 */
export type Survival = 'least' | 'most' | 'names' | Chance

/** One step of the journal: the names that it sets or takes away together, and whom to sync means to commit it. */
interface Change {
  readonly at: number
  readonly names: readonly { readonly folder: number; readonly name: string; readonly node?: number }[]
  readonly touches: readonly number[]
}

/** Names in each folder, by the folder's number. */
export type Names = Map<number, Map<string, number>>

/** The names that are on the disk for certain, and the changes of them that a power cut may lose. */
export class Journal {
  readonly #model: Model
  readonly #certain: Names
  #pending: readonly Change[] = []
  #committed = 0
  #at = 0

  constructor(model: Model, certain: Names = new Map()) {
    this.#model = model
    this.#certain = certain
  }

  /** Returns its place in the journal. */
  add(names: Change['names'], touches: readonly number[]): number {
    this.#pending = [...this.#pending, { at: ++this.#at, names, touches }]
    return this.#at
  }

  /** Whoever syncs this file or folder may count on its changes. */
  sync(node: number): void {
    const last = this.#pending.findLastIndex(({ touches }) => touches.includes(node))
    const done =
      this.#model === 'ordered'
        ? this.#pending.slice(0, last + 1)
        : this.#withEarlier(({ names, touches }) =>
            names.length === 0 ? touches.includes(node) : names.some(({ folder }) => folder === node),
          )
    for (const change of done) apply(change, this.#certain)
    this.#committed = Math.max(this.#committed, done.at(-1)?.at ?? 0)
    this.#pending = this.#pending.filter(change => !done.includes(change))
  }

  /** These changes, and those before them of the same names: the newest one of a name is what stays. */
  #withEarlier(wanted: (change: Change) => boolean): readonly Change[] {
    const settled = new Set<string>()
    return this.#pending
      .toReversed()
      .filter(change => {
        const own = change.names.map(({ folder, name }) => `${folder}/${name}`)
        if (!wanted(change) && !own.some(name => settled.has(name))) return false
        for (const name of own) settled.add(name)
        return true
      })
      .toReversed()
  }

  /** What a power cut leaves: the names, and up to which place the journal was read. */
  afterCut(survival: Survival): { names: Names; reached: number } {
    const names: Names = new Map([...this.#certain].map(([folder, held]) => [folder, new Map(held)]))
    const kept = this.#survivors(survival)
    for (const change of kept) apply(change, names)
    return { names, reached: Math.max(this.#committed, kept.at(-1)?.at ?? 0) }
  }

  #survivors(survival: Survival): readonly Change[] {
    if (survival === 'least') return []
    if (survival === 'most' || survival === 'names') return this.#pending
    if (this.#model === 'ordered') return this.#pending.slice(0, survival.upTo(this.#pending.length))
    const share = survival.next()
    return this.#pending.filter(() => survival.next() < share)
  }
}

function apply({ names }: Change, to: Names): void {
  for (const { folder, name, node } of names) {
    const held = to.get(folder) ?? new Map<string, number>()
    if (node === undefined) held.delete(name)
    else held.set(name, node)
    to.set(folder, held)
  }
}
