import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../deploy/hub/database.ts'
import { eraseEvidence } from '../../deploy/hub/evidence.ts'
import { rowsOfHousehold } from '../../deploy/hub/evidence-rows.ts'
import { IncidentDesk } from '../../deploy/incident/desk.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { ANSWER_MS, answerKind, incidentKind, receiptKind } from '../../protocol/incident.ts'
import { noticesAnswer, reportsAnswer } from '../../protocol/registrar.ts'
import { makeStatement, readStatement, statementHash } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'
import type { Home } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { reportOf } from '../support/reporting.ts'
import { anId } from '../support/stored-clips.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

let hub: TestHub
let a: Home
let b: Home
let hall: Camera
let shop: Camera
const data = () => join(hub.folder, 'hub')

beforeAll(async () => {
  hub = await startTestHub()
  ;[a, b] = [await hub.home(), await hub.home()]
  ;[hall, shop] = [await hub.camera(a), await hub.camera(b)]
})
afterAll(() => hub.close())

async function send(home: Home, changed = {}) {
  const body = await reportOf(home, changed)
  return { body, ...(await hub.client.request(home.id, body, home.founder)) }
}

async function reportsOf(home: Home) {
  const { tls } = await hub.member(home)
  return hub.client.getJson(`/households/${home.id}/reports`, tls, reportsAnswer)
}

const desk = async () => new IncidentDesk(await operatorOf(disk, data()))

test('a report is frozen, recorded and receipted with a clock; the same one again gets the same receipt', async () => {
  const { body, receipt } = await send(a, { deviceId: hall.id })
  const { payload } = await readStatement(receiptKind, receipt, 'itself')
  const hash = statementHash(body.report)
  expect(payload.report).toBe(hash)
  expect(Date.parse(payload.answerBy) - Date.parse(payload.receivedAt)).toBe(ANSWER_MS)
  expect(payload.operator).toBe((await operatorOf(disk, data())).signer.id)
  const index = await readFile(join(data(), 'evidence', hash, 'frozen.json'), 'utf8')
  expect(hex(sha256(index))).toBe(payload.frozen)
  for (const { name, sha256: wanted } of JSON.parse(index).files)
    expect(hex(sha256(await readFile(join(data(), 'evidence', hash, name))))).toBe(wanted)
  const home = JSON.parse(await readFile(join(data(), 'evidence', hash, 'home-1.json'), 'utf8'))
  expect(home.householdId).toBe(a.id)
  expect(home.claims.map((claim: { device_id: string }) => claim.device_id)).toEqual([hall.id])
  expect(home.records.length).toBeGreaterThan(1)
  expect((await hub.client.request(a.id, body, a.founder)).receipt).toBe(receipt)
})

test('nobody reports for another home, and no evidence but the signed one is taken', async () => {
  const body = await reportOf(a)
  expect(await codeFrom(hub.client.request(a.id, body, b.founder))).toBe('hub.household')
  expect(await codeFrom(hub.client.request(b.id, body, b.founder))).toBe('statement.signer')
  const other = { ...body, evidence: body.evidence.replace('evidence 1', 'evidence 2') }
  expect(await codeFrom(hub.client.request(a.id, other, a.founder))).toBe('report.evidence')
  expect(await codeFrom(reportsOf({ ...b, id: a.id } as Home))).toBe('enrol.member')
})

test('an incident answers a report; the homes that it concerns are told and see it; others are not', async () => {
  const third = await hub.home()
  await hub.camera(third)
  const { body } = await send(b, { deviceId: shop.id, says: 'another room' })
  const hash = statementHash(body.report)
  const unanswered = (await reportsOf(b)).reports[0]
  expect((await readStatement(answerKind, unanswered?.answer ?? '', 'itself')).payload.incidents).toEqual([])
  const opened = await (await desk()).open({
    title: 'Two homes',
    reports: [hash],
    devices: [hall.id, shop.id],
  })
  for (const home of [a, b]) {
    const { tls } = await hub.member(home)
    const { notices } = await hub.client.getJson(`/households/${home.id}/notices`, tls, noticesAnswer)
    expect(notices.filter(({ kind }) => kind === 'incident')).toHaveLength(1)
    expect((await reportsOf(home)).incidents).toHaveLength(1)
  }
  expect((await reportsOf(third)).incidents).toHaveLength(0)
  const { reports, incidents } = await reportsOf(b)
  const { payload } = await readStatement(answerKind, reports[0]?.answer ?? '', 'itself')
  expect(payload.incidents).toEqual(incidents.map(statementHash))
  const fixed = await (await desk()).update(opened.incidentId, { state: 'fixed', release: '1.2.3' })
  expect(fixed).toMatchObject({ number: 2, title: 'Two homes', release: '1.2.3', reports: [hash] })
  const { words, folder } = await (await desk()).one(opened.incidentId.slice(0, 8))
  expect(words.map(({ payload: word }) => word.state)).toEqual(['open', 'fixed'])
  expect(await readdir(join(data(), folder ?? ''))).toContain('devices.json')
})

