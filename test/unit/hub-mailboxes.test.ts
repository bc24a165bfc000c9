import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Allowance } from '../../deploy/hub/allowance.ts'
import { openDatabase } from '../../deploy/hub/database.ts'
import { Mailboxes } from '../../deploy/hub/mailboxes.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { mailboxOf, revealKind } from '../../protocol/pairing.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import type { Home } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { readsThrough } from '../support/query-plans.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

const MINUTE = 60_000
let desk: Desk
let home: Home
let mailbox: string
let camera: Signer
beforeEach(async () => {
  desk = await Desk.open()
  home = await desk.home()
  mailbox = mailboxOf(randomBytes(16))
  camera = newSigner()
})
afterEach(() => desk.close())

const invite = (box = mailbox, by = home) => desk.send(by.root, by.id, { action: 'invite', mailbox: box })
const look = (by = home, signer = by.root) => desk.send(signer, by.id, { action: 'mailbox', mailbox })
const knock = (by = camera) => desk.send(by, null, { action: 'knock', mailbox })
const give = (half: string, by = camera) => desk.send(by, null, { action: 'half', mailbox, half, idevid: [] })
const decline = (by = home) => desk.send(by.root, by.id, { action: 'decline', mailbox })
const claim = (text: string, by = home, root = by.root) =>
  desk.send(root, by.id, { action: 'claim', claim: text })
const revealOf = (half: string, { root = home.root, householdId = home.id } = {}) =>
  makeStatement(revealKind, { householdId, half: statementHash(half), nonce: base32(randomBytes(16)) }, root)
const show = (reveal: string, by = home) => desk.send(by.root, by.id, { action: 'reveal', mailbox, reveal })
const later = (minutes: number) => {
  desk.now = new Date(desk.now.getTime() + minutes * MINUTE)
}

test('a whole pairing: code, half, reveal, claim', async () => {
  const { until } = await invite()
  expect(Date.parse(until) - desk.now.getTime()).toBe(10 * MINUTE)
  const before = { householdId: home.id, roster: home.first, successions: [], reveal: null, claim: null }
  expect(await knock()).toEqual(before)
  expect(await look()).toEqual({ half: null, rivals: 0, closed: false })
  const half = await home.half(camera, 1)
  expect(await give(half)).toEqual({ ok: true })
  expect(await look()).toEqual({ half, rivals: 0, closed: false })
  const reveal = await revealOf(half)
  await show(reveal)
  expect(await knock()).toEqual({ ...before, reveal })
  const text = await home.claim(camera, 1, { half })
  await claim(text)
  expect(await look()).toEqual({ half, rivals: 0, closed: true })
  // Long after its ten minutes the camera still gets what it missed; nobody else gets anything.
  later(23 * 60)
  expect(await knock()).toEqual({ ...before, reveal, claim: text })
  expect(await give(half)).toEqual({ ok: true })
  expect(await codeFrom(knock(newSigner()))).toBe('pair.closed')
})

test('a hub that restarts in the middle has lost nothing', async () => {
  await invite()
  const half = await home.half(camera, 1)
  await give(half)
  const reveal = await revealOf(half)
  await show(reveal)
  const again = await openDatabase(join(desk.folder, 'registrar.db'))
  const mailboxes = new Mailboxes(again, () => desk.now)
  expect(await mailboxes.look(home.id, mailbox)).toEqual({ half, rivals: 0, closed: false })
  expect(await mailboxes.knock(camera.id, mailbox)).toEqual({ householdId: home.id, reveal, claim: null })
  await again.destroy()
})

