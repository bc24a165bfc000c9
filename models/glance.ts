import type { Candidate } from './candidate.ts'
import { type Bars, confirm } from './confirm.ts'
import type { Eye } from './eye.ts'
import { wholeView } from './picture.ts'

/**
 * For a camera's frames: one look at the whole picture, and a second and third only at its best doubtful candidate when
 * there is no sure one. Best first.
 */
export async function lookOnce(eye: Eye, bars: Bars): Promise<Candidate[]> {
  const seen = await eye.look(wholeView(eye.picture), bars.doubt)
  const faces = seen.filter(({ score }) => score >= bars.face)
  const doubtful = seen[0]
  if (faces.length > 0 || doubtful === undefined) return faces
  const face = await confirm(eye, doubtful, bars)
  return face === undefined ? [] : [face]
}
