import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { checkHalf, nextEpoch, readClaim, readHalf } from '../../protocol/claim.ts'
import { codeOfCall, newPerson, newSigner, type Person, TestHousehold } from '../support/people.ts'

let device: Person
let twin: Person
const secret = randomBytes(16)
const home = new TestHousehold()
const neighbour = new TestHousehold()
const expected = { householdId: home.id, rootId: home.root.id }
const code = async (jws: string | Promise<string>) => {
  const text = await jws
  return codeOfCall(() => readClaim(text, expected))
}

beforeAll(async () => {
  device = await newPerson('hybrid')
  twin = await newPerson('hybrid')
})

test('a half and its claim', async () => {
  const half = await home.half(device, secret, 3)
  expect(() => checkHalf(half0, { secret, ...expected })).not.toThrow()
  const claim = await readClaim(await home.claim(device, half, 3), expected)
  expect(claim).toMatchObject({ deviceId: device.signer.id, epoch: 3, registrarEpoch: 2, half })
})
let half0: Awaited<ReturnType<typeof readHalf>>
beforeAll(async () => {
  half0 = await readHalf(await home.half(device, secret))
})

test('a half of who does not know the secret, or answers another home', async () => {
  const spied = await readHalf(await home.half(device, randomBytes(16)))
  expect(await codeOfCall(() => checkHalf(spied, { secret, ...expected }))).toBe('claim.half')
  const elsewhere = await readHalf(await neighbour.half(device, secret))
  expect(await codeOfCall(() => checkHalf(elsewhere, { secret, ...expected }))).toBe('claim.half')
  const changed = await readHalf(await home.half(device, secret, 1, { epoch: 2 }))
  expect(await codeOfCall(() => checkHalf(changed, { secret, ...expected }))).toBe('claim.half')
})

test('the next epoch is above all that anybody knows, and a lying hub cannot use them up', async () => {
  expect(nextEpoch(0, 0)).toBe(1)
  expect(nextEpoch(7, 3)).toBe(8)
  expect(nextEpoch(3, 7)).toBe(8)
  expect(nextEpoch(0, 65_536)).toBe(65_537)
  expect(await codeOfCall(() => nextEpoch(0, 65_537))).toBe('claim.leap')
  expect(await codeOfCall(() => nextEpoch(0, 0xfffffffe))).toBe('claim.leap')
  expect(await codeOfCall(() => nextEpoch(0xffffffff, 0))).toBe('claim.leap')
})

test('claims that do not hold together are refused by their code', async () => {
  const half = await home.half(device, secret)
  expect(await code(home.claim(device, half))).toBe('ok')
  expect(await code(home.claim(device, half, 1, {}, newSigner()))).toBe('statement.signer')
  expect(await code(home.claim(device, half, 1, {}, device.signer))).toBe('statement.signer')
  expect(await code(neighbour.claim(device, half))).toBe('statement.signer')
  expect(await code(home.claim(device, half, 1, { householdId: neighbour.id }))).toBe('claim.household')
  // One number for two boards moves nobody: the half names its own key.
  expect(await code(home.claim(twin, half))).toBe('claim.half')
  expect(await code(home.claim(device, half, 2))).toBe('claim.half')
  expect(await code(home.claim(device, await neighbour.half(device, secret)))).toBe('claim.half')
})
