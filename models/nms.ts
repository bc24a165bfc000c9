import type { Candidate } from './candidate.ts'

/** Centre and size. */
type Rectangle = Pick<Candidate, 'x' | 'y' | 'width' | 'height'>

/** Share of two boxes' union that both cover, 0 to 1. */
export function overlap(a: Rectangle, b: Rectangle): number {
  const across = shared(a.x, a.width, b.x, b.width)
  const down = shared(a.y, a.height, b.y, b.height)
  const both = across * down
  const union = a.width * a.height + b.width * b.height - both
  return union > 0 ? both / union : 0
}

/**
 * Weighted non-maximum suppression as MediaPipe does it: the best candidate takes all that overlap it, and its box
 * becomes their mean weighted by score, which is steadier than the best box alone. Best first.
 */
export function mergeOverlapping(candidates: readonly Candidate[], minOverlap = 0.3): Candidate[] {
  let left = [...candidates].sort((a, b) => b.score - a.score)
  const merged: Candidate[] = []
  for (let best = left[0]; best !== undefined; best = left[0]) {
    const leader = best
    const group = left.filter(other => other === leader || overlap(leader, other) > minOverlap)
    left = left.filter(other => !group.includes(other))
    merged.push(weighted(leader, group))
  }
  return merged
}

function weighted(best: Candidate, group: readonly Candidate[]): Candidate {
  let x = 0
  let y = 0
  let width = 0
  let height = 0
  let total = 0
  for (const { score, ...box } of group) {
    x += box.x * score
    y += box.y * score
    width += box.width * score
    height += box.height * score
    total += score
  }
  return { ...best, x: x / total, y: y / total, width: width / total, height: height / total }
}

function shared(a: number, aSize: number, b: number, bSize: number): number {
  const from = Math.max(a - aSize / 2, b - bSize / 2)
  const to = Math.min(a + aSize / 2, b + bSize / 2)
  return Math.max(0, to - from)
}
