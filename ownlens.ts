#!/usr/bin/env node
import { type Command, CommanderError } from 'commander'
import { describeFailure } from './cli/failure.ts'

interface Entry {
  readonly says: string
  readonly load: () => Promise<Command>
}

/** Commands and where they live. Each is loaded when it is asked for, so that a board's package carries no hub. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  demo: {
    says: 'hub, household and one emulated camera in one go: pairs, records, seals, opens',
    load: async () => (await import('./demo/main.ts')).demoCommand(),
  },
  agent: {
    says: 'the camera',
    load: async () => (await import('./agent/main.ts')).agentCommand(),
  },
  privacy: {
    says: 'at the camera: it sees and hears nothing, until it is switched off',
    load: async () => (await import('./agent/switch-commands.ts')).privacyCommand(),
  },
  microphone: {
    says: 'at the camera: its microphone on or off',
    load: async () => (await import('./agent/switch-commands.ts')).microphoneCommand(),
  },
  hub: {
    says: 'registrar, broker and clip store on one machine',
    load: async () => (await import('./deploy/hub/main.ts')).hubCommand(),
  },
  home: {
    says: 'the household: init, pair, cameras, list, open, watch, report, members, recover',
    load: async () => (await import('./home/main.ts')).homeCommand(),
  },
  factory: {
    says: 'for a maker: root, stations, boards, serials',
    load: async () => (await import('./deploy/factory/main.ts')).factoryCommand(),
  },
  block: {
    says: 'for a maker: cameras reach nobody any more, at once, until the order is lifted',
    load: async () => (await import('./deploy/factory/block-command.ts')).blockCommand(),
  },
  check: {
    says: 'is this camera blocked? By the code in its box, or by its own key',
    load: async () => (await import('./check/main.ts')).checkCommand(),
  },
  log: {
    says: 'the append-only log: verify, audit and prove it offline, or be a witness of one',
    load: async () =>
      (await import('./deploy/hub/log-commands.ts')).addHubCommands(
        (await import('./log/main.ts')).logCommand(),
      ),
  },
  incident: {
    says: 'for whoever runs a hub: answers what homes report, and writes the page on it',
    load: async () => (await import('./deploy/incident/main.ts')).incidentCommand(),
  },
  drill: {
    says: 'replays the incident that this project comes from, and its relatives',
    load: async () => (await import('./drill/main.ts')).drillCommand(),
  },
  fleet: {
    says: 'many emulated cameras against a hub, by a scenario with faults',
    load: async () => (await import('./fleet/main.ts')).fleetCommand(),
  },
  eval: {
    says: 'how well and how fast faces are found in your own labelled pictures',
    load: async () => (await import('./models/main.ts')).evalCommand(),
  },
  bench: {
    says: 'cost and speed against peers in one run',
    load: async () => (await import('./bench/main.ts')).benchCommand(),
  },
}

const [, , wanted = '--help', ...rest] = process.argv
const entry = Object.hasOwn(COMMANDS, wanted) ? COMMANDS[wanted] : undefined
if (entry === undefined) {
  const helped = wanted === '--help' || wanted === '-h' || wanted === 'help'
  const lines = Object.entries(COMMANDS).map(([name, { says }]) => `  ${name.padEnd(10)}${says}`)
  const text = `Usage: ownlens <command> [options]\n\n${lines.join('\n')}\n\nEvery command has --help.\n`
  ;(helped ? process.stdout : process.stderr).write(
    helped ? text : `There is no command ${wanted}.\n\n${text}`,
  )
  process.exitCode = helped ? 0 : 2
} else {
  try {
    const command = await entry.load()
    throwing(command)
    await command.name(`ownlens ${wanted}`).parseAsync(rest, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
    else {
      process.stderr.write(`${describeFailure(error)}\n`)
      process.exitCode = 1
    }
  }
}

/** Errors of usage are thrown, by subcommands too, instead of ending the process with a code of their own. */
function throwing(command: Command): void {
  command.exitOverride()
  for (const subcommand of command.commands) throwing(subcommand)
}
