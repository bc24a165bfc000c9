import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { makeLog } from '../cli/log.ts'
import { emptyCoreDumps } from '../cli/no-core.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { emulated } from '../hardware/emulated/emulated.ts'
import type { Hardware } from '../hardware/hardware.ts'
import { describeHardware, listHardware } from '../hardware/list.ts'
import { pi } from '../hardware/pi/pi.ts'
import { parseSource } from '../hardware/source.ts'
import { createFaceDetector } from '../models/detector.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { type Disk, disk } from '../storage/disk.ts'
import { lockFolder } from '../storage/lock.ts'
import { type Config, describeSettings, parseConfig } from './config.ts'
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
  const { microphone, video } = config
  return source.kind === 'v4l2' || source.kind === 'rtsp'
    ? pi({ source, microphone, video, ...at })
    : emulated({ source, microphone, ...at })
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
