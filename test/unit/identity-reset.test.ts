import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Household } from '../../agent/household.ts'
import { lastEpoch } from '../../agent/identity/epoch.ts'
import { finishReset, orderRelease, orderReset, tellOldHubs } from '../../agent/identity/reset.ts'
import { isReleased } from '../../agent/identity/standing.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { readReset, releaseKind } from '../../protocol/ownership.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import {
  App,
  type Line,
  openStage,
  type PairingCamera,
  type PairingStage,
  pairOnStage,
} from '../support/pairing-stage.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, type Desk } from '../support/registrar-desk.ts'

const HOUR = 3_600_000
let stage: PairingStage
let desk: Desk
let line: Line
let app: App
let data: string
let camera: PairingCamera
let household: Household

beforeEach(async () => {
  stage = await openStage()
  ;({ desk, line, app, data } = stage)
  camera = start()
  household = await pairOnStage(app, camera)
  await mkdir(join(data, 'outbox', 'clips', 'x'), { recursive: true })
  await mkdir(join(data, 'people'))
  for (const name of ['outbox/clips/x/000001.open', 'people/one.age', 'settings.json', 'household.json.new'])
    await writeFile(join(data, name), app.home.id)
  for (const name of ['enrolment-counter', 'time']) await writeFile(join(data, name), '7')
})
afterEach(() => stage.close())

const start = () => stage.start()
const names = async () => (await readdir(data)).filter(name => name !== 'lock').sort()
const KEPT = ['board.json', 'device-age.json', 'device-key.pem', 'enrolment-counter', 'epoch', 'time']

describe('a reset', () => {
  test('removes all that is the household’s, keeps what may never be used twice, and tells the hub', async () => {
    const deviceId = household.claim.deviceId
    await orderReset(camera.parts, { newKey: false })
    expect(await names()).toContain('household.json')
    expect(await finishReset(camera.parts)).toBe(true)
    expect(await names()).toEqual([...KEPT, 'notice.json'].sort())
    expect(await lastEpoch(disk, data)).toBe(1)
    expect(await readFile(join(data, 'enrolment-counter'), 'utf8')).toBe('7')
    const notice = await readReset(JSON.parse(await readFile(join(data, 'notice.json'), 'utf8')).notice)
    expect(notice).toMatchObject({ deviceId, householdId: app.home.id, epoch: 1, newKey: false })
    expect(await tellOldHubs(camera.parts)).toBe(false)
    expect(await desk.registrar.notices(app.home.id)).toMatchObject([{ kind: 'reset', deviceId }])
    // The notice names the household: it goes when it was heard.
    expect(await names()).toEqual(KEPT)
    // It is a reset once: the next start finds nothing to do.
    expect(await finishReset(camera.parts)).toBe(false)
  })

  test('the hub that does not answer is told later, and once', async () => {
    await orderReset(camera.parts, { newKey: false })
    await finishReset(camera.parts)
    line.fails = () => new OwnlensError('hub.unreachable')
    expect(await tellOldHubs(camera.parts)).toBe(true)
    line.fails = undefined
    expect(await tellOldHubs(camera.parts)).toBe(false)
    const asked = line.asked.length
    expect(await tellOldHubs(camera.parts)).toBe(false)
    expect(line.asked).toHaveLength(asked)
  })

  test('the same home pairs it again at once, in a higher epoch; then nothing is left to tell', async () => {
    await orderReset(camera.parts, { newKey: false })
    await finishReset(camera.parts)
    camera = start()
    expect((await pairOnStage(app, camera)).claim.epoch).toBe(2)
    expect(line.asked.filter(action => action === 'reset')).toHaveLength(1)
    expect(await names()).not.toContain('notice.json')
  })

  test('another home waits 72 hours at the same hub', async () => {
    await orderReset(camera.parts, { newKey: false })
    await finishReset(camera.parts)
    const other = new App(desk, await desk.home())
    camera = start()
    expect(await codeFrom(pairOnStage(other, camera))).toBe('claim.owned')
    await camera.stop()
    desk.now = new Date(desk.now.getTime() + 73 * HOUR)
    camera = start()
    // Its first answer is too old by now.
    await camera.run()
    expect((await pairOnStage(other, start())).claim).toMatchObject({ epoch: 2, householdId: other.home.id })
  })

  test('with a new key it is another device, and the hub has heard the old one', async () => {
    const { deviceId } = household.claim
    await orderReset(camera.parts, { newKey: true })
    await finishReset(camera.parts)
    camera = start()
    expect((await camera.parts.keyStore.signer()).id).not.toBe(deviceId)
    expect(line.asked).toContain('reset')
    const other = new App(desk, await desk.home())
    const joined = await pairOnStage(other, camera)
    expect(joined.claim.householdId).toBe(other.home.id)
    expect(joined.claim.epoch).toBeGreaterThan(1)
  })

  test.each([
    ['household.json', '{'],
    ['epoch', 'none'],
    ['owner.json', ''],
    ['reset.json', 'torn'],
  ])('goes through although %s is damaged', async (name, content) => {
    if (name === 'reset.json') await orderReset(camera.parts, { newKey: false })
    await writeFile(join(data, name), content)
    if (name !== 'reset.json') await orderReset(camera.parts, { newKey: false })
    await finishReset(camera.parts)
    const left = await names()
    for (const gone of ['household.json', 'owner.json', 'outbox', 'people', 'settings.json', 'reset.json'])
      expect(left).not.toContain(gone)
    if (name !== 'reset.json') expect(await tellOldHubs(camera.parts)).toBe(false)
  })

  test('of a camera whose key is damaged gives it a new one', async () => {
    await writeFile(join(data, 'device-key.pem'), 'torn')
    camera = start()
    await orderReset(camera.parts, { newKey: true })
    await finishReset(camera.parts)
    expect((await camera.parts.keyStore.signer()).id).toHaveLength(52)
    expect(await names()).toEqual(KEPT)
  })

  test('a damaged notice harms nobody', async () => {
    await writeFile(join(data, 'notice.json'), 'torn')
    expect(await tellOldHubs(camera.parts)).toBe(false)
    expect(await finishReset(camera.parts)).toBe(false)
    expect(await names()).toContain('household.json')
  })
})

