import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { checkpointText } from '../../log/checkpoint.ts'
import type { ShownHead } from '../../log/kept-heads.ts'
import { consistencyProof, type Hash, leafHash, rootOf } from '../../log/merkle.ts'
import { cosignNote, signNote, writeNoteKey } from '../../log/note.ts'

/** A log whose whole tree is at hand: it can be shown at any size, and forked. */
export class MemoryLog {
  readonly name: string
  readonly key: KeyObject
  readonly #leaves: Hash[]

  constructor(name = 'ownlens-test', key = newLogKey(), leaves: readonly Hash[] = []) {
    this.name = name
    this.key = key
    this.#leaves = [...leaves]
  }

  get size(): number {
    return this.#leaves.length
  }

  get verifierKey(): string {
    return writeNoteKey(this.name, 'signature', this.key)
  }

  append(...entries: readonly string[]): void {
    for (const entry of entries) this.#leaves.push(leafHash(Buffer.from(entry)))
  }

  /** Another one with the same beginning, signed by the same key. */
  fork(at = this.size): MemoryLog {
    return new MemoryLog(this.name, this.key, this.#leaves.slice(0, at))
  }

  root(size = this.size): Hash {
    return rootOf(this.#leaves.slice(0, size))
  }

  consistency(old: number, size = this.size): readonly Hash[] {
    return consistencyProof(Math.min(old, size), size, (from, to) => rootOf(this.#leaves.slice(from, to)))
  }

  checkpoint(size = this.size, witnesses: readonly Witness[] = []): string {
    const text = checkpointText({ origin: this.name, size, root: this.root(size) })
    const lines = witnesses.map(({ name, key }) => cosignNote(text, name, key, 1_790_000_000))
    return `${text}\n${signNote(text, this.name, this.key)}${lines.join('')}`
  }

  /** What a hub answers to who has `since` entries. */
  shown(since: number, size = this.size, cosigned?: { size: number; by: readonly Witness[] }): ShownHead {
    return {
      ...{ key: this.verifierKey, checkpoint: this.checkpoint(size) },
      consistency: this.consistency(since, size),
      cosigned:
        cosigned === undefined
          ? null
          : {
              checkpoint: this.checkpoint(cosigned.size, cosigned.by),
              consistency: this.consistency(cosigned.size, size),
            },
      answer: `${size} entries`,
    }
  }
}

export interface Witness {
  readonly name: string
  readonly key: KeyObject
}

export const newLogKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey

export const witnessKey = ({ name, key }: Witness): string => writeNoteKey(name, 'cosignature', key)
