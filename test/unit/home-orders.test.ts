import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { reportCameras } from '../../home/camera-reports.ts'
import { camerasOf, findCamera, type HomeCamera } from '../../home/cameras.ts'
import { Household } from '../../home/household.ts'
import { addMember, inviteMember, joinHousehold, removeMember } from '../../home/members.ts'
import { moveHousehold } from '../../home/move.ts'
import { blockCamera, ordersFor, releaseCamera } from '../../home/orders.ts'
import { pairThroughLens } from '../../home/pair.ts'
import { describeCameras, stateIn } from '../../home/say-cameras.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { statusKind } from '../../protocol/messages.ts'
import { moveKind } from '../../protocol/ownership.ts'
import { sealsTo } from '../../protocol/roster.ts'
import { sealStatement } from '../../protocol/sealed.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { publish } from '../../wire/mqtt.ts'
import { CodeCamera } from '../support/code-camera.ts'
import { resetOf } from '../support/hub-people.ts'
import { connectMqtt } from '../support/mqtt-client.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'
import { eventually, makeHome } from '../support/world.ts'

let at: TestHub
let home: Household
let root: Signer
beforeEach(async () => {
  at = await startTestHub()
  const made = await makeHome(at.hub, join(at.folder, 'home'))
  home = made.household
  root = made.root
})
afterEach(() => at?.close())

const DAY = 24 * 3600_000

async function pair(camera: CodeCamera, name?: string, by = { home, root }) {
  let lamp: Promise<string> | undefined
  return pairThroughLens(
    by.home,
    by.root,
    {
      signal: new AbortController().signal,
      ...(name !== undefined && { name }),
      async show(code) {
        lamp = (await camera.answer(code)).blinks()
        lamp.catch(() => undefined)
        return async () => undefined
      },
      confirm: async code => (await lamp) === code,
    },
    { lookMs: 50 },
  )
}

async function newCamera(name: string): Promise<{ key: CodeCamera; camera: HomeCamera }> {
  const key = await CodeCamera.make()
  await pair(key, name)
  return { key, camera: await findCamera(home, name) }
}

/** Everything that is known of the cameras, by name. */
async function reports(of = home) {
  const { reports: all, refused } = await reportCameras(of, (await of.enrol()).tls)
  expect(refused).toEqual([])
  return new Map(all.map(report => [report.camera.name, report]))
}

const enrolled = (key: CodeCamera, epoch = 1, counter = 1, boot = base32(randomBytes(16))) =>
  at.client.enrol({
    ...{ commonName: key.id, householdId: home.id, signer: key.signer },
    role: { kind: 'device', epoch, counter, boot },
  })

/** The camera says that it is well, sealed to a roster. */
async function sendStatus(key: CodeCamera, roster: Household['roster'], counter = 1): Promise<void> {
  const { tls, hub } = await enrolled(key, 1, counter)
  const client = await connectMqtt(hub.broker, tls)
  const status = {
    ...{ audience: 'household' as const, householdId: home.id, deviceId: key.id, epoch: 1 },
    ...{ roster: roster.number, boot: base32(randomBytes(16)), counter: 1, at: new Date().toISOString() },
    ...{ clockSure: true, name: 'Hall', version: '1', camera: 'ok' as const, fault: null, microphone: false },
    ...{ outbox: { clips: 0, bytes: 0 }, refused: {}, log: null },
  }
  const sealed = await sealStatement(statusKind, status, key.signer, sealsTo(roster).recipients)
  await publish(client, `ownlens/1/${home.id}/1/${key.id}/status`, sealed)
  client.end(true)
}

test('a camera is named by its name, its id or the beginning of one, and by nothing less', async () => {
  const { key } = await newCamera('Hall')
  await newCamera('Door')
  for (const wanted of ['Hall', key.id, key.id.slice(0, 8)])
    expect((await findCamera(home, wanted)).deviceId).toBe(key.id)
  for (const wanted of ['hall', key.id.slice(0, 7), '', 'Garden'])
    expect(await codeFrom(findCamera(home, wanted))).toBe('home.camera')
  // Two of one name.
  await home.rename('cameras', key.id, 'Door')
  expect(await codeFrom(findCamera(home, 'Door'))).toBe('home.camera')
})

