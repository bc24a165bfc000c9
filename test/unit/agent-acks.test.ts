import { beforeAll, expect, test } from 'vitest'
import { Acks } from '../../agent/acks.ts'
import { makePrivateKey, type Signer, signerOf } from '../../protocol/keys.ts'
import { ackKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'

const DEVICE = signerOf(makePrivateKey()).id
const PART = { clipId: 'a'.repeat(26), part: '3', sha256: '1'.repeat(64) }
const forever = () => new AbortController().signal

let hub: Signer
beforeAll(() => {
  hub = signerOf(makePrivateKey())
})

async function ack(changed: object = {}, signer = hub): Promise<Uint8Array> {
  const payload = { deviceId: DEVICE, roster: 1, ...PART, ...changed }
  return Buffer.from(await makeStatement(ackKind, payload, signer))
}

/** Whether it is still waited for. */
async function pending(promise: Promise<void>): Promise<boolean> {
  const turn = new Promise(resolve => setImmediate(() => resolve('waits')))
  return (await Promise.race([promise.then(() => 'done'), turn])) === 'waits'
}

test('the store’s signed word for these very bytes settles it', async () => {
  const acks = new Acks(DEVICE, hub.id)
  const waits = acks.wait(PART, { signal: forever(), timeoutMs: 60_000 })
  await acks.take(await ack({ roster: 7 }))
  await waits
  expect(acks.rosterHint).toBe(7)
})

const foreign = signerOf(makePrivateKey())
test.each([
  ['by another key', () => ack({}, foreign), 'statement.signer'],
  ['for another camera', () => ack({ deviceId: foreign.id }), 'ack.device'],
  ['for other bytes', () => ack({ sha256: '2'.repeat(64) }), 'ack.other'],
  ['for another part', () => ack({ part: '4' }), 'ack.other'],
  ['for another clip', () => ack({ clipId: 'b'.repeat(26) }), 'ack.other'],
  ['that is too large', async () => new Uint8Array(3000), 'statement.size'],
  ['that is no statement', async () => Buffer.from('yes, I have it'), 'statement.kind'],
  [
    'with another signature',
    async () => {
      const text = String(Buffer.from(await ack()))
      return Buffer.from(text.slice(0, -20) + (text.at(-20) === 'A' ? 'B' : 'A') + text.slice(-19))
    },
    'statement.signature',
  ],
] as const)('one %s changes nothing, and is told', async (_name, make, code) => {
  const acks = new Acks(DEVICE, hub.id)
  const waits = acks.wait(PART, { signal: forever(), timeoutMs: 60_000 })
  await expect(acks.take(await make())).rejects.toMatchObject({ code })
  expect(await pending(waits)).toBe(true)
  await acks.take(await ack())
  await waits
})

test('a foreign signature does not even hint at a roster', async () => {
  const acks = new Acks(DEVICE, hub.id)
  await acks.take(await ack({ roster: 99 }, foreign)).catch(() => undefined)
  expect(acks.rosterHint).toBe(0)
})

test('a hint leads to a roster once, whichever way the number differs', async () => {
  const acks = new Acks(DEVICE, hub.id)
  const hinted = async (roster: number, held: number) => {
    await acks.take(await ack({ roster })).catch(() => undefined)
    return acks.followHint(held)
  }
  expect(await hinted(7, 7)).toBe(false)
  expect(await hinted(8, 7)).toBe(true)
  expect(await hinted(8, 7)).toBe(false)
  // A later root begins its numbers anew when the one before has used them up.
  expect(await hinted(1, Number.MAX_SAFE_INTEGER)).toBe(true)
})

test('a missing one is an error of its own', async () => {
  const acks = new Acks(DEVICE, hub.id)
  const waits = acks.wait(PART, { signal: forever(), timeoutMs: 10 })
  await expect(waits).rejects.toMatchObject({ code: 'ack.missing' })
  // It comes late: nobody waits any more.
  await expect(acks.take(await ack())).rejects.toMatchObject({ code: 'ack.other' })
})

test('the signal ends the wait with its reason', async () => {
  const acks = new Acks(DEVICE, hub.id)
  const stop = new AbortController()
  const waits = acks.wait(PART, { signal: stop.signal, timeoutMs: 60_000 })
  stop.abort(new Error('gone'))
  await expect(waits).rejects.toThrow('gone')
  await expect(acks.wait(PART, { signal: stop.signal, timeoutMs: 1 })).rejects.toThrow('gone')
})
