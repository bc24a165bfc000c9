import { expect, test } from 'vitest'
import { Nonces } from '../../deploy/hub/nonces.ts'
import { nonce as nonceForm } from '../../protocol/fields.ts'
import { anId } from '../support/stored-clips.ts'

const [mine, yours] = [anId('mine'), anId('yours')]
const refused = expect.objectContaining({ code: 'hub.nonce' })
const MINUTE = 60_000

test('a nonce is good once, for its id alone', () => {
  const nonces = new Nonces()
  const nonce = nonces.make(mine)
  expect(nonceForm.safeParse(nonce).success).toBe(true)
  expect(() => nonces.use(nonce, yours)).toThrow(refused)
  nonces.use(nonce, mine)
  expect(() => nonces.use(nonce, mine)).toThrow(refused)
})

test('two for the same id in the same moment are two', () => {
  const nonces = new Nonces({ now: () => 0 })
  const all = new Set(Array.from({ length: 1000 }, () => nonces.make(mine)))
  expect(all.size).toBe(1000)
  for (const nonce of all) nonces.use(nonce, mine)
})

test('nobody makes one: not by changing it, not by writing it in another way, not from another run', () => {
  const nonces = new Nonces()
  const nonce = nonces.make(mine)
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  for (let index = 0; index < nonce.length; index++) {
    const next = letters[(letters.indexOf(nonce[index] ?? '') + 1) % 32]
    expect(() => nonces.use(nonce.slice(0, index) + next + nonce.slice(index + 1), mine)).toThrow(refused)
  }
  for (const other of [
    '',
    'a',
    'a'.repeat(26),
    `${nonce}a`,
    nonce.slice(1),
    `${nonce}=`,
    '0'.repeat(26),
    new Nonces().make(mine),
  ])
    expect(() => nonces.use(other, mine)).toThrow(refused)
  nonces.use(nonce, mine)
  expect(() => nonces.use(nonce.toUpperCase(), mine)).toThrow(refused)
})

test('it is good for five minutes, and used ones are remembered as long', () => {
  let now = 0
  const nonces = new Nonces({ now: () => now })
  const [used, late] = [nonces.make(mine), nonces.make(mine)]
  now = 4 * MINUTE
  nonces.use(used, mine)
  expect(() => nonces.use(used, mine)).toThrow(refused)
  now = 6 * MINUTE
  expect(() => nonces.use(late, mine)).toThrow(refused)
  expect(() => nonces.use(used, mine)).toThrow(refused)
  now = 20 * MINUTE
  nonces.use(nonces.make(mine), mine)
  expect(nonces.remembered).toBe(1)
})

test('asking for many crowds out nobody’s; using too many is refused until some have ended', () => {
  let now = 0
  const nonces = new Nonces({ now: () => now, usedMax: 10 })
  const first = nonces.make(mine)
  for (let index = 0; index < 5000; index++) nonces.make(yours)
  expect(nonces.remembered).toBe(0)
  nonces.use(first, mine)
  for (let index = 0; index < 9; index++) nonces.use(nonces.make(yours), yours)
  const busy = expect.objectContaining({ code: 'hub.busy' })
  const waiting = nonces.make(mine)
  expect(() => nonces.use(waiting, mine)).toThrow(busy)
  // A nonce that was used is refused as such, full or not.
  expect(() => nonces.use(first, mine)).toThrow(refused)
  now = 6 * MINUTE
  nonces.use(nonces.make(mine), mine)
})
