import { join } from 'node:path'
import type { Household } from '../../home/household.ts'
import { type PairedCamera, pairThroughLens } from '../../home/pair.ts'
import { writeCode } from '../../home/show-code.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { Running } from './command.ts'

/** Pairs, or repairs, an emulated camera that runs: holds the app's code before its lens and compares the codes. */
export async function pairRunning(
  household: Household,
  root: Signer,
  { running, data }: { running: Running; data: string },
): Promise<PairedCamera> {
  const seen = codesIn(running).length
  return pairThroughLens(household, root, {
    show: text => writeCode(text, join(data, 'emulated', 'code.png')),
    async confirm(code) {
      await running.says(new RegExp(`(?:"shortCode":"\\d{4}".*\\s*[^]*){${seen + 1}}`))
      return codesIn(running).at(-1) === code
    },
    signal: AbortSignal.timeout(60_000),
  })
}

function codesIn(running: Running): readonly string[] {
  return [...running.output().matchAll(/"shortCode":"(\d{4})"/g)].map(([, code = '']) => code)
}
