import { afterEach, beforeEach, expect, test } from 'vitest'
import { commit } from '../../log/commitment.ts'
import { recordContent } from '../../protocol/record.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

let desk: Desk
beforeEach(async () => {
  desk = await Desk.open()
})
afterEach(() => desk.close())

const rows = () => desk.database.selectFrom('records').selectAll().orderBy('record_id').execute()
const kinds = async () =>
  (await rows()).map(({ content }) => recordContent.parse(JSON.parse(content ?? '')).kind)

test('every change is written down, with whose it is, under a commitment of its own', async () => {
  const home = await desk.home()
  const camera = newSigner()
  await desk.claim(home, camera)
  await desk.enrol(camera, { householdId: home.id, epoch: 1 })
  await desk.reset(camera)
  await desk.release(home, camera)
  expect(await kinds()).toEqual(['household', 'claim', 'enrolment', 'reset', 'release'])
  const found = await rows()
  for (const { salt, content, commitment, household_id } of found) {
    expect(household_id).toBe(home.id)
    expect(commit(Buffer.from(salt ?? '', 'base64url'), content ?? '')).toBe(commitment)
  }
  expect(new Set(found.map(({ salt }) => salt)).size).toBe(found.length)
  expect(found.map(({ device_id }) => device_id)).toEqual([null, ...Array(4).fill(camera.id)])
})

test('what changes nothing is not written down', async () => {
  const home = await desk.home()
  const camera = newSigner()
  await desk.claim(home, camera)
  await desk.release(home, camera)
  const before = await kinds()
  await desk.release(home, camera)
  expect(await codeFrom(desk.claim(home, camera, 1, 0))).toBe('claim.epoch')
  expect(await codeFrom(desk.enrol(camera, { householdId: home.id, epoch: 1 }))).toBe('enrol.claim')
  expect(await kinds()).toEqual(before)
})

test('a camera that is held says so once, however often it asks', async () => {
  const home = await desk.home()
  const camera = newSigner()
  await desk.claim(home, camera)
  await desk.enrol(camera, { householdId: home.id, epoch: 1, counter: 7 })
  for (let turn = 0; turn < 3; turn++)
    expect(await codeFrom(desk.enrol(camera, { householdId: home.id, epoch: 1, counter: 7 }))).toBe(
      'enrol.held',
    )
  const verdicts = (await rows()).flatMap(({ content }) => {
    const read = recordContent.parse(JSON.parse(content ?? ''))
    return read.kind === 'enrolment' ? [read.verdict] : []
  })
  expect(verdicts).toEqual(['fresh', 'held'])
})
