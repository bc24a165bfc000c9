import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseConfig } from '../../agent/config.ts'
import { runAgent } from '../../agent/run.ts'
import { BUILT } from '../../agent/version.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import type { Household } from '../../home/household.ts'
import { Ledger } from '../../home/ledger.ts'
import { type News, watchCameras } from '../../home/watch.ts'
import { createFaceDetector } from '../../models/detector.ts'
import type { Status } from '../../protocol/messages.ts'
import { disk } from '../../storage/disk.ts'
import { startPublisher } from '../support/agent-at-hub.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'

/** The hub's clock is behind this machine's: so one can tell by whose the camera goes. */
const BEHIND_MS = 2 * 3_600_000
const hubTime = () => Date.now() - BEHIND_MS
let at: HomeAtHub
let folder: string
let home: Household

beforeAll(async () => {
  at = await homeAtHub({ suite: 'x25519', hub: { now: () => new Date(hubTime()) } })
  folder = at.folder
  home = at.home
  await startPublisher(home, at.root, join(folder, 'camera'))
})
afterAll(async () => {
  await at?.close()
})

test.each([
  ['1970', 0],
  ['2099', Date.UTC(2099, 0)],
])('a board whose clock says %s sends the hub’s time, and knows that it is sure', async (_year, wall) => {
  const data = join(folder, 'camera')
  const over = new AbortController()
  const { signal } = over
  const statuses: Status[] = []
  const ledger = await Ledger.open(disk, join(folder, 'home'))
  const news = new EventEmitter()
  const heard = once(news, 'status', { signal })
  const listening = once(news, 'listening', { signal })
  const tell = (item: News) => {
    if (item.kind === 'status') statuses.push(item.message)
    news.emit(item.kind)
  }
  const watching = watchCameras(home, ledger, tell, { signal })
  await Promise.race([listening, watching])
  const source = { kind: 'lavfi', graph: 'testsrc2=size=320x240:rate=5' } as const
  const clock = { now: () => wall + performance.now(), monotonic: () => performance.now(), sure: () => false }
  const hardware = { ...emulated({ source, microphone: 'none', disk, data }), clock }
  const detector = await createFaceDetector({ runtime: 'litert', minScore: 0.5 })
  const config = parseConfig({ camera: 'scene', microphone: 'none' })
  const log = pino({ level: 'silent' })
  const running = runAgent({ config, hardware, disk, data, detector, log, signal, graceMs: 500 })
  await Promise.race([heard, running])
  over.abort()
  await Promise.all([running, watching])
  await detector.close()
  const [status] = statuses
  expect(status?.clockSure).toBe(true)
  expect(Math.abs(Date.parse(status?.at ?? '') - hubTime())).toBeLessThan(60_000)
  const saved = JSON.parse(Buffer.from((await disk.read(join(data, 'time'))) ?? []).toString())
  expect(Date.parse(saved.signed)).toBeGreaterThan(BUILT)
})
