import type { RgbImage } from '../protocol/image.ts'
import type { LabelledPicture } from './eval-folder.ts'
import { type Match, matchFaces } from './eval-match.ts'
import { readPicture } from './eval-picture.ts'
import type { FaceDetector } from './face-detector.ts'

/** The longer side of the agent's frames. */
const FRAME_SIZE = 192
/** Calls before the clock counts: the first ones compile. */
const WARM_UP = 10
/** At least so many calls are timed, on few pictures again and again. */
const TIMED = 100

/** What one detector did with a folder of labelled pictures. */
export interface DetectorScore {
  readonly runtime: string
  /** Pictures as they are, looked at thoroughly. */
  readonly photographs: Match
  /** The same as small as the agent's frames, at the one call that a frame gets. */
  readonly frames: Match
  /** Milliseconds that such calls took, from picture to answer, in order of length. */
  readonly times: readonly number[]
}

export interface EvaluateOptions {
  /** Told for each picture and detector. */
  readonly onPicture?: (file: string, runtime: string, photograph: Match) => void
}

/**
 * Shows every picture to every detector, one call at a time.
 *
 * @throws OwnlensError `eval.image`, `ffmpeg.absent`, `models.runtime`.
 */
export async function evaluate(
  pictures: readonly LabelledPicture[],
  detectors: readonly FaceDetector[],
  { onPicture }: EvaluateOptions = {},
): Promise<DetectorScore[]> {
  const scores = detectors.map(detector => ({
    detector,
    photographs: { faces: 0, found: 0, extra: 0 },
    frames: { faces: 0, found: 0, extra: 0 },
    times: [] as number[],
  }))
  const repeats = Math.ceil(TIMED / pictures.length)
  for (const picture of pictures) {
    const { whole, frame } = await readPicture(picture, FRAME_SIZE)
    for (const score of scores) {
      const { detector, frames, photographs, times } = score
      const photograph = await detector.detect(whole, { thorough: true })
      const match = matchFaces(picture.labels, photograph, whole)
      add(photographs, match)
      add(frames, matchFaces(picture.labels, await detector.detect(frame), whole))
      if (times.length === 0) await timed(detector, frame, WARM_UP)
      times.push(...(await timed(detector, frame, repeats)))
      onPicture?.(picture.file, detector.runtime, match)
    }
  }
  return scores.map(({ detector, photographs, frames, times }) => ({
    runtime: detector.runtime,
    photographs,
    frames,
    times: times.sort((a, b) => a - b),
  }))
}

async function timed(detector: FaceDetector, frame: RgbImage, times: number): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < times) {
    const from = performance.now()
    await detector.detect(frame)
    taken.push(performance.now() - from)
  }
  return taken
}

function add(sum: { faces: number; found: number; extra: number }, match: Match): void {
  sum.faces += match.faces
  sum.found += match.found
  sum.extra += match.extra
}
