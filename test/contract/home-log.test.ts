import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Story } from '../../deploy/hub/hub.ts'
import { type SecondStory, secondStory } from '../../drill/second-story.ts'
import { reportCameras } from '../../home/camera-reports.ts'
import { takeNews } from '../../home/command.ts'
import { warningOfLog } from '../../home/hub-log.ts'
import { KeptHeads } from '../../log/kept-heads.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import { disk } from '../../storage/disk.ts'
import { type Publisher, startPublisher } from '../support/agent-at-hub.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'

let at: HomeAtHub
let camera: Publisher | undefined
/** What the hub tells whom. */
let lie: (asker: CertificateName | undefined) => Story | undefined

beforeEach(async () => {
  lie = () => undefined
  at = await homeAtHub({ hub: { story: asker => lie(asker) } })
})
afterEach(async () => {
  await camera?.stop()
  camera = undefined
  await at.close()
})

const heads = () => KeptHeads.open(disk, at.home.data.folder)
const positionKept = async () => (await heads()).position(at.home.hub.address.caId)
const evidence = async (folder: string) =>
  (await readdir(folder)).filter(name => name.startsWith('log-evidence-'))
const fork = (): Promise<SecondStory> =>
  secondStory(at.hub, join(at.folder, 'hub'), join(at.folder, 'second-story'))

/** The camera has connected, and its status is at the hub. */
async function start(): Promise<Publisher> {
  camera = await startPublisher(at.home, at.root, join(at.folder, 'camera'))
  camera.start()
  await expect.poll(() => camera?.logged).toContain('connected')
  const { tls } = await at.home.enrol()
  await expect
    .poll(async () => (await reportCameras(at.home, tls)).reports.some(({ status }) => status?.log != null))
    .toBe(true)
  return camera
}

test('app and camera follow the hub’s log, and find that they are told the same', async () => {
  await start()
  const { tls, refused } = await takeNews(at.home)
  const before = await positionKept()
  expect(before?.size).toBeGreaterThan(2)
  const { reports } = await reportCameras(at.home, tls)
  expect(reports[0]?.status).toMatchObject({
    fault: null,
    log: { root: expect.stringMatching(/=$/) },
  })
  expect(refused).toEqual([])
  expect(await warningOfLog(at.home.data)).toBeUndefined()
})

test('a log that tells camera and app two stories is found by the app, with both as evidence', async () => {
  const other = await fork()
  await other.tell(['nothing of this happened', 'nor this'])
  lie = asker => (asker?.kind === 'device' ? other : undefined)
  await start()
  await takeNews(at.home)
  const { refused } = await heads()
  expect(refused?.code).toBe('log.split')
  const both = JSON.parse(await readFile(join(at.home.data.folder, refused?.evidence ?? ''), 'utf8'))
  expect(both.held.checkpoint).toMatch(/^ownlens-/)
  expect(both.witness.status.split('.')).toHaveLength(3)
  expect(await warningOfLog(at.home.data)).toContain('log.split')
})

test('a hub that answers no proof is found out, too; one that cannot answer now is only told', async () => {
  const other = await fork()
  await other.tell(['nothing of this happened', 'nor this'])
  let code: 'hub.failed' | 'hub.request' = 'hub.failed'
  const silent: Story = {
    head: (...asked) => at.hub.log.head(...asked),
    consistency: () => Promise.reject(new OwnlensError(code)),
  }
  lie = asker => (asker?.kind === 'device' ? other : silent)
  const { tls } = await at.home.enrol()
  await at.home.publishRoster(at.root, await at.home.memberStatements())
  await at.hub.log.flush()
  await takeNews(at.home)
  await start()
  const first = await reportCameras(at.home, tls)
  expect(first.refused.map(({ kind, error }) => [kind, error.code])).toEqual([['log', 'hub.failed']])
  expect((await heads()).refused).toBeNull()
  code = 'hub.request'
  const second = await reportCameras(at.home, tls)
  expect(second.refused.map(({ kind, error }) => [kind, error.code])).toEqual([['log', 'log.split']])
  const { refused } = await heads()
  const both = JSON.parse(await readFile(join(at.home.data.folder, refused?.evidence ?? ''), 'utf8'))
  expect(both).toMatchObject({ code: 'log.split', instead: 'hub.request', proof: [] })
  expect(both.witness.status.split('.')).toHaveLength(3)
})

test('a hub that is restored from a backup has forgotten: app and camera say so, and the camera sends on', async () => {
  const old = await fork()
  const running = await start()
  await takeNews(at.home)
  const kept = await positionKept()
  lie = () => old
  const news = await takeNews(at.home)
  expect(news.refused).toEqual([])
  expect((await heads()).refused?.code).toBe('log.back')
  expect(await positionKept()).toEqual(kept)
  const connected = () => running.logged.filter(msg => msg === 'connected').length
  const times = connected()
  await at.restart()
  await expect.poll(connected, { timeout: 10_000 }).toBeGreaterThan(times)
  expect(running.refused).toContain('log.back')
  expect(await evidence(join(at.folder, 'camera'))).toHaveLength(1)
  lie = () => undefined
  const { tls } = await at.home.enrol()
  await expect
    .poll(async () => (await reportCameras(at.home, tls)).reports[0]?.status?.fault)
    .toBe('log.back')
})
