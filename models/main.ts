import { Command } from 'commander'
import { createFaceDetector } from './detector.ts'
import { readLabelledFolder } from './eval-folder.ts'
import type { Match } from './eval-match.ts'
import { type DetectorScore, evaluate } from './evaluate.ts'
import { type FaceDetector, RUNTIMES } from './face-detector.ts'

/** What the agent takes by default. */
const MIN_SCORE = 0.5

interface Flags {
  readonly json?: boolean
  readonly each?: boolean
}

/** `ownlens eval`. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('How well each detector finds the faces of your own labelled pictures, and how fast.')
    .argument('<folder>', 'a folder with dlib image metadata: each *.xml in it names pictures and boxes')
    .option('--json', 'for programs')
    .option('--each', 'tell picture by picture what was missed and what was too much')
    .addHelpText('after', `\n${HOW}\n`)
    .action(run)
}

const HOW = `A label counts as found when its centre lies in a box of its own and both sides of the box are
0.4 to 2.5 times the label's. A box that no label accounts for is extra, unless it lies on one with
ignore='1'. Pictures are judged as they are, with the thorough search for single photographs; the
text also says what one look at a camera's frame (192 pixels) finds. "ms" is the median time of that
one call, from frame to answer, on one thread; reading and shrinking the pictures is not in it.`

async function run(folder: string, { json, each }: Flags): Promise<void> {
  const pictures = await readLabelledFolder(folder)
  const detectors = await createAll()
  try {
    const scores = await evaluate(pictures, detectors, {
      onPicture: (file, runtime, match) => {
        if (each) process.stderr.write(`${asLine(file, runtime, match)}\n`)
      },
    })
    process.stdout.write(json ? `${JSON.stringify(asJson(scores))}\n` : asText(pictures.length, scores))
  } finally {
    await Promise.all(detectors.map(detector => detector.close()))
  }
}

async function createAll(): Promise<FaceDetector[]> {
  // tfjs-node alone would take every core; its TensorFlow reads these when it starts.
  process.env.TF_NUM_INTRAOP_THREADS = '1'
  process.env.TF_NUM_INTEROP_THREADS = '1'
  const detectors: FaceDetector[] = []
  try {
    for (const runtime of RUNTIMES) detectors.push(await createFaceDetector({ runtime, minScore: MIN_SCORE }))
    return detectors
  } catch (error) {
    await Promise.all(detectors.map(detector => detector.close()))
    throw error
  }
}

function asJson(scores: readonly DetectorScore[]) {
  return {
    detectors: scores.map(({ runtime, photographs, times }) => ({
      runtime,
      ...photographs,
      ms: Number(at(times, 0.5).toFixed(2)),
    })),
    // Faces are found, not yet recognised.
    recognisers: [],
  }
}

function asText(pictures: number, scores: readonly DetectorScore[]): string {
  const faces = scores[0]?.photographs.faces ?? 0
  const rows = scores.map(({ runtime, photographs, frames, times }) => [
    runtime,
    share(photographs),
    `${photographs.extra}`,
    share(frames),
    `${frames.extra}`,
    at(times, 0.5).toFixed(1),
    at(times, 0.95).toFixed(1),
  ])
  const head = ['runtime', 'photographs', 'extra', 'as frames', 'extra', 'ms', 'ms p95']
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map(row => row[column]?.length ?? 0), title.length),
  )
  const lines = [head, ...rows].map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${pictures} pictures, ${faces} faces\n\n${lines.join('\n')}\n\n${HOW}\n`
}

function share({ faces, found }: Match): string {
  return faces === 0 ? '0 of 0' : `${found} of ${faces} (${((100 * found) / faces).toFixed(1)} %)`
}

function asLine(file: string, runtime: string, { faces, found, extra }: Match): string {
  return `${file}  ${runtime}: ${found} of ${faces} found, ${extra} extra`
}

/** The value that a share of the sorted times is at most. */
function at(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}
