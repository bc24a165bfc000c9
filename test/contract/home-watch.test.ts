import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Household } from '../../home/household.ts'
import { Ledger } from '../../home/ledger.ts'
import { pairThroughLens } from '../../home/pair.ts'
import { type News, watchCameras } from '../../home/watch.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type Status, statusKind } from '../../protocol/messages.ts'
import { sealsTo } from '../../protocol/roster.ts'
import { sealStatement } from '../../protocol/sealed.ts'
import { disk } from '../../storage/disk.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { publish } from '../../wire/mqtt.ts'
import { CodeCamera } from '../support/code-camera.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'
import { connectMqtt } from '../support/mqtt-client.ts'
import { codeFrom } from '../support/registrar-desk.ts'

let at: HomeAtHub
let home: Household
let root: Signer

beforeEach(async () => {
  at = await homeAtHub()
  home = at.home
  root = at.root
})
afterEach(() => at?.close())

async function pair(camera: CodeCamera): Promise<void> {
  await pairThroughLens(home, root, { signal: new AbortController().signal, ...camera.inHands() })
}

/** A status in the topic of one epoch, sealed for another. */
async function send(camera: CodeCamera, topicEpoch: number, changed: Partial<Status>, counter = topicEpoch) {
  const boot = base32(randomBytes(16))
  const { tls, hub: told } = await new HubClient(home.hubAddress).enrol({
    ...{ commonName: camera.id, householdId: home.id, signer: camera.signer },
    role: { kind: 'device', epoch: topicEpoch, counter, boot },
  })
  const client = await connectMqtt(told.broker, tls)
  const status = {
    ...{ audience: 'household' as const, householdId: home.id, deviceId: camera.id, epoch: topicEpoch },
    ...{ roster: 1, boot, counter: 1, at: new Date().toISOString(), clockSure: true, name: 'Hall' },
    ...{ version: '1', camera: 'ok' as const, fault: null, microphone: false },
    ...{ outbox: { clips: 0, bytes: 0 }, refused: {}, log: null, ...changed },
  }
  const sealed = await sealStatement(statusKind, status, camera.signer, sealsTo(home.roster).recipients)
  await publish(client, `ownlens/1/${home.id}/${topicEpoch}/${camera.id}/status`, sealed)
  client.end(true)
}

/** Listens; `next` gives the next piece of news of a kind. */
async function watch() {
  const all: News[] = []
  const waiting = new Set<() => void>()
  const over = new AbortController()
  await disk.makeFolder(join(at.folder, 'watch'))
  const ledger = await Ledger.open(disk, join(at.folder, 'watch'))
  const tell = (news: News) => {
    all.push(news)
    for (const look of waiting) look()
  }
  const ended = watchCameras(home, ledger, tell, { signal: over.signal })
  let from = 0
  const next = <K extends News['kind']>(kind: K) =>
    new Promise<Extract<News, { kind: K }>>((resolve, reject) => {
      const look = () => {
        const index = all.findIndex((news, place) => place >= from && news.kind === kind)
        if (index < 0) return
        from = index + 1
        waiting.delete(look)
        resolve(all[index] as Extract<News, { kind: K }>)
      }
      waiting.add(look)
      ended.catch(reject)
      look()
    })
  return { next, ended, stop: () => over.abort() }
}

test('a hub that goes and returns is listened to again', async () => {
  const camera = await CodeCamera.make()
  await pair(camera)
  const { next, ended, stop } = await watch()
  await next('listening')
  await at.restart(async () => {
    expect((await next('gone')).error.code).toBe('hub.unreachable')
  })
  await next('listening')
  await send(camera, 1, {})
  expect((await next('status')).message.deviceId).toBe(camera.id)
  stop()
  await ended
})

test('a hub that is not there at the start is said at once', async () => {
  await at.restart(async () => {
    const { ended } = await watch()
    expect(await codeFrom(ended)).toBe('hub.unreachable')
  })
})

test('a ledger that cannot be written is said, and is no fault of a message’s', async () => {
  const camera = await CodeCamera.make()
  await pair(camera)
  const { next, ended } = await watch()
  await next('listening')
  await disk.remove(join(at.folder, 'watch'))
  await send(camera, 1, {})
  await expect(ended).rejects.toMatchObject({ code: 'ENOENT' })
})

test('what was sealed for an earlier epoch comes under the newest one’s topics; other epochs are refused', async () => {
  const camera = await CodeCamera.make()
  await pair(camera)
  const { next, ended, stop } = await watch()
  await next('listening')
  // Paired anew, as if on another machine of this home: this app asks for the claim when the camera speaks.
  await pair(camera)
  await disk.remove(join(home.data.folder, 'claims', `${camera.id}-0000000002.jws`))
  await send(camera, 2, { epoch: 1 })
  expect((await next('status')).message.epoch).toBe(1)
  expect((await home.claims()).map(({ epoch }) => epoch)).toEqual([1, 2])
  await send(camera, 2, { epoch: 3 }, 3)
  expect((await next('refused')).error.code).toBe('clip.envelope')
  stop()
  await ended
})
