import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../deploy/hub/database.ts'
import type { Household } from '../../home/household.ts'
import { type PairingStep, pairThroughLens } from '../../home/pair.ts'
import { restoreClaims } from '../../home/restore-claims.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type Answered, CodeCamera } from '../support/code-camera.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'

let at: HomeAtHub
let home: Household
let root: Signer

beforeEach(async () => {
  at = await homeAtHub()
  home = at.home
  root = at.root
})
afterEach(() => at?.close())

/** Pairs; `look` is what the camera does with the code, `told` is called with every step. */
async function pair(
  look: (code: string) => Promise<Answered>,
  told: (step: PairingStep) => void = () => undefined,
) {
  let answered: Promise<Answered> | undefined
  let refuse: (error: unknown) => void = () => undefined
  const refused = new Promise<never>((_, reject) => {
    refuse = reject
  })
  const working = pairThroughLens(
    home,
    root,
    {
      signal: new AbortController().signal,
      async show(code) {
        answered = look(code)
        answered.catch(refuse)
        return async () => undefined
      },
      confirm: async code => (await (await answered)?.blinks()) === code,
      tell: told,
    },
    { lookMs: 50 },
  )
  return Promise.race([working, refused])
}

test('a hub that restarts while the code is shown costs nothing but time', async () => {
  const camera = await CodeCamera.make()
  let gone: () => void = () => undefined
  const wasGone = new Promise<void>(resolve => {
    gone = resolve
  })
  const steps: string[] = []
  const paired = await pair(
    async code => {
      await at.restart(() => wasGone)
      return camera.answer(code)
    },
    ({ step }) => {
      steps.push(step)
      if (step === 'hub gone') gone()
    },
  )
  expect(paired).toEqual({ deviceId: camera.id, epoch: 1, repaired: false })
  // It is said once, however long it lasts.
  expect(steps).toEqual(['shown', 'hub gone', 'answered'])
})

test('a hub that has lost a camera’s claims takes them again from the app: the epoch stays', async () => {
  const camera = await CodeCamera.make()
  const keep: Answered[] = []
  const answer = async (code: string) => {
    const answered = await camera.answer(code)
    keep.push(answered)
    return answered
  }
  await pair(answer)
  await keep[0]?.claimed()
  expect(await pair(answer)).toMatchObject({ epoch: 2 })
  const half = keep[1]?.half ?? ''
  await at.restart(async () => {
    const database = await openDatabase(join(at.folder, 'hub', 'registrar.db'))
    for (const table of ['claims', 'devices', 'mailboxes'] as const)
      await database.deleteFrom(table).execute()
    await database.destroy()
  })
  expect(await at.hub.registrar.claims(home.id)).toEqual([])
  const { tls } = await home.enrol()
  const restore = async () => restoreClaims(home, root, home.hub, await home.claimsAtHub(tls))
  expect(await restore()).toBe(2)
  expect(await restore()).toBe(0)
  const again = await pair(code => camera.answer(code, { half }))
  expect(again).toEqual({ deviceId: camera.id, epoch: 2, repaired: true })
  expect(await at.hub.registrar.epochOf(camera.id)).toBe(2)
})
