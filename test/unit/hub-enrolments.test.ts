import { createPrivateKey } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Allowance } from '../../deploy/hub/allowance.ts'
import { base32, sha256 } from '../../protocol/ids.ts'
import { type Signer, signerOf } from '../../protocol/keys.ts'
import { makeTlsRequest } from '../../wire/tls.ts'
import type { Home } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { readsThrough } from '../support/query-plans.ts'
import { codeFrom, Desk, type EnrolmentWishes } from '../support/registrar-desk.ts'
import { anId } from '../support/stored-clips.ts'

const HOUR = 3600_000
const liveMax = 5
let desk: Desk
let home: Home
let camera: Signer
beforeEach(async () => {
  desk = await Desk.open({ liveMax })
  home = await desk.home()
  camera = newSigner()
  await desk.claim(home, camera)
})
afterEach(() => desk.close())

const boot = (text: string) => base32(sha256(text)).slice(0, 26)
const device = (wishes: Partial<EnrolmentWishes> = {}, signer = camera) =>
  desk.enrol(signer, { householdId: home.id, epoch: 1, ...wishes })

describe('a device', () => {
  test('gets a certificate for its own household and epoch, and the one before counts no more', async () => {
    const first = await device()
    expect(first.subject).toBe(`CN=${camera.id}`)
    expect(await desk.counts(first)).toBe(true)
    desk.changed.length = 0
    const second = await device({ counter: 2 })
    expect(desk.changed).toEqual([camera.id])
    expect([await desk.counts(first), await desk.counts(second)]).toEqual([false, true])
  })

  test('gets none for what no claim says', async () => {
    expect(await codeFrom(device({ epoch: 2 }))).toBe('enrol.claim')
    expect(await codeFrom(device({ householdId: anId('elsewhere') }))).toBe('enrol.claim')
    expect(await codeFrom(device({}, newSigner()))).toBe('enrol.claim')
    const next = await desk.home()
    await desk.release(home, camera)
    await desk.claim(next, camera, 3)
    expect(await codeFrom(device())).toBe('enrol.claim')
    expect(await codeFrom(device({ householdId: next.id, epoch: 1 }))).toBe('enrol.claim')
    await device({ householdId: next.id, epoch: 3 })
  })

  test('is answered in the same way when the answer was lost', async () => {
    const { csr, statement } = await desk.enrolment(camera, { householdId: home.id, epoch: 1 })
    const first = await desk.registrar.enrol(csr, statement)
    desk.changed.length = 0
    const again = await desk.registrar.enrol(csr, statement)
    expect(Buffer.from(again).equals(first)).toBe(true)
    expect(desk.changed).toEqual([])
    expect(await desk.counts(desk.certificate(again))).toBe(true)
    // Not when another came since: that would be a way back.
    await device({ counter: 2 })
    expect(await codeFrom(desk.registrar.enrol(csr, statement))).toBe('hub.nonce')
  })

  test('is held when a used counter comes with another request: what it has ends, and its home is told once', async () => {
    const first = await device({ counter: 5 })
    desk.changed.length = 0
    expect(await codeFrom(device({ counter: 5 }))).toBe('enrol.held')
    expect([await desk.counts(first), desk.changed]).toEqual([false, [camera.id]])
    // From now on no counter helps, until somebody has looked.
    expect(await codeFrom(device({ counter: 6 }))).toBe('enrol.held')
    expect(await codeFrom(device({ counter: 4 }))).toBe('enrol.held')
    expect(desk.changed).toEqual([camera.id])
    const notices = await desk.registrar.notices(home.id)
    expect(notices.map(({ kind, deviceId }) => [kind, deviceId])).toEqual([['held', camera.id]])
  })

  test('whose double holds it comes back, is seen beside the other, and neither gets anything any more', async () => {
    const [one, two] = [{ boot: boot('one') }, { boot: boot('two') }]
    const first = await device({ counter: 5, ...one })
    expect(await codeFrom(device({ counter: 5, ...two }))).toBe('enrol.held')
    expect(await desk.counts(first)).toBe(false)
    expect(await codeFrom(device({ counter: 6, ...one }))).toBe('enrol.cloned')
    const notices = await desk.registrar.notices(home.id)
    expect(notices.map(({ kind }) => kind).sort()).toEqual(['cloned', 'held'])
  })

  test('that is held is not even given a lost answer again', async () => {
    const request = await makeTlsRequest(camera.id)
    const one = { boot: boot('one') }
    await device({ request, counter: 5, ...one })
    expect(await codeFrom(device({ counter: 4, ...one }))).toBe('enrol.held')
    expect(await codeFrom(device({ request, counter: 5, ...one }))).toBe('enrol.held')
  })

  test('may skip counters; a lower one is held', async () => {
    await device({ counter: 1000 })
    await device({ counter: 1001 })
    expect(await codeFrom(device({ counter: 999 }))).toBe('enrol.held')
  })

  test('at once with the same counter gets one certificate', async () => {
    const wishes = { householdId: home.id, epoch: 1 }
    const both = [await desk.enrolment(camera, wishes), await desk.enrolment(camera, wishes)]
    const answers = await Promise.all(
      both.map(({ csr, statement }) => codeFrom(desk.registrar.enrol(csr, statement))),
    )
    // Either was overtaken by the other, or has a number that is used.
    expect(answers.filter(code => code === undefined)).toHaveLength(1)
    expect(answers.filter(code => code === 'enrol.held' || code === 'hub.nonce')).toHaveLength(1)
  })

  test('may send its request again with a statement of its own', async () => {
    const request = await makeTlsRequest(camera.id)
    const first = await device({ request })
    desk.changed.length = 0
    const again = await device({ request })
    expect(again.serialNumber).toBe(first.serialNumber)
    expect(desk.changed).toEqual([])
  })

  test('with a restored card is held until its owner confirms, and goes on then, over a restart of the hub', async () => {
    const first = await device({ counter: 7, boot: boot('before') })
    expect(await codeFrom(device({ counter: 3, boot: boot('restored') }))).toBe('enrol.held')
    expect(await codeFrom(device({ counter: 9, boot: boot('restored') }))).toBe('enrol.held')
    await desk.registrar.confirm(camera.id)
    const goesOn = await device({ counter: 5, boot: boot('restored') })
    expect([await desk.counts(first), await desk.counts(goesOn)]).toEqual([false, true])
    expect(await codeFrom(device({ counter: 5, boot: boot('restored') }))).toBe('enrol.held')
  })

  test('that was held starts a line of its own with a new claim', async () => {
    await device({ counter: 7 })
    expect(await codeFrom(device({ counter: 3 }))).toBe('enrol.held')
    await desk.claim(home, camera, 2)
    await device({ counter: 4, epoch: 2 })
  })

  test('whose double shows itself loses what it has, and gets nothing until it has a new key', async () => {
    const [one, two] = [{ boot: boot('one') }, { boot: boot('two') }]
    await device({ counter: 1, ...one })
    const theirs = await device({ counter: 2, ...two })
    desk.changed.length = 0
    expect(await codeFrom(device({ counter: 3, ...one }))).toBe('enrol.cloned')
    expect(await desk.counts(theirs)).toBe(false)
    expect(desk.changed).toEqual([camera.id])
    expect(await codeFrom(device({ counter: 9, ...two }))).toBe('enrol.cloned')
    await desk.registrar.confirm(camera.id)
    await desk.claim(home, camera, 2)
    expect(await codeFrom(device({ counter: 10, epoch: 2, boot: boot('three') }))).toBe('enrol.cloned')
    const renewed = newSigner()
    await desk.claim(home, renewed)
    await device({}, renewed)
  })

  test('that started again is not blamed for a request of before that comes late, nor for one said again', async () => {
    const wishes = { householdId: home.id, epoch: 1 }
    const slow = await desk.enrolment(camera, { ...wishes, counter: 1, boot: boot('before') })
    await new Promise(resolve => setTimeout(resolve, 2))
    const quick = await desk.enrolment(camera, { ...wishes, counter: 2, boot: boot('after') })
    await desk.registrar.enrol(quick.csr, quick.statement)
    for (let times = 0; times < 2; times++)
      expect(await codeFrom(desk.registrar.enrol(slow.csr, slow.statement))).toBe('hub.nonce')
    await desk.registrar.enrol(quick.csr, quick.statement)
    await device({ counter: 3, boot: boot('after') })
  })
})

