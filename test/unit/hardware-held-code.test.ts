import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readCodes } from '../../agent/identity/lens.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import type { CameraSession, Hardware } from '../../hardware/hardware.ts'
import { codeAsPng } from '../../home/pairing-code.ts'
import { disk } from '../../storage/disk.ts'
import { invitations } from '../support/code-pictures.ts'
import { runningFfmpegs } from '../support/hardware-processes.ts'
import { temporaryFolder } from '../support/places.ts'

const LENS = { rate: 5, size: 1280 }
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let abort: AbortController
let png: string

beforeEach(async () => {
  folder = await temporaryFolder()
  abort = new AbortController()
  // A path with everything that means something in a filter graph.
  const odd = join(folder.path, "it's [a], b;c:d=\\e")
  await mkdir(odd)
  png = join(odd, 'code.png')
})

afterEach(async () => {
  abort.abort()
  await expect.poll(runningFfmpegs, { timeout: 5000 }).toEqual([])
  await folder.remove()
})

function camera(hold?: { share: number; turn: number }): Hardware['camera'] {
  return emulated({
    source: { kind: 'lavfi', graph: 'testsrc=s=320x240:r=15' },
    microphone: 'auto',
    disk,
    data: folder.path,
    code: () => (existsSync(png) ? png : undefined),
    ...(hold === undefined ? {} : { hold }),
  }).camera
}

/** As an app does it: whole, or not there. */
async function hold(text: string): Promise<void> {
  await writeFile(`${png}.new`, await codeAsPng(text))
  await rename(`${png}.new`, png)
}

async function firstText(session: CameraSession): Promise<string | undefined> {
  for await (const sight of readCodes(session.frames, { signal: abort.signal }))
    if (sight.kind === 'text') return sight.text
  return undefined
}

const open = (lens = camera()) => lens.open({ signal: abort.signal, frames: LENS })

test.each([
  { share: 0.3, turn: 6 },
  { share: 0.2, turn: 15 },
])(
  'a code held at %o is read',
  async how => {
    const [text = ''] = invitations(1)
    await hold(text)
    const session = await open(camera(how))
    expect(session.format).toMatchObject({ video: 'mjpeg', width: 1280, height: 720 })
    expect(await firstText(session)).toBe(text)
    abort.abort()
    await session.ended
  },
  60_000,
)

test('the source is seen before, between and after; each change ends the session', async () => {
  const [first = '', second = ''] = invitations(2)
  const lens = camera()
  const before = await open(lens)
  expect(before.format).toMatchObject({ width: 320 })
  await hold(first)
  await expect(before.ended).rejects.toMatchObject({ code: 'camera.lost' })

  const shown = await open(lens)
  expect(await firstText(shown)).toBe(first)
  await rm(png)
  await expect(shown.ended).rejects.toMatchObject({ code: 'camera.lost' })
  for await (const _ of shown.frames);

  const between = await open(lens)
  expect(between.format).toMatchObject({ width: 320 })
  await hold(second)
  await expect(between.ended).rejects.toMatchObject({ code: 'camera.lost' })
  const again = await open(lens)
  expect(await firstText(again)).toBe(second)
}, 60_000)

test('a code that takes the place of another one ends the session too', async () => {
  const [first = '', second = ''] = invitations(2)
  await hold(first)
  const lens = camera()
  const shown = await open(lens)
  expect(await firstText(shown)).toBe(first)
  await hold(second)
  await expect(shown.ended).rejects.toMatchObject({ code: 'camera.lost' })
  expect(await firstText(await open(lens))).toBe(second)
}, 60_000)

test('by itself a board looks for a code in its own folder', async () => {
  const [text = ''] = invitations(1)
  await mkdir(join(folder.path, 'emulated'))
  await writeFile(join(folder.path, 'emulated', 'code.png'), await codeAsPng(text))
  const { camera } = emulated({ source: { kind: 'scene' }, microphone: 'none', disk, data: folder.path })
  expect(await firstText(await open(camera))).toBe(text)
}, 60_000)

test('a code that is taken away while the lens opens is a lost camera', async () => {
  const [text = ''] = invitations(1)
  await hold(text)
  let asked = 0
  const { camera } = emulated({
    source: { kind: 'scene' },
    microphone: 'none',
    disk,
    data: folder.path,
    code: () => (asked++ === 0 ? join(folder.path, 'gone.png') : undefined),
  })
  await expect(open(camera)).rejects.toMatchObject({ code: 'camera.lost' })
}, 60_000)