test('only the operator speaks on incidents, with a number that grows, on reports that exist', async () => {
  const { signer, hub: client } = await operatorOf(disk, data())
  const at = new Date().toISOString()
  const word = (changed: object) => ({
    ...{ incidentId: 'a'.repeat(26), number: 1, state: 'open' as const, title: 'T', cause: null, fix: null },
    ...{ release: null, devices: [], reports: [], awareAt: at, issuedAt: at, ...changed },
  })
  const say = async (by: typeof signer, changed: object = {}) => {
    const incident = await makeStatement(incidentKind, word(changed), by)
    return codeFrom(client.request(null, { action: 'incident', incident }, by))
  }
  expect(await say(newSigner())).toBe('hub.request')
  expect(await say(signer, { reports: ['f'.repeat(64)] })).toBe('report.unknown')
  expect(await say(signer)).toBeUndefined()
  expect(await say(signer, { title: 'Another' })).toBe('incident.old')
  expect(await say(signer, { number: 2 })).toBeUndefined()
  const forged = await makeStatement(incidentKind, word({ number: 3 }), newSigner())
  expect(await codeFrom(client.request(null, { action: 'incident', incident: forged }, signer))).toBe(
    'statement.signer',
  )
})

test('of all reports those that wait come first, however many were answered since', async () => {
  const { body } = await send(a, { says: 'it waits' })
  const waits = statementHash(body.report)
  const later = await send(b, { says: 'it is answered' })
  const answered = statementHash(later.body.report)
  await (await desk()).open({ title: 'The later one', reports: [answered] })
  const { reports } = await (await desk()).all()
  const isWaiting = reports.map(({ incidents }) => incidents.length === 0)
  expect(isWaiting).toEqual(isWaiting.toSorted((one, other) => Number(other) - Number(one)))
  const hashes = reports.map(({ hash }) => hash)
  expect(hashes.indexOf(waits)).toBeLessThan(hashes.indexOf(answered))
})

test('an answer to a report is a word that names it, not an older one on the same incident', async () => {
  const { incidentId } = await (await desk()).open({ title: 'Something else' })
  const { body } = await send(a, { says: 'this too' })
  const hash = statementHash(body.report)
  await (await desk()).update(incidentId, { reports: [hash] })
  const { reports } = await reportsOf(a)
  const mine = reports.find(({ report }) => statementHash(report) === hash)
  const { payload } = await readStatement(answerKind, mine?.answer ?? '', 'itself')
  const { words } = await (await desk()).one(incidentId)
  expect(words).toHaveLength(2)
  expect(payload.incidents).toHaveLength(1)
})

test('an incident goes on when the home of one of its reports was erased', async () => {
  const home = await hub.home()
  const { body } = await send(home)
  const hash = statementHash(body.report)
  const { incidentId } = await (await desk()).open({ title: 'Of a home that leaves', reports: [hash] })
  const { signer, hub: client } = await operatorOf(disk, data())
  await client.request(null, { action: 'erase', householdId: home.id }, signer)
  const closed = await (await desk()).update(incidentId, { state: 'closed' })
  expect(closed).toMatchObject({ number: 2, state: 'closed', reports: [hash] })
  expect(await codeFrom((await desk()).open({ title: 'New', reports: [hash] }))).toBe('report.unknown')
})

test('what is frozen has a limit, and says how much older there is', async () => {
  const db = await openDatabase(':memory:')
  const householdId = anId('much')
  for (let index = 0; index < 6; index++) {
    const row = { at: '', commitment: '', salt: null, position: null, device_id: null }
    await db
      .insertInto('records')
      .values({ ...row, household_id: householdId, content: 'x'.repeat(2 ** 21) })
      .execute()
  }
  const { records, earlier } = await rowsOfHousehold(db, householdId, [])
  expect([records.length, earlier]).toEqual([4, 2])
  expect(records.map(({ record_id }) => record_id)).toEqual([3, 4, 5, 6])
  await db.destroy()
})

test('what was frozen of a home can be erased, and what was frozen of others stays', async () => {
  const copy = await mkdtemp(join(hub.folder, 'copy-'))
  await cp(join(data(), 'evidence'), copy, { recursive: true })
  const text = async () => {
    const files = await readdir(copy, { recursive: true, withFileTypes: true })
    const read = files
      .filter(file => file.isFile())
      .map(file => readFile(join(file.parentPath, file.name), 'utf8'))
    return (await Promise.all(read)).join('\n')
  }
  expect(await text()).toContain(a.id)
  // One that is damaged does not save the others; whose it is nobody can tell any more.
  const torn = join(copy, (await readdir(copy))[0] ?? '', 'home-99.json')
  await writeFile(torn, `{"householdId":"${b.id.slice(0, 20)}`)
  await eraseEvidence(disk, copy, a.id)
  await expect(readFile(torn)).rejects.toThrow('ENOENT')
  expect(await text()).not.toContain(a.id)
  expect(await text()).toContain(b.id)
})

test('a home reports twenty times a day; one that has filled its share has its reports kept, and nothing more', async () => {
  const home = await hub.home()
  const files = async ({ receipt }: { receipt: string }) => {
    const { report } = (await readStatement(receiptKind, receipt, 'itself')).payload
    const index = await readFile(join(data(), 'evidence', report, 'frozen.json'), 'utf8')
    const { files: frozen, isCut } = JSON.parse(index) as { files: { name: string }[]; isCut: boolean }
    return { names: frozen.map(({ name }) => name), isCut }
  }
  expect(await files(await send(home))).toMatchObject({ names: expect.arrayContaining(['home-1.json']) })
  const database = await openDatabase(join(data(), 'registrar.db'))
  const filled = { frozen_bytes: 256 * 1024 ** 2 }
  await database.updateTable('reports').set(filled).where('household_id', '=', home.id).execute()
  await database.destroy()
  const cut = await files(await send(home, { says: 'once more' }))
  expect(cut).toEqual({ names: ['report.jws', 'evidence.json'], isCut: true })
  for (let count = 2; count < 20; count++) await send(home, { says: `${count}` })
  expect(await codeFrom(send(home, { says: 'the one too many' }))).toBe('hub.limit')
})
