import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fileButton } from '../../hardware/emulated/press-file.ts'
import type { Button, Press } from '../../hardware/hardware.ts'
import { EVENT_BYTES, inputButton, readEdges } from '../../hardware/pi/input-device.ts'
import { BOUNCE_MS, type Edge, meaningOf, PressReader } from '../../hardware/presses.ts'
import { disk } from '../../storage/disk.ts'
import { temporaryFolder } from '../support/places.ts'

/** What is read of a contact that is closed and opened at these times, in turn. */
function read(times: readonly number[], heard: (at: number) => number = at => at): readonly string[] {
  const reader = new PressReader()
  const presses: (Press | undefined)[] = []
  for (const [index, at] of times.entries()) {
    const edge: Edge = { down: index % 2 === 0, at, heardAt: heard(at) }
    presses.push(reader.due(edge.heardAt), reader.take(edge))
  }
  presses.push(reader.due(heard(times.at(-1) ?? 0) + BOUNCE_MS + 1))
  return presses.flatMap(press => press?.kind ?? [])
}

describe('presses', () => {
  test.each([
    [0, 'short'],
    [1999, 'short'],
    [2000, undefined],
    [9999, undefined],
    [10_000, 'hold'],
    [19_999, 'hold'],
    [20_000, 'long hold'],
    [3_600_000, 'long hold'],
  ])('%i ms: %s', (ms, kind) => {
    expect(meaningOf(ms)).toBe(kind)
    expect(read([5, 5 + ms])).toEqual(kind === undefined ? [] : [kind])
  })

  test('however a contact bounces, a press is one press and lasts from its first edge to its last rest', () => {
    const bounces = fc.array(fc.integer({ min: 1, max: BOUNCE_MS - 1 }), { maxLength: 8 })
    const presses = fc.array(
      fc.record({
        ms: fc.integer({ min: 1, max: 30_000 }),
        bounces,
        pause: fc.integer({ min: 200, max: 5000 }),
      }),
      { minLength: 1, maxLength: 5 },
    )
    fc.assert(
      fc.property(presses, list => {
        let now = 0
        const times: number[] = []
        const wanted: (string | undefined)[] = []
        for (const { ms, bounces, pause } of list) {
          const steps = bounces.length % 2 === 0 ? bounces : bounces.slice(1)
          const began = now + pause
          times.push(began)
          now = began
          for (const step of steps) {
            now += step
            times.push(now)
          }
          now += ms
          times.push(now)
          wanted.push(meaningOf(now - began))
        }
        expect(read(times)).toEqual(wanted.filter(kind => kind !== undefined))
      }),
    )
  })

  test('neither a clock that is set meanwhile nor a process that slept makes a reset of a touch', () => {
    // Network time comes while the button is down.
    expect(read([0, 1e12], at => (at === 0 ? 0 : 300))).toEqual(['short'])
    expect(read([1e12, 5], at => (at === 5 ? 300 : 0))).toEqual(['short'])
    // Down was heard at once, up half a minute late.
    expect(read([0, 300], at => (at === 0 ? 0 : 30_000))).toEqual(['short'])
    // Both came at once, late.
    expect(read([0, 12_000], () => 40_000)).toEqual(['short'])
  })
})

function event(type: number, value: number, atMs: number): Buffer {
  const bytes = Buffer.alloc(EVENT_BYTES)
  const long = (value: number, at: number) =>
    EVENT_BYTES === 24 ? bytes.writeBigInt64LE(BigInt(value), at) : bytes.writeUInt32LE(value, at)
  long(Math.floor(atMs / 1000), 0)
  long((atMs % 1000) * 1000, EVENT_BYTES === 24 ? 8 : 4)
  bytes.writeUInt16LE(type, EVENT_BYTES - 8)
  bytes.writeUInt16LE(0x100, EVENT_BYTES - 6)
  bytes.writeInt32LE(value, EVENT_BYTES - 4)
  return bytes
}

describe('buttons', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let over: AbortController

  beforeEach(async () => {
    folder = await temporaryFolder()
    over = new AbortController()
  })
  afterEach(async () => {
    over.abort()
    await folder.remove()
  })

  async function next(presses: AsyncIterator<Press>): Promise<string | undefined> {
    const { value } = (await presses.next()) as { value?: Press }
    return value?.kind
  }
  const pressesOf = (button: Button) => button.presses({ signal: over.signal })[Symbol.asyncIterator]()

  test('keys are read from the kernel’s events, and nothing else is', () => {
    const events = [
      event(1, 1, 5000),
      event(0, 0, 5000),
      event(1, 2, 5500),
      event(2, 1, 5600),
      event(1, 0, 6250),
    ]
    expect(readEdges(Buffer.concat(events), 7)).toEqual([
      { down: true, at: 5000, heardAt: 7 },
      { down: false, at: 6250, heardAt: 7 },
    ])
    expect(readEdges(Buffer.concat(events).subarray(0, EVENT_BYTES + 3), 7)).toHaveLength(1)
  })

  test('a board’s button is found by its name, and pressed', async () => {
    // A pipe gives what an input device gives, and says EAGAIN when there is nothing.
    const path = join(folder.path, 'platform-button@11-event')
    for (const name of ['platform-button@11-event', 'platform-a_pwr_button-event', 'platform-aaa-event'])
      execFileSync('mkfifo', [join(folder.path, name)])
    const presses = pressesOf(inputButton('auto', folder.path))
    const first = next(presses)
    const device = await open(path, 'r+')
    try {
      await device.write(Buffer.concat([event(1, 1, 1000), event(1, 0, 1300)]))
      expect(await first).toBe('short')
      await device.write(
        Buffer.concat([event(1, 1, 2000), event(1, 0, 2010), event(1, 1, 2020), event(1, 0, 2400)]),
      )
      expect(await next(presses)).toBe('short')
      const last = next(presses)
      over.abort()
      expect(await last).toBeUndefined()
    } finally {
      await device.close()
    }
  })

  test('a board without one is never pressed, and stops', async () => {
    for (const wanted of ['none', 'auto', '/dev/input/by-path/no-such-button']) {
      const over = new AbortController()
      const press = inputButton(wanted, folder.path)
        .presses({ signal: over.signal })
        [Symbol.asyncIterator]()
        .next()
      over.abort()
      expect(await press).toMatchObject({ done: true })
    }
  })

  test('an emulated one is pressed by a file, which is taken away', async () => {
    const presses = pressesOf(fileButton(disk, folder.path))
    const path = join(folder.path, 'press')
    for (const [text, kind] of [
      ['short', 'short'],
      ['hold\n', 'hold'],
      ['new-key', 'long hold'],
    ] as const) {
      const press = next(presses)
      await writeFile(path, text)
      expect(await press).toBe(kind)
      expect(existsSync(path)).toBe(false)
    }
    const press = next(presses)
    await writeFile(path, 'reset everything')
    await expect.poll(() => existsSync(path)).toBe(false)
    await writeFile(path, 'hold')
    expect(await press).toBe('hold')
  })

  test('a press before the board was started is seen at its start', async () => {
    await mkdir(join(folder.path, 'emulated'))
    await writeFile(join(folder.path, 'emulated', 'press'), 'short')
    expect(await next(pressesOf(fileButton(disk, join(folder.path, 'emulated'))))).toBe('short')
  })
})
