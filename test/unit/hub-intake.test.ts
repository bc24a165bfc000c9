import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Intake } from '../../deploy/hub/intake.ts'
import { ackKind } from '../../protocol/registrar.ts'
import { readStatement } from '../../protocol/statement.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import { newSigner } from '../support/people.ts'
import { Desk } from '../support/registrar-desk.ts'
import { ClipMessages, openStore } from '../support/stored-clips.ts'

const hubKey = newSigner()
let desk: Desk
beforeAll(async () => {
  desk = await Desk.open()
})
afterAll(() => desk.close())
let sent: { topic: string; ack: string }[] = []
beforeEach(() => {
  sent = []
})

async function makeIntake(options: { room?: number; limits?: { device: number; inAll: number } } = {}) {
  const full = FaultDisk.make({ model: 'ordered', folder: '/data', maxBytes: options.room ?? 2 ** 30 })
  const store = await openStore(full.disk, '/data/clips')
  const intake = new Intake({
    store,
    statuses: desk.statuses,
    rosterNumber: async () => 7,
    hubKey,
    publish: async (topic, ack) => void sent.push({ topic, ack: Buffer.from(ack).toString() }),
    log: pino({ level: 'silent' }),
    ...(options.limits && { limits: options.limits }),
  })
  return { intake, store, full }
}

test('what is on the disk is acknowledged to its camera, by part and hash, under the hub’s key', async () => {
  const { intake } = await makeIntake()
  const clip = new ClipMessages('home')
  for (const part of ClipMessages.PARTS) intake.take(clip.topic(part), clip.message(part))
  intake.take(clip.topic('open'), clip.message('open'))
  await intake.idle()
  expect(sent).toHaveLength(ClipMessages.PARTS.length + 1)
  const payloads = []
  for (const { topic, ack } of sent) {
    expect(topic).toBe(`ownlens/1/${clip.householdId}/1/${clip.deviceId}/ack`)
    payloads.push((await readStatement(ackKind, ack, hubKey.id)).payload)
  }
  const { deviceId, clipId } = clip
  const named = (part: string) => ({ deviceId, clipId, part, sha256: clip.hash(part), roster: 7 })
  expect(payloads).toEqual(expect.arrayContaining(ClipMessages.PARTS.map(named)))
  expect(payloads.filter(({ part }) => part === 'open')).toHaveLength(2)
  expect(intake.bytes).toBe(0)
})

test('what the disk does not take, what is refused and what is no clip gets no word', async () => {
  const { intake, store, full } = await makeIntake({ room: 10 })
  const clip = new ClipMessages('home')
  intake.take(clip.topic('0'), clip.message('0'))
  intake.take(clip.topic('1'), Buffer.from('no part'))
  const device = clip.topic('0').split('/clip/')[0]
  for (const kind of ['alert', 'status', 'gap', 'ack', 'live/x'])
    intake.take(`${device}/${kind}`, Buffer.from('x'))
  intake.take('elsewhere', Buffer.from('x'))
  await intake.idle()
  expect(sent).toEqual([])
  expect(Object.fromEntries(store.refused)).toEqual({ 'store.disk': 1, 'part.frame': 1 })
  full.faults.maxBytes = 2 ** 20
  intake.take(clip.topic('0'), clip.message('0'))
  await intake.idle()
  expect(sent).toHaveLength(1)
})

test('so many bytes wait for the disk and no more, of one camera and of all', async () => {
  const payload = Buffer.alloc(1000)
  const { intake, store } = await makeIntake({ limits: { device: 4000, inAll: 6000 } })
  const [clip, other] = [new ClipMessages('home', 'one'), new ClipMessages('home', 'two')]
  const one = clip.message('0', payload).length
  const waits = Array.from({ length: 5 }, (_, index) =>
    intake.take(clip.topic(String(index)), clip.message(String(index), payload)),
  )
  // From half of its share on a camera is asked to wait; the end of that wait is the end of that part.
  expect(waits.map(wait => wait !== undefined)).toEqual([false, true, true, false, false])
  expect(intake.bytes).toBe(3 * one)
  for (let index = 0; index < 3; index++)
    intake.take(other.topic(String(index)), other.message(String(index), payload))
  expect(intake.bytes).toBeLessThanOrEqual(6000)
  await Promise.all(waits)
  await intake.idle()
  expect(sent).toHaveLength(5)
  expect(Object.fromEntries(store.refused)).toEqual({ 'store.busy': 3 })
  expect(intake.bytes).toBe(0)
  // Later there is room again.
  intake.take(clip.topic('4'), clip.message('4', payload))
  await intake.idle()
  expect(sent).toHaveLength(6)
})
