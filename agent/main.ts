import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { makeLog } from '../cli/log.ts'
import { emptyCoreDumps } from '../cli/no-core.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { emulated } from '../hardware/emulated/emulated.ts'
import type { Hardware } from '../hardware/hardware.ts'
import { fileKeyStore } from '../hardware/key-store.ts'
import { describeHardware, listHardware } from '../hardware/list.ts'
import { pi } from '../hardware/pi/pi.ts'
import { parseSource } from '../hardware/source.ts'
import { createFaceDetector } from '../models/detector.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { type Disk, disk, replaceFile } from '../storage/disk.ts'
import { lockFolder } from '../storage/lock.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import { type Config, describeSettings, parseConfig } from './config.ts'
import { makeBirth } from './identity/birth.ts'
import { finishReset, orderReset, tellOldHubs } from './identity/reset.ts'
import { lastingDetector } from './lasting-detector.ts'
import { runAgent } from './run.ts'

interface Flags {
  readonly config?: string
  readonly camera?: string
  readonly microphone?: string
  readonly name?: string
  readonly data?: string
  readonly list?: boolean
  readonly json?: boolean
}

interface ResetFlags {
  readonly data?: string
  readonly newKey?: boolean
}

/** How long a reset on the command line waits for the hub. */
const RESET_TELL_MS = 15_000
const CONFIG_MAX = 256 * 1024

/** `ownlens agent`. */
export function agentCommand(): Command {
  return new Command('agent')
    .description('The camera: records who comes, seals it for its household, and sends it.')
    .option('--config <file>', 'settings as JSON; every field has a default')
    .option(
      '--camera <source>',
      '/dev/videoN, a name in /dev/v4l/by-id, rtsp://…, a file, lavfi:GRAPH, or scene',
    )
    .option('--microphone <device>', 'as --list names it, auto, or none')
    .option('--name <name>', 'what the home calls this camera; it travels sealed')
    .option('--data <folder>', 'where keys, claim and outbox are kept')
    .option('--list', 'name the connected cameras and microphones, and what they offer')
    .option('--json', 'with --list: as JSON')
    .addHelpText('after', settingsHelp)
    .action(flags => (flags.list ? list(flags) : run(flags)))
    .enablePositionalOptions()
    .addCommand(pressCommand())
    .addCommand(resetCommand())
    .addCommand(birthCommand())
}

/** `ownlens agent press`. */
function pressCommand(): Command {
  return new Command('press')
    .description('Presses the button of an emulated camera: it reads codes for ten minutes.')
    .option('--data <folder>', 'the camera’s')
    .option('--hold', 'for ten seconds: it forgets its household')
    .option('--new-key', 'for twenty seconds: it becomes a new camera')
    .action((_, command: Command) => press(command.optsWithGlobals()))
}

/** `ownlens agent reset`. */
function resetCommand(): Command {
  return new Command('reset')
    .description('Lets a camera forget its household, while its agent does not run. The owner is told.')
    .option('--data <folder>', 'the camera’s')
    .option('--new-key', 'and its keys: it becomes a new camera')
    .action((_, command: Command) => reset(command.optsWithGlobals()))
}

/** `ownlens agent birth`. */
function birthCommand(): Command {
  return new Command('birth')
    .description('In the factory: the board’s key signs its serial for a station.')
    .option('--data <folder>', 'where the board’s key is kept; it is made if there is none')
    .requiredOption('--serial <serial>', 'what is printed on the box')
    .requiredOption('--nonce <nonce>', 'as `ownlens factory nonce` said it')
    .option('--out <file>', 'where to; else it is printed')
    .action((_, command: Command) => birth(command.optsWithGlobals()))
}

async function press({ data, hold, newKey }: ResetFlags & { hold?: boolean }): Promise<void> {
  const folder = join(dataFolder('agent', data), 'emulated')
  await disk.makeFolder(folder)
  await replaceFile(disk, join(folder, 'press'), newKey ? 'new-key' : hold ? 'hold' : 'short')
  process.stdout.write('Pressed. The emulated camera of this folder takes it at once, or when it starts.\n')
}

async function reset({ data: given, newKey = false }: ResetFlags): Promise<void> {
  const data = dataFolder('agent', given)
  const unlock = lockFolder(data)
  try {
    const log = makeLog('info', 'agent')
    const signal = AbortSignal.any([shutdownSignal(), AbortSignal.timeout(RESET_TELL_MS)])
    const connect = (address: HubAddress) => new HubClient(address, { signal })
    const keyStore = fileKeyStore(disk, data)
    const parts = { disk, data, keyStore, log, connect }
    if (!(await finishReset(parts))) {
      await orderReset(parts, { newKey })
      await finishReset(parts)
    }
    const missing = await tellOldHubs(parts)
    process.stdout.write(
      missing ? 'Done. Its hub does not answer: it is told at the next start.\n' : 'Done.\n',
    )
  } finally {
    unlock()
  }
}

function settingsHelp(): string {
  const lines = describeSettings().map(
    ({ path, byDefault, says }) => `  ${path}\n      ${says} Default: ${JSON.stringify(byDefault)}`,
  )
  return `\nSettings for --config, e.g. {"clip": {"beforeSeconds": 8}}:\n${lines.join('\n')}`
}

async function list({ json }: Flags): Promise<void> {
  const found = await listHardware()
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : describeHardware(found))
}

async function birth(flags: { data?: string; serial: string; nonce: string; out?: string }): Promise<void> {
  const data = dataFolder('agent', flags.data)
  const unlock = lockFolder(data)
  try {
    const jws = await makeBirth(fileKeyStore(disk, data), flags.serial, flags.nonce)
    if (flags.out === undefined) process.stdout.write(`${jws}\n`)
    else await replaceFile(disk, resolve(flags.out), `${jws}\n`, 0o644)
  } finally {
    unlock()
  }
}

async function run(flags: Flags): Promise<void> {
  const config = await readConfig(flags)
  const data = dataFolder('agent', flags.data)
  emptyCoreDumps()
  const unlock = lockFolder(data)
  const log = makeLog(config.log.level, 'agent')
  const signal = shutdownSignal()
  try {
    const hardware = hardwareFor(config, { disk, data })
    const { runtime, minScore } = config.detector
    const detector = await lastingDetector(() => createFaceDetector({ runtime, minScore }), log)
    try {
      await runAgent({ config, hardware, disk, data, detector, log, signal })
    } finally {
      await detector.close()
    }
  } finally {
    unlock()
  }
}

/** The one place that knows which hardware there is. Throws `camera.source`, `camera.file`. */
export function hardwareFor(config: Config, at: { disk: Disk; data: string }): Hardware {
  const source = parseSource(config.camera)
  const { microphone, video, button, mask } = config
  return source.kind === 'v4l2' || source.kind === 'rtsp'
    ? pi({ source, microphone, video, button, mask, ...at })
    : emulated({ source, microphone, mask, ...at })
}

async function readConfig(flags: Flags): Promise<Config> {
  let settings: Record<string, unknown> = {}
  if (flags.config !== undefined) {
    try {
      const text = await readFile(flags.config, 'utf8')
      if (text.length > CONFIG_MAX) throw new Error('larger than 256 KiB')
      settings = JSON.parse(text) as Record<string, unknown>
    } catch (cause) {
      throw new OwnlensError('config.invalid', `${flags.config}: ${(cause as Error).message}`, { cause })
    }
  }
  const { camera, microphone, name } = flags
  const given = Object.entries({ camera, microphone, name }).filter(([, value]) => value !== undefined)
  return parseConfig(isObject(settings) ? { ...settings, ...Object.fromEntries(given) } : settings)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
