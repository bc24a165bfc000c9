import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Outbox } from '../../agent/outbox.ts'
import { findCamera } from '../../home/cameras.ts'
import { clipsAtHub } from '../../home/clip-source.ts'
import type { Household } from '../../home/household.ts'
import { blockCamera, releaseCamera } from '../../home/orders.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { newClipId, someParts } from '../support/agent-at-hub.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'
import { RunningAgent } from '../support/running-agent.ts'

let at: HomeAtHub
let home: Household
let root: Signer
let data: string
let agent: RunningAgent
let deviceId: string

beforeAll(async () => {
  at = await homeAtHub({ suite: 'x25519' })
  home = at.home
  root = at.root
  data = join(at.folder, 'camera')
  agent = new RunningAgent(data)
})
afterAll(async () => {
  await agent?.stop()
  await at?.close()
})

const stored = async () => clipsAtHub(home.hub, (await home.enrol()).tls, home.id)

// One camera's life with real ffmpeg, lens, registrar and broker: each test goes on where the one before ended.

test('a new camera reads the home’s code through its lens, and records', async () => {
  await agent.says('logged', /waiting to be paired/)
  const paired = await agent.pair(home, root)
  deviceId = paired.deviceId
  expect(paired).toMatchObject({ epoch: 1, repaired: false })
  await agent.says('logged', /^connected$/)
  await agent.says('lamp', /^recording$/)
})

test('a press while it records: the lens reads its home’s code, the claim goes on, and so does recording', async () => {
  const [lamp, logged] = [agent.lamp.length, agent.logged.length]
  await agent.press('short')
  await agent.says('lamp', /^reading$/, lamp)
  expect(await agent.pair(home, root)).toMatchObject({ deviceId, epoch: 1, repaired: true })
  await agent.says('logged', /^repaired$/, logged)
  await agent.says('lamp', /^recording$/, await agent.says('lamp', /^[1-6]{4}$/, lamp))
  expect(await readFile(join(data, 'epoch'), 'utf8')).toBe('1')
})

test('a press, and another one: it records on', async () => {
  const lamp = agent.lamp.length
  await agent.press('short')
  const reading = await agent.says('lamp', /^reading$/, lamp)
  await agent.press('short')
  await agent.says('lamp', /^recording$/, reading)
})

test('a press while it changes over, its last clip not finished yet, is for what comes next', async () => {
  const [lamp, logged] = [agent.lamp.length, agent.logged.length]
  await agent.press('short')
  await agent.says('lamp', /^reading$/, lamp)
  expect(await agent.pair(home, root)).toMatchObject({ deviceId, epoch: 1, repaired: true })
  await agent.says('logged', /^repaired$/, logged)
  const repaired = agent.lamp.length
  await agent.press('short')
  const reading = await agent.says('lamp', /^reading$/, repaired)
  await agent.press('short')
  await agent.says('lamp', /^recording$/, reading)
})

test('blocked, it says so and records on; unblocked, it goes on sending', async () => {
  const camera = await findCamera(home, deviceId)
  const logged = agent.logged.length
  await blockCamera(home, root, camera, true)
  const said = await agent.says('logged', /recording goes on: enrol.blocked/, logged)
  await agent.says('logged', /^clip kept$/, said)
  await blockCamera(home, root, camera, false)
  await agent.says('logged', /^connected$/, said)
})

test('with a damaged household it does not end: its own home gives it a new epoch, and what it had kept is sent', async () => {
  await agent.stop()
  const outbox = await Outbox.open(disk, data, { maxBytes: 1e9, lost: async () => undefined })
  const kept = newClipId()
  await outbox.put({ epoch: 1, counter: 10_000, clipId: kept }, someParts(2))
  await writeFile(join(data, 'household.json'), '{"pin":{')
  agent = new RunningAgent(data)
  await agent.says('logged', /household.damaged/)
  expect(await agent.pair(home, root)).toMatchObject({ deviceId, epoch: 2, repaired: false })
  const arrived = async () => (await stored()).find(({ clipId }) => clipId === kept)
  await expect.poll(arrived, { timeout: 60_000 }).toMatchObject({ epoch: 2 })
})

test('its button held, it forgets its home and tells the owner; the same home has it back at once', async () => {
  const logged = agent.logged.length
  await agent.press('hold')
  const reset = await agent.says('logged', /has forgotten its household/, logged)
  await agent.says('logged', /the hub knows of the reset/, reset)
  for (const gone of ['household.json', 'owner.json', 'sequence.json', 'outbox'])
    expect(existsSync(join(data, gone))).toBe(false)
  expect(await agent.pair(home, root)).toMatchObject({ deviceId, epoch: 3 })
})

test('released by its root, it is nobody’s', async () => {
  await agent.says('logged', /^connected$/, agent.logged.lastIndexOf('paired'))
  const logged = agent.logged.length
  await releaseCamera(home, root, await findCamera(home, deviceId))
  await agent.says('logged', /waiting to be paired/, await agent.says('logged', /let the camera go/, logged))
  expect(existsSync(join(data, 'household.json'))).toBe(false)
})
