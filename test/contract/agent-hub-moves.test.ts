import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Hub } from '../../deploy/hub/hub.ts'
import { startLoopbackHub } from '../../deploy/hub/loopback.ts'
import { clipsAtHub } from '../../home/clip-source.ts'
import type { Household } from '../../home/household.ts'
import { moveHousehold } from '../../home/move.ts'
import type { Signer } from '../../protocol/keys.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { newClipId, type Publisher, someParts, startPublisher } from '../support/agent-at-hub.ts'
import { temporaryFolder } from '../support/places.ts'
import { makeHome } from '../support/world.ts'

const LATE = { timeout: 50_000, interval: 50 }
let folder: string
let remove: () => Promise<void>
let old: Hub
let next: Hub
let home: Household
let root: Signer
let camera: Publisher

const start = (name: string, ports = { port: 0, mqttPort: 0 }) => startLoopbackHub(join(folder, name), ports)
const clipsAt = async ({ url, caId }: Hub) => {
  const hub = new HubClient({ url, caId })
  const signer = home.member
  const commonName = `${signer.id}.aaaaaaaa`
  const { tls } = await hub.enrol({ commonName, householdId: home.id, role: { kind: 'member' }, signer })
  return (await clipsAtHub(hub, tls, home.id)).length
}
const put = (counter: number) => camera.outbox.put({ epoch: 1, counter, clipId: newClipId() }, someParts(1))

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  old = await start('old')
  next = await start('next')
  const owner = await makeHome(old, join(folder, 'home'), { suite: 'x25519' })
  home = owner.household
  root = owner.root
  camera = await startPublisher(home, root, join(folder, 'camera'), { firstMs: 500 })
})
afterEach(async () => {
  await camera?.stop()
  await Promise.all([old?.close(), next?.close()])
  await remove()
})

test('a camera follows its root’s word to another hub, goes back to the old one while that is gone, and returns', async () => {
  camera.start()
  await expect.poll(() => camera.logged, LATE).toContain('connected')
  // Acknowledgements hint at a newer roster; the word comes with it.
  await home.publishRoster(root, await home.memberStatements())
  const to = { url: next.url, caId: next.caId }
  expect(await moveHousehold(home, root, to, await next.registrationCode())).toBeUndefined()
  await put(1)
  await expect.poll(() => camera.household.hubs[0], LATE).toEqual(to)
  await put(2)
  await expect.poll(() => clipsAt(next), LATE).toBe(1)
  expect(await clipsAt(old)).toBe(1)

  const ports = { port: Number(new URL(next.url).port), mqttPort: Number(new URL(next.brokerUrl).port) }
  await next.close()
  await put(3)
  await expect.poll(() => clipsAt(old), LATE).toBe(2)

  next = await start('next', ports)
  await expect.poll(() => camera.logged.filter(said => said === 'the hub has moved'), LATE).toHaveLength(2)
  await put(4)
  await expect.poll(() => clipsAt(next), LATE).toBe(2)
  expect(camera.lost).toEqual([])
  expect(camera.refused).toEqual([])
}, 120_000)
