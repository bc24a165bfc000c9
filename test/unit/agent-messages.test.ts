import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ALERT_PICTURE_MAX, sealAlert } from '../../agent/alert.ts'
import type { Household } from '../../agent/household.ts'
import { Outbox } from '../../agent/outbox.ts'
import { StatusReport } from '../../agent/status.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { LogPosition } from '../../protocol/log.ts'
import { alertKind, type Status, statusKind } from '../../protocol/messages.ts'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { openStatement } from '../../protocol/sealed.ts'
import { disk } from '../../storage/disk.ts'
import { type Family, makeFamily, newNonce } from '../support/agent-family.ts'
import { CLOCK } from '../support/agent-scene.ts'
import { temporaryFolder } from '../support/places.ts'

let data: string
let remove: () => Promise<void>
let family: Family
let household: Household

beforeEach(async () => {
  const made = await temporaryFolder()
  data = made.path
  remove = made.remove
  family = await makeFamily()
  household = await family.joined(disk, data)
})
afterEach(() => remove())

const identities = () => family.people[0]?.identities ?? []
const CONTENT = { clipId: 'd'.repeat(26), counter: 3, boot: newNonce(), at: new Date(CLOCK.now()), faces: 2 }

test('an alert is signed inside and says who was seen, when and in which clip', async () => {
  const picture = randomBytes(9000)
  const sealed = await sealAlert({ ...CONTENT, picture }, household.membership(), family.device)
  const { payload } = await openStatement(alertKind, sealed, identities(), family.device.id)
  const { at, faces, ...same } = CONTENT
  expect(payload).toEqual({
    ...household.membership().envelope,
    ...same,
    at: at.toISOString(),
    faces,
    trigger: 'face',
    names: [],
    thumbnail: picture.toString('base64'),
  })
})

test('its length says next to nothing, and it always fits a message', async () => {
  const large = await makeFamily({ suite: 'hybrid', size: 16 })
  const member = (await large.joined(disk, data)).membership()
  const lengths = new Set<number>()
  for (let bytes = 0; bytes <= ALERT_PICTURE_MAX; bytes += 2048) {
    const picture = bytes === 0 ? undefined : randomBytes(bytes)
    lengths.add((await sealAlert({ ...CONTENT, picture }, member, large.device)).length)
  }
  // Seven buckets, however large the picture.
  expect(lengths.size).toBeLessThanOrEqual(7)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(MESSAGE_MAX)
})

test('a picture that is too large is left out, and no more than 64 faces are counted', async () => {
  const picture = randomBytes(ALERT_PICTURE_MAX + 1)
  const sealed = await sealAlert({ ...CONTENT, faces: 300, picture }, household.membership(), family.device)
  const { payload } = await openStatement(alertKind, sealed, identities(), family.device.id)
  expect([payload.thumbnail, payload.faces]).toEqual([null, 64])
})

/** A report that is sent to a list; the signal ends it. */
async function report(
  log: { position: LogPosition | null; trouble: string | null } = { position: null, trouble: null },
): Promise<{ status: StatusReport; sent: Status[]; stop: () => Promise<void> }> {
  const outbox = await Outbox.open(disk, data, { maxBytes: 2 ** 20, lost: async () => undefined })
  const parts = {
    household,
    outbox,
    signer: family.device,
    boot: newNonce(),
    clock: CLOCK,
    name: 'Hall',
    log,
  }
  const status = new StatusReport(parts)
  const sent: Status[] = []
  const stop = new AbortController()
  const running = status.run(
    async sealed => {
      sent.push((await openStatement(statusKind, sealed, identities(), family.device.id)).payload)
    },
    { signal: stop.signal },
  )
  running.catch(() => undefined)
  return {
    status,
    sent,
    async stop() {
      stop.abort(new Error('stopped'))
      await expect(running).rejects.toThrow('stopped')
    },
  }
}

test('the status comes at once and when something changes, numbered, with what was refused', async () => {
  const { status, sent, stop } = await report()
  await expect.poll(() => sent.length).toBe(1)
  expect(sent[0]).toMatchObject({
    counter: 1,
    name: 'Hall',
    camera: 'ok',
    fault: null,
    refused: {},
    roster: 1,
  })
  for (const code of ['ack.other', 'ack.other', 'part.hash'] as const) status.refuse(new OwnlensError(code))
  status.refuse(new TypeError('nobody expected this'))
  status.camera('camera.lost')
  await expect.poll(() => sent.length).toBe(2)
  expect(sent[1]).toMatchObject({ counter: 2, camera: 'fault', fault: 'camera.lost' })
  expect(sent[1]?.refused).toEqual({ 'ack.other': 2, 'part.hash': 1, unexpected: 1 })
  // The same again is no news.
  status.camera('camera.lost')
  status.camera(null, true)
  await expect.poll(() => sent.at(-1)?.camera).toBe('ok')
  expect(sent.at(-1)).toMatchObject({ counter: 3, microphone: true })
  await stop()
})

test('how far the log was followed is told, and what it is refused for behind what is worse', async () => {
  const position = { size: 3, root: Buffer.alloc(32, 7).toString('base64') }
  const { status, sent, stop } = await report({ position, trouble: 'log.back' })
  await expect.poll(() => sent.length).toBe(1)
  expect(sent[0]).toMatchObject({ camera: 'ok', fault: 'log.back', log: position })
  status.trouble('enrol.held')
  await expect.poll(() => sent.at(-1)?.fault).toBe('enrol.held')
  await stop()
})

test('a roster that was taken is told at once', async () => {
  const { status, sent, stop } = await report()
  await expect.poll(() => sent.length).toBe(1)
  const first = JSON.parse(await readFile(join(data, 'household.json'), 'utf8')).roster
  const second = await family.roster({ number: 2, after: first })
  await household.takeRoster(second, [])
  status.changed()
  await expect.poll(() => sent.at(-1)?.roster).toBe(2)
  await stop()
})
