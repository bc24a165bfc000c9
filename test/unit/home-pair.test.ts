import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Household } from '../../home/household.ts'
import { finishPairing, type PairingOptions, type PairingStep, pairThroughLens } from '../../home/pair.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type Answered, CodeCamera } from '../support/code-camera.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'
import { makeHome } from '../support/world.ts'

let at: TestHub
let home: Household
let root: Signer
let homes = 0
beforeAll(async () => {
  at = await startTestHub()
})
afterAll(() => at?.close())
beforeEach(async () => {
  const made = await makeHome(at.hub, join(at.folder, `home-${homes++}`))
  home = made.household
  root = made.root
})

/** Pairs with cameras that `look` at the code; the person compares with the first one's lamp. */
async function pair(
  look: (code: string) => Promise<Answered | undefined>,
  more: Partial<PairingOptions> & { openMs?: number } = {},
) {
  let answered: Promise<Answered | undefined> | undefined
  const seen = { steps: [] as PairingStep[], hidden: 0, shown: 0, compared: 0 }
  const { openMs, ...options } = more
  const working = pairThroughLens(
    home,
    root,
    {
      signal: new AbortController().signal,
      tell: step => void seen.steps.push(step),
      async show(code) {
        seen.shown++
        answered = look(code)
        answered.catch(() => undefined)
        return async () => void seen.hidden++
      },
      async confirm(code) {
        seen.compared++
        return (await (await answered)?.blinks()) === code
      },
      ...options,
    },
    { lookMs: 50, ...(openMs !== undefined && { openMs }) },
  )
  return { working, seen, answered: () => answered as Promise<Answered> }
}

const claimsAtHub = () => at.hub.registrar.claims(home.id)

test('a camera that has read the code is the home’s once the person has compared both codes', async () => {
  const camera = await CodeCamera.make()
  const { working, seen, answered } = await pair(code => camera.answer(code), { name: 'Hall' })
  expect(await working).toEqual({ deviceId: camera.id, epoch: 1, repaired: false })
  const claim = await (await answered()).claimed()
  expect((await home.claims()).map(({ jws }) => jws)).toEqual([claim.jws])
  expect(await claimsAtHub()).toEqual([claim.jws])
  expect((await home.names()).cameras).toEqual({ [camera.id]: 'Hall' })
  // The code is gone before anybody is asked to compare.
  expect(seen).toMatchObject({ shown: 1, hidden: 1, compared: 1 })
  expect(seen.steps.map(({ step }) => step)).toEqual(['shown', 'answered'])
  expect(await home.data.get('pairing.json')).toBeUndefined()
})

test('cameras without a name get one each', async () => {
  for (const name of ['Camera', 'Camera 2']) {
    const camera = await CodeCamera.make()
    const { deviceId } = await (await pair(code => camera.answer(code))).working
    expect((await home.names()).cameras[deviceId]).toBe(name)
  }
})

test('codes that differ pair nothing, and the code is used up', async () => {
  const camera = await CodeCamera.make()
  const { working, answered } = await pair(code => camera.answer(code), { confirm: async () => false })
  expect(await codeFrom(working)).toBe('pair.declined')
  expect(await codeFrom((await answered()).knock())).toBe('pair.closed')
  expect(await claimsAtHub()).toEqual([])
  expect(await home.claims()).toEqual([])
  expect(await home.data.get('pairing.json')).toBeUndefined()
})

test('a person who is asked and gives up has declined', async () => {
  const camera = await CodeCamera.make()
  const stop = new AbortController()
  const { working, answered } = await pair(code => camera.answer(code), {
    signal: stop.signal,
    confirm: () => {
      stop.abort()
      return new Promise(() => undefined)
    },
  })
  expect(await codeFrom(working)).toBe('pair.stopped')
  expect(await codeFrom((await answered()).knock())).toBe('pair.closed')
})

test('a person who gives up while the code is shown has declined', async () => {
  const stop = new AbortController()
  const camera = await CodeCamera.make()
  let code = ''
  const { working, seen } = await pair(
    async text => {
      code = text
      stop.abort()
      return undefined
    },
    { signal: stop.signal },
  )
  expect(await codeFrom(working)).toBe('pair.stopped')
  expect(seen.hidden).toBe(1)
  expect(await codeFrom(camera.answer(code))).toBe('pair.closed')
})

