import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Household } from '../../agent/household.ts'
import type { Bound } from '../../agent/identity/answer.ts'
import { settleJoining } from '../../agent/identity/join.ts'
import { hasOwner, readOwner } from '../../agent/identity/owner.ts'
import { Outbox } from '../../agent/outbox.ts'
import { Sequence } from '../../agent/sequence.ts'
import { releaseKind } from '../../protocol/ownership.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { newClipId, someParts } from '../support/agent-at-hub.ts'
import {
  App,
  Line,
  openStage,
  type PairingCamera,
  type PairingStage,
  pairOnStage,
} from '../support/pairing-stage.ts'
import { newSigner } from '../support/people.ts'
import { Desk } from '../support/registrar-desk.ts'

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
})
afterEach(() => stage.close())

const start = (bound?: Bound) =>
  stage.start(bound === undefined ? { line } : { line, bound, untilRead: true })
const owned = (): Bound => ({ pin: household.pin, household })
/** What it was can be read, but not which numbers its clips had. */
const numberless = (): Bound => ({ ...owned(), needsEpoch: true })
const load = () => Household.load(disk, data, household.claim.deviceId)
const refusals = (...codes: readonly string[]) => expect.poll(() => camera.refused).toEqual(codes)

describe('a camera that has its claim', () => {
  test('goes on with it: the epoch and the numbers stay, the roster is new', async () => {
    const sequence = await Sequence.open(disk, data, 1)
    await sequence.take()
    const second = await app.home.roster({
      number: 2,
      prev: app.home.first,
      members: [newSigner(), newSigner()],
    })
    await desk.send(app.root, app.home.id, { action: 'roster', roster: second, successions: [] })
    camera = start(owned())
    const repaired = await pairOnStage(app, camera, household.claim.jws)
    expect(repaired.claim.jws).toBe(household.claim.jws)
    expect(repaired.rosterNumber).toBe(2)
    expect((await load())?.rosterNumber).toBe(2)
    expect(await (await Sequence.open(disk, data, 1)).take()).toBe(2)
    expect(await readFile(join(data, 'epoch'), 'utf8')).toBe('1')
    // The one before takes no word of the hub any more.
    expect(await household.takeRoster(second, [])).toBe(false)
  })

  test('looks until a code was answered, and no longer', async () => {
    camera = start(owned())
    const { text, mailbox } = await app.invite()
    camera.lens.hold(text)
    camera.pairing.press()
    void camera.run()
    await app.half(mailbox)
    await expect.poll(() => camera.window.leftMs).toBe(0)
    const { looks } = camera.lens
    await app.claim(household.claim.jws)
    expect(await camera.run()).toBeDefined()
    expect(camera.lens.looks).toBe(looks)
  })

  test('answers no other home: pair.owned, and nothing changes', async () => {
    const before = await readFile(join(data, 'household.json'), 'utf8')
    const other = new App(desk, await desk.home())
    camera = start(owned())
    const { text, mailbox } = await other.invite()
    camera.lens.hold(text)
    camera.pairing.press()
    void camera.run()
    await refusals('pair.owned')
    expect(await desk.send(other.root, other.home.id, { action: 'mailbox', mailbox })).toMatchObject({
      half: null,
    })
    expect(await readFile(join(data, 'household.json'), 'utf8')).toBe(before)
    await camera.stop()
    expect((await load())?.claim.jws).toBe(household.claim.jws)
  })

  test('at a registrar that has lost it, the same claim is taken again', async () => {
    for (const table of ['mailboxes', 'claims', 'devices'] as const)
      await desk.database.deleteFrom(table).execute()
    camera = start(owned())
    const repaired = await pairOnStage(app, camera, household.claim.jws)
    expect(repaired.claim.jws).toBe(household.claim.jws)
    expect(await desk.registrar.device(household.claim.deviceId)).toMatchObject({ epoch: 1 })
  })

  test('at another hub of its root it takes a new epoch: the old claim names the old one', async () => {
    const elsewhere = await Desk.open()
    try {
      const code = await elsewhere.registrar.registrationCode()
      await elsewhere.send(app.root, app.home.id, {
        action: 'household',
        code,
        roster: app.home.first,
        successions: [],
      })
      line = new Line(elsewhere)
      camera = start(owned())
      const there = new App(elsewhere, app.home)
      const repaired = await pairOnStage(there, camera)
      expect(repaired.claim).toMatchObject({ epoch: 2, householdId: app.home.id })
      expect(repaired.hubs[0]?.caId).toBe(elsewhere.authority.caId)
    } finally {
      await camera.stop()
      await elsewhere.close()
    }
  })

  test('that was released since takes a new epoch of the same home', async () => {
    const { deviceId } = household.claim
    const payload = { householdId: app.home.id, deviceId, epoch: 1, issuedAt: new Date().toISOString() }
    const release = await makeStatement(releaseKind, payload, app.root)
    await desk.send(app.root, app.home.id, { action: 'release', release })
    camera = start(owned())
    expect((await pairOnStage(app, camera)).claim.epoch).toBe(3)
  })

  test('whose repair is declined stays as it was', async () => {
    const before = await readFile(join(data, 'household.json'), 'utf8')
    camera = start(owned())
    const { text, mailbox } = await app.invite()
    camera.lens.hold(text)
    camera.pairing.press()
    const running = camera.run()
    await app.half(mailbox)
    await app.decline(mailbox)
    expect(await running).toBeUndefined()
    expect(camera.refused).toEqual(['pair.closed'])
    expect(await readFile(join(data, 'household.json'), 'utf8')).toBe(before)
  })

  test('after a succession goes on with its claim by the old root, and learns of the new one', async () => {
    const root = newSigner()
    const succession = await app.home.succession(root)
    const roster = await app.home.roster({ number: 2, prev: app.home.first, root, generation: 1 })
    await desk.send(root, app.home.id, { action: 'roster', roster, successions: [succession] })
    app.root = root
    camera = start(owned())
    const repaired = await pairOnStage(app, camera, household.claim.jws)
    expect(repaired.claim.jws).toBe(household.claim.jws)
    expect(repaired.roster.rootId).toBe(root.id)
    expect((await load())?.roster.rootId).toBe(root.id)
  })
})