test('a camera that was released is free for another home, and its clips stay this home’s to open', async () => {
  const { key, camera } = await newCamera('Hall')
  const other = await makeHome(at.hub, join(at.folder, 'other'))
  const theirs = { home: other.household, root: other.root }
  const taken = await pair(key, undefined, theirs).catch(error => error)
  expect(taken).toMatchObject({ code: 'claim.owned' })
  await releaseCamera(home, root, camera)
  expect((await reports()).get('Hall')).toMatchObject({ released: true, stillOpen: [] })
  // The same again is no error: the first answer may have been lost.
  await releaseCamera(home, root, camera)
  expect(await pair(key, undefined, theirs)).toMatchObject({ deviceId: key.id, epoch: 3 })
  expect((await home.claims()).map(({ epoch }) => epoch)).toEqual([1])
  expect(await codeFrom(releaseCamera(home, root, { ...camera, epoch: 2 }))).toBe('block.device')
})

test('a reset by somebody else is told, with the time from which the camera is free; an objection holds', async () => {
  const { key, camera } = await newCamera('Hall')
  const { deviceId } = camera
  const object = () => home.hub.request(home.id, { action: 'object', deviceId }, root)
  expect(await codeFrom(object())).toBe('claim.no_reset')
  const reset = await resetOf(key.signer, 1, home.id)
  const { freeAt } = await at.client.request(null, { action: 'reset', reset }, key.signer)
  const report = (await reports()).get('Hall')
  expect(report?.standing).toMatchObject([{ kind: 'reset', freeAt }])
  expect(report && stateIn(report)).toBe('reset')
  const told = describeCameras([...(await reports()).values()], await home.names(), 1).join('\n')
  expect(told).toContain('home object "Hall"')
  expect(told).toContain(freeAt?.slice(0, 16).replace('T', ' '))
  // Who tries to pair it is told when it will be free.
  const other = await makeHome(at.hub, join(at.folder, 'other'))
  const theirs = { home: other.household, root: other.root }
  const refused = await pair(key, undefined, theirs).catch(error => error)
  expect(refused).toMatchObject({ code: 'claim.owned' })
  expect(String(refused)).toContain(freeAt?.slice(0, 10))
  const { until } = await object()
  expect(Date.parse(until) - Date.now()).toBeGreaterThan(13 * DAY)
  at.ahead = 4 * DAY
  expect(await pair(key, undefined, theirs).catch(error => error.code)).toBe('claim.owned')
})

test('a camera that is heard of again is not in the state that an old notice speaks of', async () => {
  const { key } = await newCamera('Hall')
  const reset = await resetOf(key.signer, 1, home.id)
  await at.client.request(null, { action: 'reset', reset }, key.signer)
  at.ahead = 60_000
  await sendStatus(key, home.roster)
  const report = await eventually(async () => {
    const found = (await reports()).get('Hall')
    return found?.status === undefined ? undefined : found
  }, 'the status is kept')
  expect(report.notices).toHaveLength(1)
  expect(report.standing).toEqual([])
  expect(stateIn(report)).toBe('paired')
})

test('a blocked camera gets no certificate, cannot be paired, and goes on when the block is lifted', async () => {
  const { key, camera } = await newCamera('Hall')
  await enrolled(key)
  await blockCamera(home, root, camera, true)
  expect(await codeFrom(enrolled(key, 1, 2))).toBe('enrol.blocked')
  const report = (await reports()).get('Hall')
  expect(report).toMatchObject({ blocked: true, standing: [{ kind: 'blocked' }] })
  expect(report && stateIn(report)).toBe('blocked')
  await blockCamera(home, root, camera, false)
  expect((await enrolled(key, 1, 3)).tls.name).toBe(key.id)
  expect(await ordersFor(home, camera)).toEqual({ released: false, blocked: false })
})

test('another machine with the root gives orders behind those that it does not know', async () => {
  const { camera } = await newCamera('Hall')
  await blockCamera(home, root, camera, true)
  await disk.remove(join(home.data.folder, 'orders'))
  await blockCamera(home, root, camera, false)
  expect(await ordersFor(home, camera)).toEqual({ released: false, blocked: false })
})

test('a camera that is held goes on when the owner has confirmed it', async () => {
  const { key, camera } = await newCamera('Hall')
  await enrolled(key, 1, 5)
  expect(await codeFrom(enrolled(key, 1, 3))).toBe('enrol.held')
  const report = (await reports()).get('Hall')
  expect(report && stateIn(report)).toBe('held')
  const { deviceId } = camera
  await home.hub.request(home.id, { action: 'confirm', deviceId }, root)
  expect((await enrolled(key, 1, 4)).tls.name).toBe(key.id)
})

