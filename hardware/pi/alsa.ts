import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Capture } from '../arguments.ts'

const run = promisify(execFile)

/** A microphone as ALSA names it. */
export interface Microphone {
  /** `plughw:CARD=…,DEV=…`: converts rates by itself. */
  readonly device: string
  readonly name: string
}

/** All connected microphones. Throws `alsa.absent`. */
export async function microphones(): Promise<readonly Microphone[]> {
  const env = { ...process.env, LC_ALL: 'C' }
  try {
    return readMicrophones((await run('arecord', ['--list-devices'], { timeout: 5000, env })).stdout)
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT')
      throw new OwnlensError('alsa.absent', undefined, { cause })
    // Some versions fail where there is no sound card.
    return []
  }
}

/** Reads `arecord --list-devices`. */
export function readMicrophones(text: string): readonly Microphone[] {
  const lines = text.matchAll(/^card \d+: (\S+) \[(.*?)\], device (\d+): .*$/gm)
  return [...lines].map(([, card, name, device]) => ({
    device: `plughw:CARD=${card},DEV=${device}`,
    name: name ?? '',
  }))
}

/**
 * The input for a microphone: `none`, `auto` (the first one there is) or a device as `agent --list` names it.
 *
 * @throws OwnlensError `microphone.absent`, `alsa.absent`.
 */
export async function prepareMicrophone(wanted: string): Promise<Capture['audio']> {
  if (wanted === 'none') return 'none'
  const found = await microphones()
  const device = wanted === 'auto' ? found[0]?.device : wanted
  const known =
    wanted === 'auto' ||
    found.some(microphone => microphone.device === wanted) ||
    !wanted.startsWith('plughw:')
  if (device === undefined || !known) {
    const offered = found.map(microphone => microphone.device).join(', ')
    throw new OwnlensError('microphone.absent', `${wanted}; there is ${offered || 'none'}`)
  }
  return { options: ['-f', 'alsa', '-thread_queue_size', '1024'], source: device }
}
