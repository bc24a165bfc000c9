import type { Command } from 'commander'
import { describeFailure } from '../../cli/failure.ts'

/** Runs a command within this process: many of them cost as much as one that is started. */
export async function runHere(
  command: Command,
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  const { stdout, stderr, exitCode } = process
  const [write, warn] = [stdout.write, stderr.write]
  let output = ''
  const take = (text: string | Uint8Array) => {
    output += text.toString()
    return true
  }
  stdout.write = take as typeof write
  stderr.write = take as typeof warn
  process.exitCode = 0
  try {
    await command.exitOverride().parseAsync(args, { from: 'user' })
    return { code: Number(process.exitCode), output }
  } catch (error) {
    return { code: 1, output: `${output}${describeFailure(error)}\n` }
  } finally {
    stdout.write = write
    stderr.write = warn
    process.exitCode = exitCode
  }
}
