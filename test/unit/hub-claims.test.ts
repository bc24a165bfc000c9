import { afterEach, beforeEach, expect, test } from 'vitest'
import { CLAIMS_MAX, Claims } from '../../deploy/hub/claims.ts'
import { claimKind } from '../../protocol/claim.ts'
import { ANSWER_MAX } from '../../wire/hub-client.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

const HOUR = 3600_000
let desk: Desk
beforeEach(async () => {
  desk = await Desk.open({ claimsMax: 5 })
})
afterEach(() => desk.close())

test('of two homes that claim a camera at once exactly one wins', async () => {
  const homes = [await desk.home(), await desk.home(), await desk.home()]
  for (let round = 0; round < 4; round++) {
    const camera = newSigner()
    const claims = await Promise.all(homes.map(home => home.claim(camera, 1)))
    const requests = await Promise.all(
      homes.map((home, index) =>
        desk.sign(home.root, home.id, { action: 'claim', claim: claims[index] ?? '' }),
      ),
    )
    const answers = await Promise.all(requests.map(request => codeFrom(desk.registrar.request(request))))
    expect(answers.filter(answer => answer === undefined)).toHaveLength(1)
    expect(answers.filter(answer => answer === 'claim.epoch')).toHaveLength(2)
    const winner = homes[answers.indexOf(undefined)]
    expect(await desk.registrar.device(camera.id)).toEqual({ household_id: winner?.id, epoch: 1 })
  }
})

test('an epoch only grows, and only from the one that the registrar had', async () => {
  const [home, next] = [await desk.home(), await desk.home()]
  const camera = newSigner()
  expect(await desk.registrar.epochOf(camera.id)).toBe(0)
  expect(await codeFrom(desk.claim(home, camera, 1, 1))).toBe('claim.epoch')
  // The camera's own epoch may be ahead of the registrar's.
  expect(await codeFrom(desk.claim(home, camera, 5, 0))).toBeUndefined()
  expect(await desk.registrar.epochOf(camera.id)).toBe(5)
  for (const [epoch, registrarEpoch] of [
    [5, 5],
    [4, 5],
    [6, 4],
    [6, 0],
    [6, 6],
  ] as const)
    expect(await codeFrom(desk.claim(next, camera, epoch, registrarEpoch))).toBe('claim.epoch')
  await desk.release(home, camera, 5)
  // It uses up an epoch: the one who let the camera go may have kept a half that was made before.
  expect(await desk.registrar.epochOf(camera.id)).toBe(6)
  for (const by of [home, next]) expect(await codeFrom(desk.claim(by, camera, 6, 5))).toBe('claim.epoch')
  expect(await codeFrom(desk.claim(next, camera, 7, 6))).toBeUndefined()
  expect(await codeFrom(desk.claim(home, camera, 5, 0))).toBe('claim.epoch')
  expect(await desk.registrar.device(camera.id)).toEqual({ household_id: next.id, epoch: 7 })
})

test('as many claims as a household may have fit in one answer, however large they are', async () => {
  const home = await desk.home()
  const rows = Array.from({ length: CLAIMS_MAX }, (_, epoch) => ({
    ...{ device_id: home.founder.id, epoch, household_id: home.id, claim: 'x'.repeat(claimKind.maxBytes) },
    ...{ registered_at: '', released: null, reset_at: null, objected_until: null },
  }))
  for (const row of rows) await desk.database.insertInto('claims').values(row).execute()
  const claims = await new Claims(desk.database, () => desk.now).ofHousehold(home.id)
  expect(claims).toHaveLength(CLAIMS_MAX)
  expect(JSON.stringify({ claims }).length).toBeLessThanOrEqual(ANSWER_MAX)
})

test('the claim that stands may be sent again, and changes nothing', async () => {
  const home = await desk.home()
  const camera = newSigner()
  const claim = await home.claim(camera, 1)
  const send = () => codeFrom(desk.send(home.root, home.id, { action: 'claim', claim }))
  expect(await send()).toBeUndefined()
  const certificate = await desk.enrol(camera, { householdId: home.id, epoch: 1 })
  desk.changed.length = 0
  expect(await send()).toBeUndefined()
  expect(desk.changed).toEqual([])
  expect(await desk.counts(certificate)).toBe(true)
  expect(await desk.registrar.claims(home.id)).toEqual([claim])
})

test('a claim by another home after the wait ends the certificates of the one before; both keep their claims', async () => {
  const [home, next] = [await desk.home(), await desk.home()]
  const camera = newSigner()
  await desk.claim(home, camera)
  await desk.reset(camera)
  desk.later(72 * HOUR)
  const certificate = await desk.enrol(camera, { householdId: home.id, epoch: 1 })
  desk.changed.length = 0
  await desk.claim(next, camera, 2)
  expect(desk.changed).toEqual([camera.id])
  expect(await desk.counts(certificate)).toBe(false)
  expect(await desk.registrar.claims(home.id)).toHaveLength(1)
  expect(await desk.registrar.claims(next.id)).toHaveLength(1)
})

test('only the household’s root claims, and only a half that answers it', async () => {
  const [home, other] = [await desk.home(), await desk.home()]
  const camera = newSigner()
  const [own, foreign] = [await home.claim(camera, 1), await other.claim(camera, 1)]
  const send = (signer = home.root, householdId = home.id, claim = own) =>
    codeFrom(desk.send(signer, householdId, { action: 'claim', claim }))
  expect(await send(home.founder)).toBe('hub.household')
  expect(await send(other.root)).toBe('hub.household')
  expect(await send(home.root, other.id)).toBe('hub.household')
  expect(await send(home.root, home.id, foreign)).toBe('statement.signer')
  expect(await send(home.root, home.id, await home.claim(camera, 1, { root: other.root }))).toBe(
    'statement.signer',
  )
  expect(await desk.registrar.device(camera.id)).toBeUndefined()
  expect(await send()).toBeUndefined()
})

test('a household has so many claims and no more; others are not touched by it', async () => {
  const [home, other] = [await desk.home(), await desk.home()]
  const camera = newSigner()
  for (let epoch = 1; epoch <= 5; epoch++) await desk.claim(home, camera, epoch)
  expect(await codeFrom(desk.claim(home, newSigner()))).toBe('hub.limit')
  expect(await codeFrom(desk.claim(home, camera, 6))).toBe('hub.limit')
  expect(await codeFrom(desk.claim(other, newSigner()))).toBeUndefined()
  expect(await desk.registrar.claims(home.id)).toHaveLength(5)
})
