import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base32 } from '../../protocol/ids.ts'
import { birthKind, readRegistration, registrationKind } from '../../protocol/maker.ts'
import { moveKind, readOrder, readReset, releaseKind, resetKind } from '../../protocol/ownership.ts'
import { mailboxOf, readReveal, revealKind, shortCode } from '../../protocol/pairing.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { newHome } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'

const now = new Date().toISOString()
const newNonce = () => base32(randomBytes(16))

test('a mailbox is found by who knows the secret only', () => {
  const secret = randomBytes(16)
  expect(mailboxOf(secret)).toBe(mailboxOf(Uint8Array.from(secret)))
  expect(mailboxOf(secret)).toMatch(/^[a-z2-7]{51}[aq]$/)
  expect(mailboxOf(randomBytes(16))).not.toBe(mailboxOf(secret))
})

test('an address that is none is a wrong form like any other, before anybody asks who signed it', async () => {
  const [home, signer] = [await newHome(), newSigner()]
  for (const url of ['nonsense', 'https://x:99999', 'https://%', 'http://a', 'https://a.b/', 'https://u@a']) {
    const payload = { householdId: home.id, number: 1, hubs: [{ url, caId: home.id }], issuedAt: now }
    const move = await signer.sign(moveKind.typ, Buffer.from(JSON.stringify(payload)))
    const read = readOrder(moveKind, move, { householdId: home.id, roots: [home.root.id] })
    expect(await codeFrom(read)).toBe('statement.form')
  }
})

test('a short code has four digits of 1 to 6, and all of them come alike', () => {
  const counts = new Map<string, number>()
  for (let i = 0; i < 6000; i++)
    for (const [place, digit] of [...shortCode('00', String(i))].entries()) {
      expect(digit).toMatch(/^[1-6]$/)
      counts.set(`${place}${digit}`, (counts.get(`${place}${digit}`) ?? 0) + 1)
    }
  expect(counts.size).toBe(24)
  // 1,000 of each are expected; five standard deviations are 144.
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(144)
})

test('a reveal counts from the pinned root and for the camera’s own half alone', async () => {
  const home = await newHome()
  const [camera, stranger] = [newSigner(), newSigner()]
  const claim = await home.claim(camera, 1)
  const half = claim
  const nonce = newNonce()
  const payload = { householdId: home.id, half: statementHash(half), nonce }
  const expected = { householdId: home.id, rootId: home.root.id, half }
  const read = async (given: object, signer = home.root) =>
    readReveal(await makeStatement(revealKind, { ...payload, ...given }, signer), expected)
  expect(await read({})).toBe(shortCode(payload.half, nonce))
  expect(await codeFrom(read({}, stranger))).toBe('statement.signer')
  expect(await codeFrom(read({ half: 'ab'.repeat(32) }))).toBe('pair.other')
  expect(await codeFrom(read({ householdId: stranger.id }))).toBe('claim.household')
})

test('orders are taken from the household’s roots, resets from the device itself', async () => {
  const home = await newHome()
  const [camera, stranger] = [newSigner(), newSigner()]
  const release = { householdId: home.id, deviceId: camera.id, epoch: 2, issuedAt: now }
  const expected = { householdId: home.id, roots: [newSigner().id, home.root.id] }
  const read = async (given: object, signer = home.root) =>
    readOrder(releaseKind, await makeStatement(releaseKind, { ...release, ...given }, signer), expected)
  expect((await read({})).payload).toEqual(release)
  expect(await codeFrom(read({}, stranger))).toBe('statement.signer')
  expect(await codeFrom(read({}, camera))).toBe('statement.signer')
  expect(await codeFrom(read({ householdId: stranger.id }))).toBe('claim.household')

  const reset = { deviceId: camera.id, householdId: home.id, epoch: 2, newKey: false, nonce: newNonce() }
  expect(await readReset(await makeStatement(resetKind, reset, camera))).toEqual(reset)
  for (const signer of [stranger, home.root])
    expect(await codeFrom(readReset(await makeStatement(resetKind, reset, signer)))).toBe('statement.signer')
})

test('a registration holds only where board and station say the same', async () => {
  const [board, station, other] = [newSigner(), newSigner(), newSigner()]
  const make = async (serial: string, born: string, signer = board) => {
    const birth = await makeStatement(
      birthKind,
      { deviceId: signer.id, serial: born, nonce: newNonce() },
      signer,
    )
    return makeStatement(
      registrationKind,
      { serial, deviceId: board.id, birth, boxCode: '0'.repeat(64), madeAt: now },
      station,
    )
  }
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[A-Z0-9][A-Z0-9-]{0,31}$/), async serial => {
      const read = await readRegistration(await make(serial, serial))
      expect(read).toEqual({
        stationId: station.id,
        serial,
        deviceId: board.id,
        boxCode: '0'.repeat(64),
        madeAt: now,
      })
    }),
    { numRuns: 20 },
  )
  expect(await codeFrom(readRegistration(await make('A1', 'A2')))).toBe('serial.birth')
  expect(await codeFrom(readRegistration(await make('A1', 'A1', other)))).toBe('statement.signer')
})