describe('a release', () => {
  const release = (changed: object = {}, signer = app.root) =>
    makeStatement(
      releaseKind,
      {
        ...{ householdId: app.home.id, deviceId: household.claim.deviceId, epoch: 1 },
        ...{ issuedAt: new Date().toISOString(), ...changed },
      },
      signer,
    )
  const asked = async (answer: string | null) => {
    const hub = line.connect(line.address)
    const request: typeof hub.request = async (householdId, body, signer) => {
      const given = await hub.request(householdId, body, signer)
      return { ...given, release: answer }
    }
    return codeFrom(
      isReleased({ ...hub, request }, await camera.parts.keyStore.signer(), household).then(is => {
        throw new Error(String(is))
      }),
    )
  }

  test('is believed when the root has signed it for this epoch, and nothing else is', async () => {
    expect(await asked(await release())).toBe('Error: true')
    expect(await asked(null)).toBe('Error: false')
    expect(await asked(await release({ epoch: 2 }))).toBe('Error: false')
    expect(await asked(await release({}, newSigner()))).toBe('statement.signer')
    expect(await asked(await release({ householdId: household.claim.deviceId }))).toBe('claim.household')
    expect(await asked(await release({ deviceId: app.root.id }))).toBe('claim.half')
  })

  test('is found at the registrar; the camera forgets, and any home may have it', async () => {
    await desk.send(app.root, app.home.id, { action: 'release', release: await release() })
    const signer = await camera.parts.keyStore.signer()
    expect(await isReleased(line.connect(line.address), signer, household)).toBe(true)
    await orderRelease(camera.parts)
    await finishReset(camera.parts)
    expect(await names()).toEqual(KEPT)
    const other = new App(desk, await desk.home())
    camera = start()
    expect((await pairOnStage(other, camera)).claim).toMatchObject({ epoch: 3, householdId: other.home.id })
    expect(line.asked).not.toContain('reset')
  })
})
