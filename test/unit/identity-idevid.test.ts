import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { shownIdevid } from '../../agent/identity/idevid.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { TestMaker, type TestStation } from '../support/maker.ts'
import {
  type App,
  openStage,
  type PairingCamera,
  type PairingStage,
  pairOnStage,
} from '../support/pairing-stage.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, type Desk } from '../support/registrar-desk.ts'

let station: TestStation
let stage: PairingStage
let desk: Desk
let app: App
let data: string
let camera: PairingCamera
let device: Signer

beforeEach(async () => {
  const maker = await TestMaker.make()
  station = await maker.station()
  stage = await openStage({ makerRoot: maker.root })
  ;({ desk, app, data } = stage)
  const announced = await maker.says('station', station.signer.id, 1)
  await desk.send(maker.signer, null, { action: 'station', station: announced })
  camera = stage.start()
  device = await camera.parts.keyStore.signer()
})
afterEach(() => stage.close())

const pem = (der: string) => `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`
const put = (chain: readonly string[]) => writeFile(join(data, 'idevid.pem'), chain.map(pem).join('\n'))
const shown = (id = device.id) => shownIdevid(disk, data, id)

test('a camera that was made offline registers itself with what its factory gave it, and is paired', async () => {
  await put(await station.idevid('OL-1', device))
  expect(await codeFrom(desk.factory?.mayPair(device.id) ?? Promise.resolve())).toBe('serial.unknown')
  const household = await pairOnStage(app, camera)
  expect(household.claim).toMatchObject({ epoch: 1, deviceId: device.id })
  expect(await codeFrom(desk.factory?.mayPair(device.id) ?? Promise.resolve())).toBeUndefined()
})

test('one that no factory made answers the code, and its home is told that it cannot be paired', async () => {
  const { text, mailbox } = await app.invite()
  camera.lens.hold(text)
  camera.pairing.press()
  void camera.run()
  const half = await app.half(mailbox)
  await app.reveal(mailbox, half)
  await camera.blinked
  expect(await codeFrom(app.claim(await app.makeClaim(half)))).toBe('serial.unknown')
  expect(await desk.registrar.device(device.id)).toBeUndefined()
})

test('a camera shows what is about its own key, and nothing else', async () => {
  expect(await shown()).toEqual([])
  const own = await station.idevid('OL-1', device)
  await put(own)
  expect(await shown()).toEqual(own)
  // Its keys were replaced, or the file came from another card.
  expect(await shown(newSigner().id)).toEqual([])
  for (const text of ['', 'no certificate', pem('AAAA'), pem(own[1] ?? '')]) {
    await writeFile(join(data, 'idevid.pem'), text)
    expect(await shown()).toEqual([])
  }
})
