import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Switches, switchedCamera, writeSwitch } from '../../agent/switches.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import { codeOf } from '../../protocol/errors.ts'
import { disk } from '../../storage/disk.ts'
import { runningFfmpegs } from '../support/hardware-processes.ts'
import { temporaryFolder } from '../support/places.ts'

let folder: string
let remove: () => Promise<void>
let over: AbortController
let switches: Switches
let following: Promise<void>

beforeEach(async () => {
  ;({ path: folder, remove } = await temporaryFolder())
  over = new AbortController()
  await begin()
})
afterEach(async () => {
  over.abort()
  await following
  await expect.poll(runningFfmpegs, { timeout: 10_000 }).toEqual([])
  await remove()
})

/** As an agent does it at its start. */
async function begin(): Promise<void> {
  switches = await Switches.open(disk, folder)
  following = switches.follow(() => undefined, { signal: over.signal })
}

function open() {
  const graph = 'testsrc=s=160x120:r=10[out0];sine=440:r=16000[out1]'
  const data = join(folder, 'board')
  const hardware = emulated({ source: { kind: 'lavfi', graph }, microphone: 'auto', disk, data })
  const camera = switchedCamera(hardware.camera, switches)
  return camera.open({ signal: over.signal, frames: { rate: 5, size: 96 } })
}

const codeFrom = (promise: Promise<unknown>) => promise.then(() => undefined, codeOf)

test('privacy mode ends what runs at once, lets no camera be opened, and holds over a restart', async () => {
  const session = await open()
  for await (const _ of session.frames) break
  await writeSwitch(disk, folder, 'privacy', true)
  expect(await codeFrom(session.ended)).toBe('camera.private')
  // Not one frame more, though some may have waited.
  const left: unknown[] = []
  for await (const frame of session.frames) left.push(frame)
  expect(left).toEqual([])
  await expect.poll(runningFfmpegs, { timeout: 3000 }).toEqual([])
  expect(await codeFrom(open())).toBe('camera.private')
  over.abort()
  await following
  over = new AbortController()
  await begin()
  expect(switches.now.privacy).toBe(true)
  expect(await codeFrom(open())).toBe('camera.private')
  const allowed = switches.mayLook(over.signal)
  await writeSwitch(disk, folder, 'privacy', false)
  await allowed
  for await (const _ of (await open()).frames) break
})

test('with the microphone off no sound is taken at all; the camera is opened anew by itself', async () => {
  const loud = await open()
  expect(loud.format.audio).toBe(true)
  expect(Buffer.from(loud.init).includes('soun')).toBe(true)
  await writeSwitch(disk, folder, 'microphone', true)
  expect(await codeFrom(loud.ended)).toBe('camera.switched')
  const silent = await open()
  expect(silent.format.audio).toBe(false)
  expect(Buffer.from(silent.init).includes('soun')).toBe(false)
  await writeSwitch(disk, folder, 'microphone', false)
  expect(await codeFrom(silent.ended)).toBe('camera.switched')
  expect((await open()).format.audio).toBe(true)
})

test('a disk that cannot say how the switches stand makes no camera look', async () => {
  const broken = { ...disk, info: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) }
  const blind = await Switches.open(broken, folder)
  expect(blind.now).toEqual({ privacy: true, microphone: false })
})
