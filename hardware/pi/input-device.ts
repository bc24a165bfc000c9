import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Button, Press } from '../hardware.ts'
import { type Edge, PressReader } from '../presses.ts'

const FOLDER = '/dev/input/by-path'
/** How often the device is asked; the kernel keeps what happens meanwhile, with its time. */
const LOOK_MS = 50
/** How often a button that is not there is looked for. */
const AGAIN_MS = 5000

// linux/input.h, struct input_event: two longs of time, then type, code and value.
const LONG_BYTES = process.arch === 'arm' || process.arch === 'ia32' ? 4 : 8
export const EVENT_BYTES = 2 * LONG_BYTES + 8
const EV_KEY = 1
const UP = 0
const DOWN = 1

/**
 * A button behind Linux's input devices, asked for without blocking a thread. One that is not there (yet) is looked for again.
 *
 * @param wanted a device's path; `auto` for the first one in /dev/input/by-path with `button` in its name (as the overlay
 *   `gpio-key` makes it), but for the power button of a Raspberry Pi 5, which switches the board off when it is held; `none`.
 */
export function inputButton(wanted: string, folder = FOLDER): Button {
  return {
    async *presses({ signal }) {
      if (wanted === 'none') return
      while (!signal.aborted) {
        const path = wanted === 'auto' ? firstButton(folder) : wanted
        const device = path === undefined ? undefined : openDevice(path)
        if (device === undefined) await pause(AGAIN_MS, signal)
        else yield* pressesOf(device, signal)
      }
    },
  }
}

function firstButton(folder: string): string | undefined {
  try {
    const names = readdirSync(folder).sort()
    const name = names.find(other => /button.*-event$/.test(other) && !other.includes('pwr_button'))
    return name === undefined ? undefined : join(folder, name)
  } catch {
    return undefined
  }
}

function openDevice(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

/** Ends when the device has gone, and with the signal. */
async function* pressesOf(device: number, signal: AbortSignal): AsyncGenerator<Press> {
  const reader = new PressReader()
  const events = Buffer.alloc(64 * EVENT_BYTES)
  try {
    while (!signal.aborted) {
      const bytes = readWaiting(device, events)
      if (bytes === undefined) return
      for (const edge of readEdges(events.subarray(0, bytes), performance.now())) {
        const press = reader.take(edge)
        if (press !== undefined) yield press
      }
      const press = reader.due(performance.now())
      if (press !== undefined) yield press
      await pause(LOOK_MS, signal)
    }
  } finally {
    closeSync(device)
  }
}

/** How many bytes there were, 0 for none yet; undefined when the device has gone. */
function readWaiting(device: number, into: Buffer): number | undefined {
  try {
    return readSync(device, into, 0, into.length, null)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : undefined
  }
}

/** What the kernel's events say of keys; a key that repeats itself has not moved. */
export function readEdges(events: Uint8Array, heardAt: number): readonly Edge[] {
  const view = new DataView(events.buffer, events.byteOffset, events.byteLength)
  const edges: Edge[] = []
  const long = (at: number) =>
    LONG_BYTES === 4 ? view.getUint32(at, true) : Number(view.getBigInt64(at, true))
  for (let at = 0; at + EVENT_BYTES <= events.length; at += EVENT_BYTES) {
    const type = view.getUint16(at + 2 * LONG_BYTES, true)
    const value = view.getInt32(at + 2 * LONG_BYTES + 4, true)
    if (type !== EV_KEY || (value !== UP && value !== DOWN)) continue
    edges.push({ down: value === DOWN, at: long(at) * 1000 + long(at + LONG_BYTES) / 1000, heardAt })
  }
  return edges
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}
