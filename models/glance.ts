import type { Candidate } from './candidate.ts'
import { type Bars, confirm } from './confirm.ts'
import type { Eye } from './eye.ts'
import { wholeView } from './picture.ts'

/**
 * For a camera's frames: one cheap look at the whole picture. Only when that leaves a doubt and nothing clear, a full look,
 * and where that is in doubt too, two more at its best candidate. Best first.
 */
export async function lookOnce(eye: Eye, bars: Bars): Promise<Candidate[]> {
  const whole = wholeView(eye.picture)
  let seen = await eye.look(whole, bars.doubt, true)
  const best = seen[0]
  if (best === undefined) return []
  if (best.score < bars.clear) seen = await eye.look(whole, bars.doubt)
  const faces = seen.filter(({ score }) => score >= bars.face)
  const doubtful = seen[0]
  if (faces.length > 0 || doubtful === undefined) return faces
  const face = await confirm(eye, doubtful, bars)
  return face === undefined ? [] : [face]
}
