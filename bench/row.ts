/** One line of the table. `ratio` is ours / peer; null without a peer. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly peer: number | null
  readonly peerName: string
  readonly ratio: number | null
  readonly better: 'lower' | 'higher'
}

/** What a measurement needs. */
export interface BenchContext {
  /** For videos and data; kept between rows. */
  readonly folder: string
  /** Tells what is going on. */
  readonly tell: (text: string) => void
}

export function row(
  name: string,
  unit: string,
  ours: number,
  peer: { readonly name: string; readonly value: number | null },
  better: Row['better'],
): Row {
  const ratio = peer.value === null || peer.value === 0 ? null : round(ours / peer.value)
  return {
    name,
    unit,
    ours: round(ours),
    peer: peer.value === null ? null : round(peer.value),
    peerName: peer.name,
    ratio,
    better,
  }
}

/** Three significant digits. */
function round(value: number): number {
  return Number(value.toPrecision(3))
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** The value that a share of all is at most. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN
}