describe('a mailbox', () => {
  test('is open for ten minutes', async () => {
    await invite()
    const half = await home.half(camera, 1)
    later(9.99)
    await give(half)
    await show(await revealOf(half))
    later(0.01)
    for (const asked of [() => knock(), () => look(), () => invite(), () => give(half)])
      expect(await codeFrom(asked())).toBe('pair.expired')
    expect(await codeFrom(show(await revealOf(half)))).toBe('pair.expired')
  })

  test('that is given up is closed to all', async () => {
    await invite()
    const half = await home.half(camera, 1)
    await give(half)
    await decline()
    await decline()
    expect(await look()).toEqual({ half, rivals: 0, closed: true })
    for (const asked of [() => knock(), () => knock(newSigner()), () => give(half), () => invite()])
      expect(await codeFrom(asked())).toBe('pair.closed')
    expect(await codeFrom(show(await revealOf(half)))).toBe('pair.closed')
  })

  test('that was never opened is unknown', async () => {
    const half = await home.half(camera, 1)
    for (const asked of [() => knock(), () => look(), () => give(half), () => decline()])
      expect(await codeFrom(asked())).toBe('pair.unknown')
  })

  test('is forgotten a day after it has closed', async () => {
    await invite()
    later(24 * 60 + 11)
    const other = mailboxOf(randomBytes(16))
    await invite(other)
    expect(await codeFrom(knock())).toBe('pair.unknown')
    const rows = await desk.database.selectFrom('mailboxes').select('mailbox_id').execute()
    expect(rows).toEqual([{ mailbox_id: other }])
  })

  test('of another household is neither opened, read nor written, and looks like none', async () => {
    const other = await desk.home()
    await invite()
    const half = await home.half(camera, 1)
    await give(half)
    // A used one of one's own is answered in the same way.
    expect(await codeFrom(invite(mailbox, other))).toBe('pair.closed')
    expect(await codeFrom(look(other))).toBe('pair.unknown')
    expect(await codeFrom(decline(other))).toBe('pair.unknown')
    const reveal = await revealOf(half, { root: other.root, householdId: other.id })
    expect(await codeFrom(show(reveal, other))).toBe('pair.unknown')
    expect(await look()).toEqual({ half, rivals: 0, closed: false })
  })

  test('belongs to the root alone', async () => {
    await invite()
    expect(await codeFrom(look(home, home.founder))).toBe('hub.household')
    expect(await codeFrom(look(home, camera))).toBe('hub.household')
    expect(await codeFrom(desk.send(home.root, null, { action: 'mailbox', mailbox }))).toBe('hub.request')
    expect(await codeFrom(desk.send(camera, home.id, { action: 'knock', mailbox }))).toBe('hub.household')
    expect(await codeFrom(desk.send(home.root, home.id, { action: 'knock', mailbox }))).toBe('hub.request')
  })

  test('eight may be open at a time', async () => {
    const first = await invite()
    for (let index = 1; index < 8; index++) await invite(mailboxOf(randomBytes(16)))
    const ninth = mailboxOf(randomBytes(16))
    expect(await codeFrom(invite(ninth))).toBe('hub.limit')
    // One that is open already is no ninth.
    expect(await invite()).toEqual(first)
    await invite(ninth, await desk.home())
    await decline()
    await invite(mailboxOf(randomBytes(16)))
    expect(await codeFrom(invite(mailboxOf(randomBytes(16))))).toBe('hub.limit')
    later(10)
    await invite(mailboxOf(randomBytes(16)))
  })
})

