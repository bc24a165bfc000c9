import { randomBytes } from 'node:crypto'
import { type Half, halfKind } from '../../protocol/claim.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { newPerson, newSigner, TestHousehold } from '../support/people.ts'
import type { ClaimVector, HalfVector } from './format.ts'

/** Halves, as the household reads them that has shown the invitation. */
export async function halfVectors(): Promise<readonly HalfVector[]> {
  const [home, other] = [new TestHousehold(), new TestHousehold()]
  const [device, hybrid] = [await newPerson('x25519'), await newPerson('hybrid')]
  const secret = randomBytes(16)
  const { recipients } = device
  const nonce = 'a'.repeat(26)
  const introduction: Half = { deviceId: device.signer.id, recipients, nonce, invited: null }
  const cases: Readonly<Record<string, string>> = {
    'good → ok': await home.half(device, secret, 1),
    'a hybrid device in its last epoch → ok': await home.half(hybrid, secret, 0xffffffff),
    'an introduction → claim.half': await makeStatement(halfKind, introduction, device.signer),
    'it does not know the secret → claim.half': await home.half(device, randomBytes(16)),
    'it answers another household → claim.half': await other.half(device, secret),
    'its epoch was changed after the HMAC → claim.half': await home.half(device, secret, 1, { epoch: 2 }),
    'its registrar’s epoch was changed after the HMAC → claim.half': await home.half(device, secret, 2, {
      registrarEpoch: 0,
    }),
    'signed by another device → statement.signer': await makeStatement(halfKind, introduction, hybrid.signer),
  }
  const { id: householdId } = home
  const common = { secret: secret.toString('hex'), householdId, rootId: home.root.id }
  return Object.entries(cases).map(([named, half]) => {
    const [name = '', expect = ''] = named.split(' → ')
    return { name, ...common, half, expect }
  })
}

export async function claimVectors(): Promise<readonly ClaimVector[]> {
  const [home, other] = [new TestHousehold(), new TestHousehold()]
  const [device, twin] = [await newPerson('x25519'), await newPerson('x25519')]
  const secret = randomBytes(16)
  const half = await home.half(device, secret, 2)
  const { recipients } = device
  const alone: Half = { deviceId: device.signer.id, recipients, nonce: 'a'.repeat(26), invited: null }
  const introduction = await makeStatement(halfKind, alone, device.signer)
  const borrowed = await makeStatement(halfKind, alone, twin.signer)
  const [head, body] = half.split('.')
  const spoilt = `${head}.${body}.${(await home.half(device, secret, 3)).split('.')[2]}`
  const cases: Readonly<Record<string, string>> = {
    'good → ok': await home.claim(device, half, 2),
    'signed by a stranger → statement.signer': await home.claim(device, half, 2, {}, newSigner()),
    'signed by the device → statement.signer': await home.claim(device, half, 2, {}, device.signer),
    'signed by another household → statement.signer': await other.claim(device, half, 2),
    'names another household → claim.household': await home.claim(device, half, 2, { householdId: other.id }),
    'names another device → claim.half': await home.claim(twin, half, 2),
    'names a later epoch → claim.half': await home.claim(device, half, 3),
    'names an earlier epoch → claim.half': await home.claim(device, half, 1),
    'a half for another household → claim.half': await home.claim(
      device,
      await other.half(device, secret, 2),
      2,
    ),
    'a half that only introduces → claim.half': await home.claim(device, introduction, 2),
    'a half by another device’s key → statement.signer': await home.claim(device, borrowed, 2),
    'a half whose signature does not hold → statement.signature': await home.claim(device, spoilt, 2),
    'a roster in the half’s place → statement.kind': await home.claim(
      device,
      await home.roster(1, null, [device]),
      2,
    ),
  }
  const { id: householdId } = home
  return Object.entries(cases).map(([named, claim]) => {
    const [name = '', expect = ''] = named.split(' → ')
    return { name, householdId, rootId: home.root.id, claim, expect }
  })
}