test('until a camera has confirmed it, a member who was taken out may still open what it records', async () => {
  const { key } = await newCamera('Hall')
  const folder = join(at.folder, 'bert')
  const answer = await joinHousehold(disk, folder, inviteMember(home), 'Bert')
  const bert = await addMember(home, root, answer, 'Bert')
  const withBert = home.roster
  const known = async (roster: number) =>
    eventually(async () => {
      const found = (await reports()).get('Hall')
      return found?.status?.roster === roster ? found : undefined
    }, `it seals to roster ${roster}`)
  await sendStatus(key, withBert)
  expect((await known(withBert.number)).stillOpen).toEqual([])
  await removeMember(home, root, 'Bert')
  const before = await known(withBert.number)
  expect(before.stillOpen).toEqual([bert])
  expect(describeCameras([before], await home.names(), home.roster.number).join('\n')).toContain(
    'can still be opened by Bert',
  )
  await sendStatus(key, home.roster, 2)
  expect((await known(home.roster.number)).stillOpen).toEqual([])
  // A higher number than this app's newest is no confirmation: somebody with an earlier root may have signed it.
  await sendStatus(key, { ...home.roster, number: home.roster.number + 7 }, 3)
  const unknown = await known(home.roster.number + 7)
  expect(unknown.stillOpen).toEqual([bert])
  expect(describeCameras([unknown], await home.names(), home.roster.number).join('\n')).toContain(
    'This app does not know that roster',
  )
  // One that has said nothing may seal to any roster that there was.
  await newCamera('Door')
  expect((await reports()).get('Door')?.stillOpen).toEqual([bert])
})

test('a household moves: the new hub has it and its cameras, the app follows, and members who ask the old one', async () => {
  await newCamera('Hall')
  await releaseCamera(home, root, (await newCamera('Given away')).camera)
  const folder = join(at.folder, 'bert')
  const answer = await joinHousehold(disk, folder, inviteMember(home), 'Bert')
  await addMember(home, root, answer, 'Bert')
  const bert = await Household.open(disk, folder)
  const next = await startTestHub()
  try {
    const to = { url: next.hub.url, caId: next.hub.caId }
    expect(await codeFrom(moveHousehold(home, root, to, undefined))).toBe('home.move_code')
    expect(home.hubAddress.url).toBe(at.hub.url)
    expect(await moveHousehold(home, root, to, await next.hub.registrationCode())).toBeUndefined()
    expect(home.hubAddress).toEqual(to)
    expect(await next.hub.registrar.claims(home.id)).toHaveLength(1)
    expect(await bert.refresh((await bert.enrol()).tls)).toEqual([])
    expect(bert.hubAddress).toEqual(to)
    expect((await Household.open(disk, folder)).hubAddress).toEqual(to)
    expect(await home.refresh((await home.enrol()).tls)).toEqual([])
    expect(await camerasOf(home)).toHaveLength(2)
    // The move goes on to be followed where the new one is gone for a while: the old one still counts.
    await next.hub.close()
    expect((await home.enrol()).tls.name).toContain(home.member.id)
    expect(home.hub.address.url).toBe(at.hub.url)
  } finally {
    await next.close()
  }
})

test('a move is followed when its number is higher and one of the household’s roots signed it', async () => {
  const hub = (port: number) => ({ url: `https://127.0.0.1:${port}`, caId: at.hub.caId })
  const move = (number: number, port: number, signer = root) =>
    makeStatement(
      moveKind,
      { householdId: home.id, number, hubs: [hub(port)], issuedAt: new Date().toISOString() },
      signer,
    )
  await home.takeMove(await move(5, 1005))
  await home.takeMove(await move(4, 1004))
  await home.takeMove(await move(5, 1006))
  expect(home.hubAddress).toEqual(hub(1005))
  await home.takeMove(await move(6, 1006))
  expect(home.hubAddress).toEqual(hub(1006))
  const stranger = await makeHome(at.hub, join(at.folder, 'other'))
  expect(await codeFrom(home.takeMove(await move(9, 1009, stranger.root)))).toBe('statement.signer')
  expect(home.hubAddress).toEqual(hub(1006))
})