describe('a half', () => {
  test('of another camera comes too late and is counted, each camera once', async () => {
    await invite()
    const half = await home.half(camera, 1)
    await give(half)
    await give(half)
    const [one, two] = [newSigner(), newSigner()]
    for (const rival of [one, one, two])
      expect(await codeFrom(give(await home.half(rival, 1), rival))).toBe('pair.taken')
    expect(await look()).toEqual({ half, rivals: 2, closed: false })
    // The camera itself with another half is no rival, but the first one stays.
    expect(await codeFrom(give(await home.half(camera, 1)))).toBe('pair.taken')
    expect(await look()).toEqual({ half, rivals: 2, closed: false })
    await show(await revealOf(half))
    expect((await knock(one)).reveal).toBeNull()
  })

  test('at most so many rivals are told apart', async () => {
    await invite()
    await give(await home.half(camera, 1))
    for (let index = 0; index < 18; index++) {
      const rival = newSigner()
      expect(await codeFrom(give(await home.half(rival, 1), rival))).toBe('pair.taken')
    }
    expect((await look()).rivals).toBe(16)
  })

  test('of two at once exactly one gets in', async () => {
    await invite()
    const cameras = Array.from({ length: 4 }, newSigner)
    const halves = await Promise.all(cameras.map(one => home.half(one, 1)))
    const answers = await Promise.all(cameras.map((one, index) => codeFrom(give(halves[index] ?? '', one))))
    expect(answers.filter(answer => answer === undefined)).toHaveLength(1)
    expect(await look()).toEqual({ half: halves[answers.indexOf(undefined)], rivals: 3, closed: false })
  })

  test('is signed by the camera that sends it, for this household, its root and the epochs that stand', async () => {
    const other = await desk.home()
    await desk.claim(home, camera, 3, 0)
    await invite()
    expect(await codeFrom(give(await home.half(newSigner(), 1)))).toBe('statement.signer')
    expect(await codeFrom(give(await other.half(camera, 4)))).toBe('claim.half')
    expect(await codeFrom(give(await home.half(camera, 4, { root: other.root })))).toBe('claim.half')
    for (const [epoch, registrarEpoch] of [
      [4, 0],
      [4, 2],
      [5, 4],
      [3, 3],
      [2, 3],
      [3, 2],
    ] as const)
      expect(await codeFrom(give(await home.half(camera, epoch, { registrarEpoch })))).toBe('claim.epoch')
    expect(await codeFrom(give('a.b.c'))).toBe('statement.kind')
    expect(await codeFrom(give(home.first))).toBe('statement.kind')
    expect((await look()).half).toBeNull()
    await give(await home.half(camera, 9, { registrarEpoch: 3 }))
  })

  test('of the claim that stands comes again for a repair, also after a succession', async () => {
    const half = await home.half(camera, 1)
    const text = await home.claim(camera, 1, { half })
    await claim(text)
    await invite()
    await give(half)
    expect((await knock()).claim).toBeNull()
    await claim(text)
    expect((await knock()).claim).toBe(text)

    const root = newSigner()
    const successions = [await home.succession(root)]
    const roster = await home.roster({ number: 2, prev: home.first, root, generation: 1 })
    await desk.send(root, home.id, { action: 'roster', roster, successions })
    mailbox = mailboxOf(randomBytes(16))
    await desk.send(root, home.id, { action: 'invite', mailbox })
    await give(half)
    await claim(text, home, root)
    expect(await knock()).toEqual({ householdId: home.id, roster, successions, reveal: null, claim: text })
    expect(await codeFrom(claim(await home.claim(newSigner(), 1), home, root))).toBe('statement.signer')
  })
})

test('a reveal is the root’s, of this household, of the half that is there, and the first one stays', async () => {
  const other = await desk.home()
  await invite()
  const half = await home.half(camera, 1)
  expect(await codeFrom(show(await revealOf(half)))).toBe('pair.other')
  await give(half)
  expect(await codeFrom(show(await revealOf(half, { root: other.root })))).toBe('statement.signer')
  expect(await codeFrom(show(await revealOf(half, { householdId: other.id })))).toBe('claim.household')
  expect(await codeFrom(show(await revealOf(await home.half(camera, 1))))).toBe('pair.other')
  expect((await knock()).reveal).toBeNull()
  const reveal = await revealOf(half)
  await show(reveal)
  await show(reveal)
  expect(await codeFrom(show(await revealOf(half)))).toBe('pair.closed')
  expect((await knock()).reveal).toBe(reveal)
})

test('a repair lifts a hold: the person has looked at the camera', async () => {
  const half = await home.half(camera, 1)
  const text = await home.claim(camera, 1, { half })
  await claim(text)
  const enrol = (counter: number) => desk.enrol(camera, { householdId: home.id, epoch: 1, counter })
  await enrol(5)
  expect(await codeFrom(enrol(5))).toBe('enrol.held')
  // The claim again without a camera before it says nothing.
  await claim(text)
  expect(await codeFrom(enrol(5))).toBe('enrol.held')
  await invite()
  await give(half)
  await claim(text)
  expect(await codeFrom(enrol(4))).toBeUndefined()
})

