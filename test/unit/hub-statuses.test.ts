import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../deploy/hub/database.ts'
import { notify } from '../../deploy/hub/notices.ts'
import { Statuses } from '../../deploy/hub/statuses.ts'
import type { Signer } from '../../protocol/keys.ts'
import { noticesAnswer, statusesAnswer } from '../../protocol/registrar.ts'
import type { Home } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { Desk } from '../support/registrar-desk.ts'

const DAY = 24 * 3600_000
let desk: Desk
let home: Home
let camera: Signer
beforeEach(async () => {
  desk = await Desk.open()
  home = await desk.home()
  camera = newSigner()
  await desk.claim(home, camera)
})
afterEach(() => desk.close())

const say = (text: string | Uint8Array, { by = camera, epoch = 1, householdId = home.id } = {}) =>
  desk.statuses.take({ householdId, epoch, deviceId: by.id }, Buffer.from(text))
const told = async (from = desk.statuses, by = home) =>
  (await from.ofHousehold(by.id)).map(({ deviceId, epoch, sealed }) => [
    deviceId,
    epoch,
    Buffer.from(sealed, 'base64').toString(),
  ])

test('the newest status of each camera is on the disk when it is told, and there after a restart', async () => {
  const second = newSigner()
  await desk.claim(home, second)
  for (let index = 0; index < 50; index++) expect(say(`status ${index}`)).toBe(true)
  desk.later(1000)
  say('other', { by: second })
  const both = [
    [second.id, 1, 'other'],
    [camera.id, 1, 'status 49'],
  ]
  expect(await told()).toEqual(both)
  const again = await openDatabase(join(desk.folder, 'registrar.db'))
  expect(await told(new Statuses(again, () => desk.now, pino({ level: 'silent' })))).toEqual(both)
  await again.destroy()
  expect(statusesAnswer.safeParse({ statuses: await desk.statuses.ofHousehold(home.id) }).success).toBe(true)
})

test('many at once cost one write: what came meanwhile waits for the next', async () => {
  say('first')
  await desk.statuses.idle()
  desk.queries.splice(0)
  for (let index = 0; index < 200; index++) say(`status ${index}`)
  await desk.statuses.idle()
  expect(desk.queries.filter(({ sql }) => sql.startsWith('insert into "statuses"'))).toHaveLength(1)
  expect(await told()).toEqual([[camera.id, 1, 'status 199']])
})

test('only the household whose camera it is in that epoch has it, and only as long', async () => {
  const other = await desk.home()
  say('stranger', { by: newSigner() })
  say('other home', { householdId: other.id })
  say('old epoch', { epoch: 2 })
  expect(await told()).toEqual([])
  expect(await told(desk.statuses, other)).toEqual([])
  say('mine')
  expect(await told()).toEqual([[camera.id, 1, 'mine']])
  await desk.reset(camera)
  desk.later(4 * DAY)
  await desk.claim(other, camera, 2)
  expect(await told()).toEqual([])
  say('theirs', { epoch: 2, householdId: other.id })
  expect(await told(desk.statuses, other)).toEqual([[camera.id, 2, 'theirs']])
  await desk.release(other, camera, 2)
  expect(await told(desk.statuses, other)).toEqual([])
})

test('one that is too large is not taken; what one answer does not hold is left out, the newest first', async () => {
  expect(say(Buffer.alloc(40 * 1024 + 1))).toBe(false)
  const full = Buffer.alloc(40 * 1024, 'x')
  const cameras = Array.from({ length: 70 }, newSigner)
  for (const by of cameras) {
    await desk.claim(home, by)
    desk.later(1)
    expect(say(full, { by })).toBe(true)
  }
  const statuses = await desk.statuses.ofHousehold(home.id)
  expect(JSON.stringify({ statuses }).length).toBeLessThan(4 * 1024 ** 2)
  expect(statusesAnswer.safeParse({ statuses }).success).toBe(true)
  const newest = cameras.map(({ id }) => id).reverse()
  expect(statuses.map(({ deviceId }) => deviceId)).toEqual(newest.slice(0, statuses.length))
  expect(statuses.length).toBeGreaterThan(50)
}, 60_000)

test('notices are kept for 90 days, newest first, and so many of them', async () => {
  const enter = (most?: number) =>
    notify(desk.database, home.id, { kind: 'held', deviceId: camera.id }, desk.now, most)
  await enter()
  desk.later(90 * DAY)
  await enter()
  expect(await desk.registrar.notices(home.id)).toHaveLength(2)
  desk.later(DAY)
  for (let index = 0; index < 5; index++) {
    desk.later(1)
    await enter(3)
  }
  const notices = await desk.registrar.notices(home.id)
  expect(notices.map(({ at }) => desk.now.getTime() - Date.parse(at))).toEqual([0, 1, 2])
  expect(noticesAnswer.safeParse({ notices }).success).toBe(true)
})
