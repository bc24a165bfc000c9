import type { Command } from 'commander'
import { askLine, isYes } from '../../cli/ask-line.ts'
import { dataFolder } from '../../cli/data-folder.ts'
import { say } from '../../cli/say.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'

interface Flags {
  readonly hubData?: string
  readonly yes?: boolean
  readonly json?: boolean
}

/** What `ownlens log` does with the log of a hub of one's own. */
export function addHubCommands(log: Command): Command {
  log
    .command('erase')
    .description(
      'forget a household: the log stays whole, and what it says of that household can never be opened again',
    )
    .argument('<household>', 'its id')
    .option('--hub-data <folder>', 'the data folder of the hub, which must be running')
    .option('--yes', 'do not ask')
    .option('--json', 'for programs')
    .action(erase)
  return log
}

async function erase(householdId: string, flags: Flags): Promise<void> {
  const { hub, signer } = await operatorOf(disk, dataFolder('hub', flags.hubData))
  if (!flags.yes) {
    for (const line of WHAT_GOES) process.stderr.write(`${line}\n`)
    const answer = await askLine(`Forget household ${householdId} for good? [y/N] `)
    if (!isYes(answer)) return
  }
  const erased = await hub.request(null, { action: 'erase', householdId }, signer)
  if (flags.json) return say(JSON.stringify(erased))
  const { records, reports, cameras } = erased
  say(`Forgotten: ${records} records in the log are closed for good, ${reports} reports are gone.`)
  say(`${cameras} cameras are nobody's at this hub. Backups of its data folder still hold all of it.`)
}

const WHAT_GOES = [
  'This removes the household from this hub: its registration, claims, sealed clips, reports, and all that was frozen of it.',
  'Its members lose their access at once. Its cameras go on recording, send nothing here any more, and can be paired by whoever',
  'holds them; blocks that it ordered are lifted. The log keeps its entries and its proofs; nobody can tell what they were about.',
]