describe('a member', () => {
  test('gets one for each process, all of which count', async () => {
    const [one, two] = [
      await desk.enrol(home.founder, { householdId: home.id }),
      await desk.enrol(home.founder, { householdId: home.id }),
    ]
    expect([await desk.counts(one), await desk.counts(two)]).toEqual([true, true])
    expect(one.subject).not.toBe(two.subject)
  })

  test('gets none for a household that does not name it, nor under another’s name', async () => {
    const stranger = newSigner()
    expect(await codeFrom(desk.enrol(stranger, { householdId: home.id }))).toBe('enrol.member')
    expect(await codeFrom(desk.enrol(home.root, { householdId: home.id }))).toBe('enrol.member')
    expect(await codeFrom(desk.enrol(camera, { householdId: home.id }))).toBe('enrol.member')
    const { id } = home.founder
    for (const commonName of [
      id,
      camera.id,
      'hub',
      `${id}.`,
      `${id}.aaaaaaa`,
      `${id}.AAAAAAAA`,
      `${id}.aaaaaaaaa`,
      `x${id}.aaaaaaaa`,
    ])
      expect(await codeFrom(desk.enrol(home.founder, { householdId: home.id, commonName }))).toBe('enrol.csr')
  })

  test('has so many that count and no more; the oldest give way', async () => {
    const first = await desk.enrol(home.founder, { householdId: home.id })
    desk.now = new Date(desk.now.getTime() + 60_000)
    for (let index = 0; index < liveMax; index++) await desk.enrol(home.founder, { householdId: home.id })
    expect(await desk.counts(first)).toBe(false)
    const { live } = await desk.database
      .selectFrom('certificates')
      .select(({ fn }) => fn.countAll<number>().as('live'))
      .where('superseded_at', 'is', null)
      .executeTakeFirstOrThrow()
    expect(live).toBe(liveMax)
  })
})