describe('a camera that cannot read whose it is', () => {
  const damaged = async (): Promise<Bound> => {
    await writeFile(join(data, 'household.json'), '{"pin":')
    await expect(load()).rejects.toMatchObject({ code: 'household.damaged' })
    const pin = await readOwner(disk, data)
    if (pin === undefined) throw new Error('it has no owner')
    return { pin, household: undefined }
  }

  test('is repaired by its own home with a new epoch; what it had not sent stays', async () => {
    const outbox = await Outbox.open(disk, data, { maxBytes: 1e9, lost: async () => undefined })
    await outbox.put({ epoch: 1, counter: 1, clipId: newClipId() }, someParts(2))
    const sequence = await Sequence.open(disk, data, 1)
    expect(await sequence.take()).toBe(1)
    camera = start(await damaged())
    const repaired = await pairOnStage(app, camera)
    expect(repaired.claim).toMatchObject({ epoch: 2, householdId: app.home.id })
    expect((await Outbox.open(disk, data, { maxBytes: 1e9, lost: async () => undefined })).clips).toBe(1)
    expect(await (await Sequence.open(disk, data, 2)).take()).toBe(1)
  })

  test('answers no other home', async () => {
    const other = new App(desk, await desk.home())
    camera = start(await damaged())
    camera.lens.hold((await other.invite()).text)
    camera.pairing.press()
    void camera.run()
    await refusals('pair.owned')
  })

  test('is damaged too when only the owner’s name is left', async () => {
    await rm(join(data, 'household.json'))
    expect(await hasOwner(disk, data)).toBe(true)
  })

  test('gets past a damaged sequence and a damaged counter', async () => {
    await writeFile(join(data, 'sequence.json'), 'torn')
    await writeFile(join(data, 'enrolment-counter'), 'torn')
    camera = start(numberless())
    expect((await pairOnStage(app, camera)).claim.epoch).toBe(2)
    expect(await (await Sequence.open(disk, data, 2)).take()).toBe(1)
    expect(await readFile(join(data, 'enrolment-counter'), 'utf8')).toBe('0')
  })

  test('keeps the newest roster when only its numbers are lost, whatever the hub still has', async () => {
    const second = await app.home.roster({ number: 2, prev: app.home.first, members: [newSigner()] })
    expect(await household.takeRoster(second, [])).toBe(true)
    await writeFile(join(data, 'sequence.json'), 'torn')
    camera = start(numberless())
    const repaired = await pairOnStage(app, camera)
    expect(repaired.claim.epoch).toBe(2)
    expect(repaired.roster.jws).toBe(second)
  })

  test.each(['household.json', 'sequence.json'])('answers no root that was replaced: %s', async name => {
    const next = newSigner()
    const roster = await app.home.roster({ number: 2, prev: app.home.first, root: next, generation: 1 })
    expect(await household.takeRoster(roster, [await app.home.succession(next)])).toBe(true)
    // The hub still serves the old root: it lies, or was restored. Who stole that root shows a code of it.
    const bound = name === 'household.json' ? await damaged() : numberless()
    await writeFile(join(data, name), 'torn')
    camera = start(bound)
    camera.lens.hold((await app.invite()).text)
    camera.pairing.press()
    void camera.run()
    await refusals(name === 'household.json' ? 'roster.household' : 'roster.generation')
  })
})

test('what a cut left of joining is ended: pairing.json goes, the owner’s name comes', async () => {
  const pending = {
    ...{ half: household.claim.half, mailbox: household.claim.deviceId, pin: household.pin },
    ...{ hub: household.claim.hub, roster: household.roster.jws, successions: [], text: '0'.repeat(64) },
  }
  await writeFile(join(data, 'pairing.json'), JSON.stringify(pending))
  await rm(join(data, 'owner.json'))
  await settleJoining({ disk, data }, household)
  await expect(readFile(join(data, 'pairing.json'))).rejects.toThrow('ENOENT')
  expect(await readOwner(disk, data)).toMatchObject(household.pin)
})

test('numbers of a later epoch are never taken for those of an earlier one', async () => {
  await Sequence.begin(disk, data, 2)
  const sequence = await Sequence.open(disk, data, 1)
  await sequence.take()
  await Sequence.begin(disk, data, 2)
  await expect(Sequence.open(disk, data, 1)).rejects.toMatchObject({ code: 'sequence.damaged' })
  const second = await Sequence.open(disk, data, 2)
  await second.take()
  await Sequence.begin(disk, data, 2)
  expect(await (await Sequence.open(disk, data, 2)).take()).toBe(2)
})
