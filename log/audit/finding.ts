import type { RecordContent } from '../../protocol/record.ts'

/** What an audit looks for, and how it is told. */
export const FINDINGS = {
  statement: 'a record that holds no such statement',
  signer: 'something signed by a key that was not entitled to it',
  serial: 'one serial, several keys',
  board: 'one key, several boards',
  epoch: 'one epoch, several households',
  claim: 'a claim that does not follow the one before it',
  taken: 'a camera taken over without a release, and without a reset and its wait',
  station: 'a board of a station that the log did not know, or knew as revoked',
  order: 'an order out of its turn',
  blocked: 'a certificate or a claim for a blocked camera',
} as const

export type FindingKind = keyof typeof FINDINGS

export interface Finding {
  readonly kind: FindingKind
  /** What it is about, in words. */
  readonly says: string
  /** Of the entries that show it. */
  readonly positions: readonly number[]
  readonly devices: readonly string[]
  readonly serials: readonly string[]
  readonly households: readonly string[]
  /** Ids of keys that signed, where they are the matter. */
  readonly keys: readonly string[]
  /** False when a record that is closed could explain it. */
  readonly certain: boolean
}

/** Where an opened entry stands. */
export interface Placed {
  readonly position: number
  readonly at: Date
  /** How many of the entries before it are closed. */
  readonly closed: number
}

/** An entry whose record was opened. */
export interface Logged<K extends RecordContent['kind']> extends Placed {
  readonly content: Extract<RecordContent, { kind: K }>
}

export type Tell = (
  kind: FindingKind,
  says: string,
  about: Partial<Omit<Finding, 'kind' | 'says'>> & Pick<Finding, 'positions'>,
) => void

/** Collects findings. */
export class Findings {
  readonly all: Finding[] = []

  readonly tell: Tell = (kind, says, about) => {
    const nothing = { devices: [], serials: [], households: [], keys: [], certain: true }
    this.all.push({ kind, says, ...nothing, ...about })
  }
}
