import type { Step } from './steps.ts'
import type { Walked } from './walk.ts'

type Breaks = (steps: readonly Step[]) => Promise<Walked | undefined>

/**
 * Delta debugging: leaves out ever smaller pieces of a sequence as long as the rest still breaks the same invariant, until no
 * single step can be left out.
 */
export async function shorten(
  steps: readonly Step[],
  walked: Walked,
  breaks: Breaks,
): Promise<{ steps: readonly Step[]; walked: Walked }> {
  let best = { steps, walked }
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.steps.length; ) {
      const rest = [...best.steps.slice(0, at), ...best.steps.slice(at + size)]
      const still = await breaks(rest)
      if (still === undefined) at += size
      else best = { steps: rest, walked: still }
    }
  }
  return best
}
