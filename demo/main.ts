import { Command, InvalidArgumentError } from 'commander'
import { runDemo } from './demo.ts'

/** `ownlens demo`. */
export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'Hub, household, stranger and one camera in one go. Everything it makes but DIR is removed at its end.',
    )
    .option('--camera <source>', '/dev/videoN, rtsp://…, a file, lavfi:GRAPH, or scene', 'scene')
    .option('--seconds <number>', 'how long to record, from the paired start', positive, 26)
    .option('--out <folder>', 'where opened clips, thumbnails and summary.json go', 'out')
    .option('--verbose', 'show the log of hub and camera on stderr')
    .option('--json', 'print the summary instead of the table')
    .action(
      async (flags: { camera: string; seconds: number; out: string; verbose?: boolean; json?: boolean }) => {
        const good = await runDemo({
          camera: flags.camera,
          seconds: flags.seconds,
          out: flags.out,
          verbose: flags.verbose ?? false,
          json: flags.json ?? false,
        })
        if (!good) process.exitCode = 1
      },
    )
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 86_400)) throw new InvalidArgumentError('a number of seconds is wanted')
  return value
}
