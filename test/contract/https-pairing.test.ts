import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkHalf, readHalf } from '../../protocol/claim.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { mailboxOf, readReveal, revealKind, shortCode } from '../../protocol/pairing.ts'
import { noticesAnswer, type RequestBody, requestKind } from '../../protocol/registrar.ts'
import { acceptRoster } from '../../protocol/roster.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { call } from '../support/https-call.ts'
import { resetOf } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

const HOUR = 3600_000
let world: TestHub
beforeAll(async () => {
  world = await startTestHub()
})
afterAll(() => world.close())

/** A request as it goes over the wire. */
async function signed(signer: Signer, householdId: string | null, body: RequestBody, caId?: string) {
  const { nonce } = await world.client.nonce(signer.id)
  return makeStatement(requestKind, { householdId, caId: caId ?? world.hub.caId, nonce, body }, signer)
}
const post = (body: string) =>
  call(world.hub.url, '/request', { method: 'POST', body, headers: { 'content-type': 'application/jose' } })

test('camera and app pair through the hub alone: both see one short code', async () => {
  const home = await world.home()
  const camera = newSigner()
  const secret = randomBytes(16)
  const mailbox = mailboxOf(secret)
  const pin = { householdId: home.id, rootId: home.root.id }
  const app = <B extends RequestBody>(body: B) => world.client.request(home.id, body as never, home.root)
  const device = <B extends RequestBody>(body: B) => world.client.request(null, body as never, camera)

  await world.client.request(home.id, { action: 'invite', mailbox }, home.root)
  // The camera has read the code: it pins the root, and the registrar names the epoch.
  const { epoch: registrarEpoch } = await world.client.nonce(camera.id)
  const door = await world.client.request(null, { action: 'knock', mailbox }, camera)
  expect((await acceptRoster(pin, undefined, door.roster, door.successions)).number).toBe(1)
  const half = await home.half(camera, registrarEpoch + 1, { registrarEpoch, secret })
  await device({ action: 'half', mailbox, half, idevid: [] })

  const seen = await world.client.request(home.id, { action: 'mailbox', mailbox }, home.root)
  checkHalf(await readHalf(seen.half ?? ''), { secret, ...pin })
  const nonce = base32(randomBytes(16))
  const revealed = { householdId: home.id, half: statementHash(half), nonce }
  await app({ action: 'reveal', mailbox, reveal: await makeStatement(revealKind, revealed, home.root) })
  const knock = () => world.client.request(null, { action: 'knock', mailbox }, camera)
  const { reveal } = await knock()
  const code = await readReveal(reveal ?? '', { ...pin, half })
  expect(code).toBe(shortCode(statementHash(seen.half ?? ''), nonce))

  const claim = await home.claim(camera, 1, { half })
  await app({ action: 'claim', claim })
  expect((await knock()).claim).toBe(claim)
  expect(await world.client.request(null, { action: 'device' }, camera)).toMatchObject({ epoch: 1, claim })
  const role = { kind: 'device', epoch: 1, counter: 1, boot: base32(randomBytes(16)) } as const
  const { tls } = await world.client.enrol({
    ...{ commonName: camera.id, householdId: home.id, role, signer: camera },
  })
  expect(tls.name).toBe(camera.id)
})

test('who is refused another’s camera learns when it is free, and nothing of whose it is', async () => {
  const [home, other] = [await world.home(), await world.home()]
  const camera = await world.camera(home)
  const claim = await other.claim(camera.signer, 2)
  const request = () => world.client.request(other.id, { action: 'claim', claim }, other.root)
  await expect(request()).rejects.toMatchObject({ code: 'claim.owned', detail: undefined })
  const reset = await resetOf(camera.signer, 1, home.id)
  const { freeAt } = await world.client.request(null, { action: 'reset', reset }, camera.signer)
  await expect(request()).rejects.toMatchObject({ code: 'claim.owned', detail: freeAt })
  const answer = await post(await signed(other.root, other.id, { action: 'claim', claim }))
  expect(answer.status).toBe(400)
  expect(answer.body).not.toContain(home.id)
  const { tls } = await world.member(home)
  const told = await world.client.getJson(`/households/${home.id}/notices`, tls, noticesAnswer)
  expect(told.notices).toMatchObject([{ kind: 'reset', deviceId: camera.id, freeAt }])
  world.ahead = 72 * HOUR
  await request()
  world.ahead = 0
})

describe('hostile requests', () => {
  test('replayed, for another hub, too large, or of the wrong form are refused by their codes', async () => {
    const home = await world.home()
    const mailbox = mailboxOf(randomBytes(16))
    const invite = { action: 'invite', mailbox } as const
    const jws = await signed(home.root, home.id, invite)
    expect((await post(jws)).status).toBe(200)
    expect((await post(jws)).code).toBe('hub.nonce')
    expect((await post(await signed(home.root, home.id, invite, newSigner().id))).code).toBe('hub.request_ca')
    const camera = newSigner()
    const chain = Array.from({ length: 3 }, () => 'AAAA'.repeat(1024))
    const half = await home.half(camera, 1)
    const large = await signed(camera, null, { action: 'half', mailbox, half, idevid: chain })
    expect((await post(large)).code).toBe('statement.size')
    expect((await post('a'.repeat(256 * 1024 + 1)).catch(() => ({ code: 'hub.request' }))).code).toBe(
      'hub.request',
    )
    // The mailbox has taken nothing of it.
    const seen = await world.client.request(home.id, { action: 'mailbox', mailbox }, home.root)
    expect(seen).toEqual({ half: null, rivals: 0, closed: false })
  })

  test('another household’s mailbox and one that does not exist are answered alike', async () => {
    const [home, other] = [await world.home(), await world.home()]
    const mailbox = mailboxOf(randomBytes(16))
    await world.client.request(home.id, { action: 'invite', mailbox }, home.root)
    const ask = async (box: string, action: 'mailbox' | 'decline') =>
      (await post(await signed(other.root, other.id, { action, mailbox: box }))).body
    for (const action of ['mailbox', 'decline'] as const)
      expect(await ask(mailbox, action)).toBe(await ask(mailboxOf(randomBytes(16)), action))
  })

  test('another camera’s half is not taken from who only carries it', async () => {
    const home = await world.home()
    const mailbox = mailboxOf(randomBytes(16))
    await world.client.request(home.id, { action: 'invite', mailbox }, home.root)
    const half = await home.half(newSigner(), 1)
    const body: RequestBody = { action: 'half', mailbox, half, idevid: [] }
    expect((await post(await signed(newSigner(), null, body))).code).toBe('statement.signer')
  })
})
