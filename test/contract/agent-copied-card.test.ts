import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseConfig } from '../../agent/config.ts'
import { runAgent } from '../../agent/run.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import { fileKeyStore } from '../../hardware/key-store.ts'
import type { Shown } from '../../hardware/light.ts'
import { createFaceDetector } from '../../models/detector.ts'
import { disk } from '../../storage/disk.ts'
import { type Publisher, startPublisher } from '../support/agent-at-hub.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'

let at: HomeAtHub
let folder: string
let original: Publisher

beforeAll(async () => {
  at = await homeAtHub({ suite: 'x25519' })
  folder = at.folder
  original = await startPublisher(at.home, at.root, join(folder, 'camera'))
})
afterAll(async () => {
  await original?.stop()
  await at?.close()
})

test('a paired camera’s card, copied into another board, starts as a new, unpaired camera', async () => {
  const data = join(folder, 'copy')
  await cp(join(folder, 'camera'), data, { recursive: true })
  const old = (await fileKeyStore(disk, join(folder, 'camera')).signer()).id
  expect(await readdir(data)).toContain('household.json')

  const over = new AbortController()
  const lines: { msg: string; deviceId?: string; setAside?: string }[] = []
  const shown: Shown[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const detector = await createFaceDetector({ runtime: 'litert', minScore: 0.5 })
  const config = parseConfig({ camera: 'scene', microphone: 'none' })
  const onLamp = (light: Shown) => {
    shown.push(light)
    if (light === 'unpaired') over.abort()
  }
  const source = { kind: 'scene' } as const
  const hardware = emulated({ source, microphone: 'none', disk, data, onLamp, board: 'another' })
  await runAgent({ config, hardware, disk, data, detector, log, signal: over.signal })
  await detector.close()

  const deviceId = lines.find(line => line.deviceId !== undefined)?.deviceId
  expect(deviceId).toMatch(/^[a-z2-7]{52}$/)
  expect(deviceId).not.toBe(old)
  const aside = lines.find(line => line.setAside !== undefined)?.setAside ?? ''
  expect(await readdir(aside)).toEqual(expect.arrayContaining(['household.json', 'device-key.pem', 'epoch']))
  expect(await readdir(data)).not.toContain('household.json')
  expect(shown).toContain('unpaired')
  expect(shown).not.toContain('ready')

  // Nobody saw the old key on a second board: the camera that was copied goes on as before.
  original.start()
  await expect.poll(() => original.logged, { timeout: 20_000 }).toContain('connected')
  expect(original.refused).toEqual([])
})
