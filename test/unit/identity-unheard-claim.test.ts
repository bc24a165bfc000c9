import { afterEach, beforeEach, expect, test } from 'vitest'
import { finishReset, orderReset } from '../../agent/identity/reset.ts'
import { emulatedKeyStore } from '../../hardware/key-store.ts'
import { disk } from '../../storage/disk.ts'
import { App, Line, PairingCamera, pairOnStage } from '../support/pairing-stage.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

const HOUR = 3600_000
let desk: Desk
let line: Line
let data: string
let remove: () => Promise<void>
const cameras: PairingCamera[] = []

beforeEach(async () => {
  desk = await Desk.open()
  line = new Line(desk)
  const made = await temporaryFolder()
  data = made.path
  remove = made.remove
})
afterEach(async () => {
  for (const camera of cameras.splice(0)) await camera.stop()
  await desk.close()
  await remove()
})

function start(): PairingCamera {
  const keyStore = emulatedKeyStore(disk, data, 'board')
  const camera = new PairingCamera({ disk, data, keyStore, line })
  cameras.push(camera)
  return camera
}

/** It answers, and hears nothing of what becomes of its half. */
async function answerOnly(app: App): Promise<string> {
  const camera = start()
  const { text, mailbox } = await app.invite()
  camera.lens.hold(text)
  camera.pairing.press()
  camera.run()
  const half = await app.half(mailbox)
  await camera.stop()
  return app.makeClaim(half)
}

test('a claim that never reached the camera is reset too: 72 hours later another home pairs it', async () => {
  const first = new App(desk, await desk.home())
  const second = new App(desk, await desk.home())
  await first.claim(await answerOnly(first))
  const parts = start().parts
  await orderReset(parts, { newKey: false })
  await finishReset(parts)
  expect(await codeFrom(pairOnStage(second, start()))).toBe('claim.owned')
  desk.now = new Date(desk.now.getTime() + 73 * HOUR)
  const household = await pairOnStage(second, start())
  expect(household.claim).toMatchObject({ householdId: second.home.id, epoch: 2 })
})
