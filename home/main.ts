import { Command } from 'commander'
import { cameraCommands } from './camera-commands.ts'
import { clipCommands } from './clip-commands.ts'
import { liveCommands } from './live-command.ts'
import { logCommands } from './log-commands.ts'
import { memberCommands } from './member-commands.ts'
import { pairCommands } from './pair-commands.ts'
import { reportCommands } from './report-commands.ts'
import { startCommands } from './start-commands.ts'

/** `ownlens home`. */
export function homeCommand(): Command {
  const home = new Command('home').description('The household: its keys, its cameras, its clips.')
  const members = new Command('members').description('who belongs to the household')
  const addTo = (parent: Command) => (name: string, says: string) =>
    parent.command(name).description(says).option('--data <folder>', 'where the household’s keys are kept')
  const addWithRootTo = (parent: Command) => (name: string, says: string) =>
    addTo(parent)(name, says).option(
      '--passphrase-file <file>',
      'the root key’s passphrase, else it is asked for',
    )
  startCommands(addWithRootTo(home))
  pairCommands(addWithRootTo(home))
  clipCommands(addTo(home))
  liveCommands(addTo(home))
  reportCommands(addTo(home))
  cameraCommands(addTo(home), addWithRootTo(home))
  logCommands(addTo(home))
  memberCommands(addTo(members), addWithRootTo(members))
  home.addCommand(members)
  return home
}