test('the app’s own clock ends it, whatever the hub says', async () => {
  const { working, seen } = await pair(async () => undefined, { openMs: 1500 })
  expect(await codeFrom(working)).toBe('pair.silent')
  expect(seen.hidden).toBe(1)
  const camera = await CodeCamera.make()
  const slow = await pair(code => camera.answer(code), {
    openMs: 6000,
    confirm: () => new Promise(() => undefined),
  })
  expect(await codeFrom(slow.working)).toBe('pair.expired')
  expect(await claimsAtHub()).toEqual([])
})

test('a second camera that answers is a rival: nothing is paired, before and after the person was asked', async () => {
  for (const when of ['before', 'after']) {
    const [camera, rival] = [await CodeCamera.make(), await CodeCamera.make()]
    let code = ''
    const late = async () => expect(await codeFrom(rival.answer(code))).toBe('pair.taken')
    const { working } = await pair(
      async text => {
        code = text
        const answered = await camera.answer(text)
        if (when === 'before') await late()
        return answered
      },
      {
        confirm: async () => {
          await late()
          return true
        },
      },
    )
    expect(await codeFrom(working)).toBe('pair.rival')
  }
  expect(await claimsAtHub()).toEqual([])
})

test('an answer that does not know the code is refused and told; it keeps the true one out, and that is said', async () => {
  const [spy, camera] = [await CodeCamera.make(), await CodeCamera.make()]
  const { working, seen } = await pair(async code => {
    await spy.answer(code, { secret: randomBytes(16) })
    expect(await codeFrom(camera.answer(code))).toBe('pair.taken')
    return undefined
  })
  expect(await codeFrom(working)).toBe('claim.half')
  const error = await working.catch(cause => cause as Error)
  expect(String(error)).toContain('the invitation is taken')
  expect(seen.steps.filter(({ step }) => step === 'refused')).toHaveLength(1)
  expect(seen).toMatchObject({ hidden: 1, compared: 0 })
  expect(await claimsAtHub()).toEqual([])
})

test('a camera that answers with the half of its claim is repaired: claim, epoch and name stay', async () => {
  const camera = await CodeCamera.make()
  const first = await pair(code => camera.answer(code), { name: 'Hall' })
  await first.working
  const { half } = await first.answered()
  const again = await pair(code => camera.answer(code, { half }), { own: true })
  expect(await again.working).toEqual({ deviceId: camera.id, epoch: 1, repaired: true })
  expect((await (await again.answered()).claimed()).half).toBe(half)
  expect(await claimsAtHub()).toHaveLength(1)
  expect((await home.names()).cameras).toEqual({ [camera.id]: 'Hall' })
  expect(again.seen.steps.at(-1)).toMatchObject({ step: 'answered', known: true })
})

test('a camera that has lost its claim is repaired for a new epoch under its old name', async () => {
  const camera = await CodeCamera.make()
  await (await pair(code => camera.answer(code), { name: 'Hall' })).working
  const again = await pair(code => camera.answer(code), { own: true, only: camera.id })
  expect(await again.working).toEqual({ deviceId: camera.id, epoch: 2, repaired: false })
  expect((await home.claims()).map(({ epoch }) => epoch)).toEqual([1, 2])
  expect((await home.names()).cameras).toEqual({ [camera.id]: 'Hall' })
})

test('repairing takes no camera that was not meant', async () => {
  const [mine, other] = [await CodeCamera.make(), await CodeCamera.make()]
  const stranger = await CodeCamera.make()
  for (const camera of [mine, other]) await (await pair(code => camera.answer(code))).working
  const strange = await pair(code => stranger.answer(code), { own: true })
  expect(await codeFrom(strange.working)).toBe('pair.another')
  const wrong = await pair(code => other.answer(code), { own: true, only: mine.id })
  expect(await codeFrom(wrong.working)).toBe('pair.another')
  expect(await claimsAtHub()).toHaveLength(2)
})

test('a pairing that was cut off behind the claim is finished with what the hub has', async () => {
  const camera = await CodeCamera.make()
  let half = ''
  // The process dies with the hub's answer: what it had on the disk is put back.
  const { working } = await pair(async code => {
    const answered = await camera.answer(code)
    half = answered.half
    return answered
  })
  await working
  const { tls } = await home.enrol()
  const name = 'Hall'
  await home.data.disk.remove(join(home.data.folder, 'claims'))
  await home.data.put('pairing.json', { mailbox: camera.id, half, name })
  expect(await home.claims()).toEqual([])
  expect(await home.refreshClaims(tls)).toEqual([])
  expect(await finishPairing(home, await home.claims())).toMatchObject({ deviceId: camera.id, epoch: 1 })
  expect((await home.names()).cameras[camera.id]).toBe(name)
  expect(await home.data.get('pairing.json')).toBeUndefined()
})