describe('an enrolment', () => {
  test('is refused unless statement, request and hub fit together', async () => {
    const changed: [object, string][] = [
      [{ tlsKey: '0'.repeat(64) }, 'enrol.statement'],
      [{ caId: anId('another hub') }, 'enrol.statement'],
      [{ id: newSigner().id }, 'statement.signer'],
      [{ nonce: 'a'.repeat(26) }, 'hub.nonce'],
      [{ nonce: desk.nonces.make(newSigner().id) }, 'hub.nonce'],
    ]
    for (const [change, code] of changed) expect(await codeFrom(device({ changed: change })), code).toBe(code)
    const { csr } = await desk.enrolment(camera, { householdId: home.id, epoch: 1 })
    const { statement } = await desk.enrolment(camera, { householdId: home.id, epoch: 1 })
    expect(await codeFrom(desk.registrar.enrol(csr, statement))).toBe('enrol.statement')
    expect(await codeFrom(desk.registrar.enrol(new Uint8Array(), statement))).toBe('enrol.csr')
    expect(await codeFrom(desk.registrar.enrol(csr, ''))).toBe('statement.kind')
    expect(await codeFrom(desk.registrar.enrol(csr, home.first))).toBe('statement.kind')
    expect(await codeFrom(device({ commonName: home.founder.id }))).toBe('enrol.csr')
    expect(await codeFrom(device({ commonName: 'hub' }))).toBe('enrol.csr')
    // Nothing of that has moved the camera's counter.
    await device()
  })

  test('is taken once', async () => {
    const { csr, statement } = await desk.enrolment(home.founder, { householdId: home.id })
    await desk.registrar.enrol(csr, statement)
    expect(await codeFrom(desk.registrar.enrol(csr, statement))).toBe('hub.nonce')
  })

  test('wants a key that does nothing but TLS', async () => {
    const request = await makeTlsRequest('x')
    const signer = signerOf(createPrivateKey(request.key))
    expect(await codeFrom(desk.enrol(signer, { householdId: home.id, epoch: 1, request }))).toBe('enrol.csr')
  })

  test('is given so often to one key, whatever it asks', async () => {
    await desk.close()
    desk = await Desk.open({ enrolments: new Allowance({ burst: 3, everyMs: 1e9, keysMax: 10 }) })
    home = await desk.home()
    for (let index = 0; index < 3; index++) await desk.enrol(home.founder, { householdId: home.id })
    expect(await codeFrom(desk.enrol(home.founder, { householdId: home.id }))).toBe('hub.busy')
  })
})

test('certificates that ended are forgotten', async () => {
  for (let day = 0; day < 5; day++) {
    await device({ counter: day + 1 })
    await desk.enrol(home.founder, { householdId: home.id })
    desk.now = new Date(desk.now.getTime() + 26 * HOUR)
  }
  expect((await desk.database.selectFrom('certificates').select('serial').execute()).length).toBe(2)
})

test('a certificate counts until its end and not longer', async () => {
  const certificate = await device()
  desk.now = new Date(certificate.notAfter.getTime() - 1000)
  expect(await desk.counts(certificate)).toBe(true)
  desk.now = certificate.notAfter
  expect(await desk.counts(certificate)).toBe(false)
})

test('no query reads through a table: what an enrolment costs does not grow with the devices', async () => {
  const guest = newSigner()
  desk.queries.splice(0)
  await device()
  await device({ counter: 2 })
  const certificate = await desk.enrol(home.founder, { householdId: home.id })
  await desk.counts(certificate)
  await desk.registrar.published(home.id)
  await desk.registrar.claims(home.id)
  await desk.registrar.rosterNumber(home.id)
  await desk.registrar.epochOf(camera.id)
  await desk.claim(home, newSigner())
  const second = await home.roster({ number: 2, prev: home.first, members: [home.founder, guest] })
  await desk.send(home.root, home.id, { action: 'roster', roster: second, successions: [] })
  const third = await home.roster({ number: 3, prev: second })
  await desk.send(home.root, home.id, { action: 'roster', roster: third, successions: [] })
  const { scans, queries } = await readsThrough(desk)
  expect(queries).toBeGreaterThan(15)
  expect(scans).toEqual([])
})