test('a poll is a few look-ups by key, and no query of pairing or ownership reads through a table', async () => {
  const other = await desk.home()
  await invite()
  const half = await home.half(camera, 1)
  await give(half)
  desk.queries.splice(0)
  await knock()
  await look()
  const polls = desk.queries.map(({ sql }) => sql)
  expect(polls).toHaveLength(5)
  for (const query of polls) expect(query).toMatch(/^select/)
  await show(await revealOf(half))
  const rival = newSigner()
  expect(await codeFrom(give(await home.half(rival, 1), rival))).toBe('pair.taken')
  await claim(await home.claim(camera, 1, { half }))
  await knock()
  await invite(mailboxOf(randomBytes(16)))
  await decline().catch(() => undefined)
  await desk.send(camera, null, { action: 'device' })
  await desk.reset(camera)
  await desk.send(home.root, home.id, { action: 'object', deviceId: camera.id })
  await desk.send(home.root, home.id, { action: 'confirm', deviceId: camera.id })
  await desk.send(home.root, home.id, { action: 'block', block: await home.block(1, [[camera, 1]]) })
  await desk.send(home.root, home.id, { action: 'move', move: await home.move(1, 'https://x.example') })
  await desk.send(home.successor, null, { action: 'heir' })
  await desk.release(home, camera)
  await desk.claim(other, camera, 3)
  await desk.registrar.notices(home.id)
  desk.statuses.take({ householdId: home.id, epoch: 1, deviceId: camera.id }, new Uint8Array(1))
  await desk.statuses.ofHousehold(home.id)
  const { scans, queries } = await readsThrough(desk)
  expect(queries).toBeGreaterThan(30)
  expect(scans).toEqual([])
})

test('one claim closes the mailbox that holds its half and no other', async () => {
  await invite()
  const half = await home.half(camera, 1)
  await give(half)
  await desk.claim(home, newSigner())
  expect((await look()).closed).toBe(false)
  // Refused, it closes nothing.
  await desk.claim(home, camera, 1)
  expect(await codeFrom(claim(await home.claim(camera, 1, { half })))).toBe('claim.epoch')
  expect((await look()).closed).toBe(false)
})

test('who is of no household asks so often, each key for itself; so does a household for invitations', async () => {
  await desk.close()
  const few = () => new Allowance({ burst: 3, everyMs: 1e9, keysMax: 10 })
  desk = await Desk.open({ strangers: few(), invitations: few() })
  home = await desk.home()
  await invite()
  for (let index = 0; index < 2; index++) {
    await knock()
    await invite()
  }
  await knock()
  expect(await codeFrom(knock())).toBe('hub.busy')
  expect(await codeFrom(invite())).toBe('hub.busy')
  await knock(newSigner())
  await look()
})

test('replayed, or meant for another hub, a knock is refused; so is one that is too large', async () => {
  await invite()
  const jws = await desk.sign(camera, null, { action: 'knock', mailbox })
  await desk.registrar.request(jws)
  expect(await codeFrom(desk.registrar.request(jws))).toBe('hub.nonce')
  const elsewhere = await Desk.open()
  const body = { action: 'knock', mailbox } as const
  const foreign = await elsewhere.sign(camera, null, body, desk.nonces.make(camera.id))
  expect(await codeFrom(desk.registrar.request(foreign))).toBe('hub.request_ca')
  await elsewhere.close()
  const half = await home.half(camera, 1)
  const large = {
    action: 'half',
    mailbox,
    half,
    idevid: Array.from({ length: 3 }, () => 'AAAA'.repeat(1000)),
  }
  const signed = await desk.sign(camera, null, large as never)
  expect(signed.length).toBeGreaterThan(16 * 1024)
  expect(await codeFrom(desk.registrar.request(signed))).toBe('statement.size')
})
