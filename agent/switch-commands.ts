import { Argument, Command } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { say } from '../cli/say.ts'
import { disk } from '../storage/disk.ts'
import { readSwitches, writeSwitch } from './switches.ts'

type Wanted = 'on' | 'off' | 'status'

/** `ownlens privacy`. */
export function privacyCommand(): Command {
  return command(
    'Privacy mode of this camera: nothing is seen and nothing is heard, until it is switched off.',
  ).action(async (wanted: Wanted, flags: { data?: string }) => {
    const data = dataFolder('agent', flags.data)
    if (wanted !== 'status') await writeSwitch(disk, data, 'privacy', wanted === 'on')
    const { privacy } = await readSwitches(disk, data)
    say(
      privacy
        ? 'Privacy mode is on: the camera is closed, its lamp flashes twice every four seconds.'
        : 'Privacy mode is off: the camera records who comes.',
    )
  })
}

/** `ownlens microphone`. */
export function microphoneCommand(): Command {
  return command('The microphone of this camera.').action(
    async (wanted: Wanted, flags: { data?: string }) => {
      const data = dataFolder('agent', flags.data)
      if (wanted !== 'status') await writeSwitch(disk, data, 'microphone', wanted === 'off')
      const { microphone } = await readSwitches(disk, data)
      say(
        microphone
          ? 'The microphone is on, as far as the settings name one.'
          : 'The microphone is off: it is not opened, clips are silent.',
      )
    },
  )
}

function command(says: string): Command {
  return new Command()
    .description(says)
    .addArgument(new Argument('<what>').choices(['on', 'off', 'status']))
    .option('--data <folder>', 'the camera’s')
}
