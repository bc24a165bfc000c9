import type { Model, Survival } from './journal.ts'

/** What a file held since its last fsync: that, and every truncation since with the bytes that were written then. */
interface Content {
  /** The truncation's place in the journal. */
  readonly at: number
  readonly bytes: Uint8Array
  readonly synced: boolean
}

const SECTOR = 512

/** A file as the running system sees it, and beside that what a power cut could leave of it. */
export class File {
  readonly kind = 'file'
  readonly node: number
  #contents: readonly Content[]
  /** An fsync failed: the system holds its bytes for written though they are not, and never tries again. */
  #broken = false
  writtenAt: Date

  constructor(
    node: number,
    at: number,
    bytes: Uint8Array = new Uint8Array(),
    synced = false,
    writtenAt = new Date(),
  ) {
    this.node = node
    this.#contents = [{ at, bytes, synced }]
    this.writtenAt = writtenAt
  }

  get bytes(): Uint8Array {
    return this.#newest.bytes
  }

  truncate(at: number): void {
    this.#contents = [...this.#contents, { at, bytes: new Uint8Array(), synced: false }]
    this.#broken = false
  }

  write(bytes: Uint8Array): void {
    this.#contents = [
      ...this.#contents.slice(0, -1),
      { ...this.#newest, bytes: new Uint8Array(bytes), synced: false },
    ]
    this.writtenAt = new Date()
  }

  sync(): void {
    if (!this.#broken) this.#contents = [{ ...this.#newest, synced: true }]
  }

  failSync(): void {
    this.#broken = true
  }

  /** The disk itself spoils what is certain. */
  spoil(bytes: Uint8Array): void {
    this.#contents = [{ at: 0, bytes, synced: true }]
  }

  /** @param reached up to which place the journal survived. */
  afterCut(model: Model, survival: Survival, reached: number): Uint8Array {
    const possible = model === 'ordered' ? this.#contents.filter(({ at }) => at <= reached) : this.#contents
    const content = chooseOf(model === 'ordered' ? possible.slice(-1) : possible, survival)
    if (content === undefined) return new Uint8Array()
    if (content.synced || survival === 'most') return content.bytes
    if (survival === 'least' || survival === 'names') return new Uint8Array()
    const { bytes } = content
    const torn = bytes.slice(0, survival.upTo(bytes.length))
    if (model === 'ordered' || survival.yes()) return torn
    // The length got there, and of the sectors some: the others are zeros, or what was there before.
    const before = survival.yes() ? survival.of(this.#contents).bytes : new Uint8Array()
    const patched = new Uint8Array(bytes.length)
    patched.set(before.subarray(0, bytes.length))
    for (let from = 0; from < bytes.length; from += SECTOR)
      if (survival.yes()) patched.set(bytes.subarray(from, from + SECTOR), from)
    return patched
  }

  get #newest(): Content {
    return this.#contents.at(-1) as Content
  }
}

function chooseOf(contents: readonly Content[], survival: Survival): Content | undefined {
  if (survival === 'least' || contents.length < 2) return contents[0]
  return survival === 'most' || survival === 'names' ? contents.at(-1) : survival.of(contents)
}
