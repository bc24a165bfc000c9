import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditLog } from '../../log/audit/audit.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import type { Home } from '../support/hub-people.ts'
import { TestMaker, TestSigner, type TestStation } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'
import { layLog } from '../support/told-log.ts'

const HOUR = 3_600_000
let desk: Desk
let maker: TestMaker
let station: TestStation
beforeEach(async () => {
  maker = await TestMaker.make()
  station = await maker.station()
  desk = await Desk.open({ makerRoot: maker.root })
  const word = await maker.says('station', station.signer.id, 1)
  await desk.send(maker.signer, null, { action: 'station', station: word })
})
afterEach(() => desk.close())

/** Looks at what the registrar has recorded, as somebody who has the log and all records. */
async function audit() {
  const rows = await desk.database
    .selectFrom('records')
    .select(['at', 'salt', 'content'])
    .orderBy('record_id')
    .execute()
  const folder = join(desk.folder, base32(randomBytes(16)))
  const kept = rows.map(({ at, salt, content }) => ({ at, salt: salt ?? '', content: content ?? '' }))
  const { log, records } = await layLog(folder, kept)
  const { size, root } = log
  return auditLog(disk, folder, { size, root }, { records, makerRoot: maker.root })
}

async function register(serial: string, board: Signer, offline = false): Promise<void> {
  const registration = await station.registration(serial, board)
  await desk.send(station.signer, null, {
    action: 'register',
    registration,
    chain: [...station.chain],
    offline,
  })
}
const release = async (home: Home, camera: Signer, epoch: number) => desk.release(home, camera, epoch)
const block = async (home: Home, ...order: Parameters<Home['block']>) =>
  desk.send(home.root, home.id, { action: 'block', block: await home.block(...order) })
const order = async (by: TestSigner, devices: readonly Signer[], blocked: boolean) =>
  desk.send(by.signer, null, {
    action: 'maker-block',
    block: await by.order(devices, { blocked }),
    second: null,
  })

test('what a registrar does for honest people, an audit finds right', async () => {
  const [one, two] = [await desk.home(), await desk.home()]
  const [a, b] = [newSigner(), newSigner()]
  await register('OL-1', a)
  await register('OL-2', b)
  await desk.claim(one, a)
  await desk.claim(one, b)
  const boot = base32(randomBytes(16))
  await desk.enrol(one.founder, { householdId: one.id })
  for (const counter of [1, 2]) await desk.enrol(a, { householdId: one.id, epoch: 1, counter, boot })
  await desk.enrol(a, { householdId: one.id, epoch: 1, counter: 3 })
  await desk.enrol(b, { householdId: one.id, epoch: 1 })
  // A card set back: held, and confirmed.
  expect(await codeFrom(desk.enrol(a, { householdId: one.id, epoch: 1, counter: 2 }))).toBe('enrol.held')
  await desk.send(one.root, one.id, { action: 'confirm', deviceId: a.id })
  await desk.enrol(a, { householdId: one.id, epoch: 1, counter: 3 })
  await block(one, 1, [[a, 1]])
  expect(await codeFrom(desk.enrol(a, { householdId: one.id, epoch: 1, counter: 4 }))).toBe('enrol.blocked')
  await block(one, 2, [[a, 1]], { blocked: false })
  await desk.enrol(a, { householdId: one.id, epoch: 1, counter: 5 })
  await release(one, a, 1)
  await desk.claim(two, a, 3, 2)
  await desk.reset(b)
  desk.later(72 * HOUR)
  await desk.claim(two, b, 2)
  await desk.enrol(b, { householdId: two.id, epoch: 2 })
  const signer = new TestSigner()
  const word = await maker.says('signer', signer.signer.id, 1)
  await desk.send(maker.signer, null, { action: 'signer', signer: word })
  await order(signer, [b], true)
  await order(signer, [b], false)
  await desk.enrol(b, { householdId: two.id, epoch: 2, counter: 2 })
  const audited = await audit()
  expect(audited.findings).toEqual([])
  expect(audited.opened).toBe(26)
})

test('one serial on two boards, and one key on two, are found in what it recorded', async () => {
  const home = await desk.home()
  const [a, b] = [newSigner(), newSigner()]
  await register('OL-1', a)
  await register('OL-1', b, true)
  await maker.word('OL-1', a, 1).then(serial => desk.send(maker.signer, null, { action: 'serial', serial }))
  await desk.claim(home, a)
  const boots = [base32(randomBytes(16)), base32(randomBytes(16))]
  const turn = (which: number, counter: number) =>
    codeFrom(desk.enrol(a, { householdId: home.id, epoch: 1, counter, boot: boots[which] ?? '' }))
  expect([await turn(0, 1), await turn(1, 2), await turn(0, 3)]).toEqual([
    undefined,
    undefined,
    'enrol.cloned',
  ])
  const { findings } = await audit()
  expect(findings.map(({ kind, devices, certain }) => ({ kind, devices, certain }))).toEqual([
    { kind: 'board', devices: [a.id], certain: true },
    { kind: 'serial', devices: [a.id, b.id], certain: true },
  ])
})

test('what is put into its database behind its back is found', async () => {
  const [one, two] = [await desk.home(), await desk.home()]
  const camera = newSigner()
  await register('OL-1', camera)
  await desk.claim(one, camera)
  // Whoever holds the database gives the camera to another home, as if it had been released.
  await desk.database.updateTable('devices').set({ household_id: '', epoch: 1 }).execute()
  await desk.claim(two, camera, 3, 2)
  const { findings } = await audit()
  expect(findings.map(({ kind, households }) => ({ kind, households }))).toEqual([
    { kind: 'claim', households: [two.id] },
    { kind: 'taken', households: [one.id, two.id] },
  ])
})
