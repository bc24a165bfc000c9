import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Household } from '../../agent/household.ts'
import type { Sight } from '../../agent/identity/lens.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { revealKind } from '../../protocol/pairing.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import {
  type App,
  Line,
  openStage,
  type PairingCamera,
  type PairingStage,
  pairOnStage,
} from '../support/pairing-stage.ts'
import { newSigner } from '../support/people.ts'
import type { Desk } from '../support/registrar-desk.ts'

const MINUTE = 60_000
let stage: PairingStage
let desk: Desk
let line: Line
let app: App
let data: string
let camera: PairingCamera
let device: Signer

beforeEach(async () => {
  stage = await openStage()
  ;({ desk, line, app, data } = stage)
  camera = start()
  device = await camera.parts.keyStore.signer()
})
afterEach(() => stage.close())

const start = () => stage.start()

const files = async () => (await readdir(data)).filter(name => !/^device|^board/.test(name)).sort()
const until = (what: () => boolean) => expect.poll(what, { timeout: 20_000, interval: 1 }).toBe(true)
const refusals = (...codes: readonly string[]) => until(() => camera.refused.join() === codes.join())

test('a camera is paired: the lamp blinks the app’s code, and all is on the disk', async () => {
  const household = await pairOnStage(app, camera)
  expect(household.pin).toEqual({ householdId: app.home.id, rootId: app.root.id })
  expect(household.claim).toMatchObject({ epoch: 1, deviceId: device.id })
  expect(household.membership().recipients).toHaveLength(1)
  expect(camera.refused).toEqual([])
  expect(camera.lamp[0]).toBe('reading')
  expect(await files()).toEqual(['epoch', 'household.json', 'owner.json'])
  expect(await readFile(join(data, 'epoch'), 'utf8')).toBe('1')
  expect((await Household.load(disk, data, device.id))?.claim.jws).toBe(household.claim.jws)
  expect(await desk.registrar.device(device.id)).toMatchObject({ household_id: app.home.id, epoch: 1 })
})

test('a text is answered when two looks have read it, and only then', async () => {
  const { text } = await app.invite()
  let looked = 0
  const sights: readonly Sight[] = [{ kind: 'text', text }, ...Array<Sight>(20).fill({ kind: 'nothing' })]
  camera.lens.sights = async function* () {
    for (const sight of sights) {
      looked++
      yield sight
    }
    camera.pairing.stopLooking()
  }
  camera.pairing.press()
  expect(await camera.run()).toBeUndefined()
  expect(looked).toBe(sights.length)
  expect(line.asked).toEqual([])
})

describe('what is held there and not taken is said by lamp and log', () => {
  const looks: readonly (readonly [string, string, Sight])[] = [
    ['two codes', 'pair.several', { kind: 'several', texts: ['A', 'B'] }],
    ['a small one', 'pair.unreadable', { kind: 'unreadable', why: 'small' }],
    ['a blurred one', 'pair.unreadable', { kind: 'unreadable', why: 'blurred' }],
    ['a torn one', 'pair.unreadable', { kind: 'unreadable', why: 'torn' }],
    ['a foreign one', 'invitation.form', { kind: 'text', text: 'https://www.example.com/menu' }],
    ['one that is too long', 'invitation.size', { kind: 'text', text: 'OL1:'.padEnd(200, 'A') }],
  ]
  test.each(looks)('%s: %s', async (_, code, sight) => {
    camera.lens.sight = sight
    camera.pairing.press()
    void camera.run()
    await refusals(code)
    await camera.lens.looked(50)
    // It is said once, however long it is held there.
    expect(camera.refused).toEqual([code])
    expect(camera.lamp.slice(0, 2)).toEqual(['reading', 'refused'])
    expect(line.asked).toEqual([])
    expect(await files()).toEqual([])
    // Something else is taken at once.
    camera.lens.sight = { kind: 'nothing' }
    await camera.lens.looked(12)
    await pairOnStage(app, camera)
  })

  const states: readonly (readonly [
    string,
    string,
    (code: { mailbox: string }) => Promise<unknown> | undefined,
  ])[] = [
    ['the hub does not know it', 'pair.unknown', () => undefined],
    ['it is eleven minutes old', 'pair.expired', async () => undefined],
    ['it was given up', 'pair.closed', ({ mailbox }) => app.decline(mailbox)],
    ['another camera was faster', 'pair.taken', ({ mailbox }) => rival(mailbox)],
  ]
  test.each(states)('%s: %s', async (_, code, change) => {
    const shown = await app.invite()
    if (code === 'pair.expired') desk.now = new Date(desk.now.getTime() + 11 * MINUTE)
    else if (code === 'pair.unknown') await desk.database.deleteFrom('mailboxes').execute()
    else await change(shown)
    camera.lens.hold(shown.text)
    camera.pairing.press()
    void camera.run()
    await refusals(code)
    const asked = line.asked.length
    await camera.lens.looked(50)
    // A text that was refused is not tried again and again.
    expect(line.asked).toHaveLength(asked)
    expect(camera.refused).toEqual([code])
    expect(await files()).toEqual([])
    desk.now = new Date()
    await pairOnStage(app, camera)
  })

  test('another hub answers there: hub.ca', async () => {
    const { text } = await app.invite({ caId: newSigner().id })
    camera.lens.hold(text)
    camera.pairing.press()
    void camera.run()
    await refusals('hub.ca')
    expect(line.asked).toEqual(['nonce'])
    await pairOnStage(app, camera)
  })

  test('a code whose root is not that household’s', async () => {
    const { text } = await app.invite({ rootId: newSigner().id })
    camera.lens.hold(text)
    camera.pairing.press()
    void camera.run()
    await refusals('roster.household')
    expect(await files()).toEqual([])
  })

  test('the hub does not answer: it is tried again, and said once', async () => {
    const { text, mailbox } = await app.invite()
    line.fails = () => new OwnlensError('hub.unreachable')
    camera.lens.hold(text)
    camera.pairing.press()
    const running = camera.run()
    await refusals('hub.unreachable')
    line.fails = undefined
    const half = await app.half(mailbox)
    await app.claim(await app.makeClaim(half))
    expect((await running)?.claim.half).toBe(half)
    expect(camera.refused).toEqual(['hub.unreachable'])
  })

  async function rival(mailbox: string): Promise<void> {
    const other = newSigner()
    const half = await app.home.half(other, 1, { secret: randomBytes(16) })
    await desk.send(other, null, { action: 'half', mailbox, half, idevid: [] })
  }
})

describe('an answered code', () => {
  async function answered(): Promise<{ mailbox: string; half: string }> {
    const { text, mailbox } = await app.invite()
    camera.lens.hold(text)
    camera.pairing.press()
    void camera.run()
    return { mailbox, half: await app.half(mailbox) }
  }

  test('that is declined leaves nothing, and the next one is taken', async () => {
    const { mailbox, half } = await answered()
    await app.reveal(mailbox, half)
    await camera.blinked
    await app.decline(mailbox)
    await refusals('pair.closed')
    expect(await files()).toEqual([])
    expect(camera.lamp.at(-1)).toBe('refused')
    const { text, mailbox: second } = await app.invite()
    camera.lens.hold(text)
    const other = await app.half(second)
    expect(other).not.toBe(half)
    await app.claim(await app.makeClaim(other))
    expect((await camera.run())?.claim.half).toBe(other)
  })

  test('gives way to another one that is shown', async () => {
    const { half } = await answered()
    const { text, mailbox } = await app.invite()
    camera.lens.hold(text)
    const other = await app.half(mailbox)
    expect(other).not.toBe(half)
    await app.claim(await app.makeClaim(other))
    expect((await camera.run())?.claim.half).toBe(other)
  })

  test('is knocked for after a restart, without lens or window', async () => {
    const { mailbox, half } = await answered()
    await camera.stop()
    expect(await files()).toEqual(['pairing.json'])
    camera = start()
    const running = camera.run()
    const code = await app.reveal(mailbox, half)
    expect(await camera.blinked).toBe(code)
    await app.claim(await app.makeClaim(half))
    expect((await running)?.claim.half).toBe(half)
    expect(camera.lens.looks).toBe(0)
  })

  test('whose mailbox the hub has forgotten, but whose claim it has, is paired after a restart', async () => {
    const { half } = await answered()
    await camera.stop()
    await app.claim(await app.makeClaim(half))
    await desk.database.deleteFrom('mailboxes').execute()
    camera = start()
    expect((await camera.run())?.claim.half).toBe(half)
    expect(line.asked.slice(-2)).toEqual(['half', 'device'])
  })

  test('that has expired without a claim is over, after a restart too', async () => {
    await answered()
    await camera.stop()
    desk.now = new Date(desk.now.getTime() + 11 * MINUTE)
    camera = start()
    expect(await camera.run()).toBeUndefined()
    expect(camera.refused).toEqual(['pair.expired'])
    expect(await files()).toEqual([])
  })

  test('is not given up while the hub is gone', async () => {
    const { half } = await answered()
    await camera.stop()
    line.fails = () => new OwnlensError('hub.unreachable')
    camera = start()
    const running = camera.run()
    await until(() => line.asked.at(-1) === 'half')
    await app.claim(await app.makeClaim(half))
    line.fails = undefined
    expect((await running)?.claim.half).toBe(half)
  })

  test('takes no reveal and no claim that is about another half, or by another root', async () => {
    const { mailbox } = await answered()
    const other = await app.home.half(device, 1)
    const { connect } = line
    const nonce = 'a'.repeat(26)
    const bad = {
      'claim.half': { claim: await app.makeClaim(other) },
      'pair.other': {
        reveal: await makeStatement(
          revealKind,
          { householdId: app.home.id, half: '0'.repeat(64), nonce },
          app.root,
        ),
      },
      'statement.signer': {
        reveal: await makeStatement(
          revealKind,
          { householdId: app.home.id, half: '0'.repeat(64), nonce },
          newSigner(),
        ),
      },
    }
    await camera.stop()
    const pending = await readFile(join(data, 'pairing.json'))
    for (const [code, answer] of Object.entries(bad)) {
      await disk.write(join(data, 'pairing.json'), pending)
      const lying = Object.assign(new Line(desk), {
        connect: (address: Parameters<Line['connect']>[0]) => {
          const honest = connect(address)
          const request: typeof honest.request = async (householdId, body, signer) => {
            const given = await honest.request(householdId, body, signer)
            return body.action === 'knock' ? { ...given, ...answer } : given
          }
          return { ...honest, request }
        },
      })
      camera = stage.start({ line: lying })
      expect(await camera.run()).toBeUndefined()
      expect(camera.refused).toEqual([code])
      expect(await files()).toEqual([])
    }
    await app.decline(mailbox)
  })
})

test('the window is open for ten minutes, and a press opens it anew', async () => {
  const { text } = await app.invite()
  // No press, no look.
  expect(await camera.run()).toBeUndefined()
  expect(camera.lens.looks).toBe(0)
  camera = start()
  camera.pairing.press()
  const running = camera.run()
  await camera.lens.looked(5)
  camera.now = 10 * MINUTE - 1
  await camera.lens.looked(5)
  camera.now = 10 * MINUTE
  expect(await running).toBeUndefined()
  const { looks } = camera.lens
  camera.lens.hold(text)
  expect(camera.lens.looks).toBe(looks)
  expect(line.asked).toEqual([])
  const again = start()
  again.now = camera.now
  await pairOnStage(app, again)
})

test('a text that was refused is tried again after a press', async () => {
  const shown = await app.invite()
  await desk.database.updateTable('mailboxes').set({ state: 'declined' }).execute()
  camera.lens.hold(shown.text)
  camera.pairing.press()
  void camera.run()
  await refusals('pair.closed')
  await desk.database.updateTable('mailboxes').set({ state: 'open' }).execute()
  await camera.lens.looked(20)
  expect(camera.refused).toEqual(['pair.closed'])
  camera.pairing.press()
  await app.claim(await app.makeClaim(await app.half(shown.mailbox)))
  expect(await camera.run()).toBeDefined()
})

test('a camera whose epoch file is damaged answers nobody', async () => {
  await disk.write(join(data, 'epoch'), Buffer.from('seven'))
  const { text } = await app.invite()
  camera.lens.hold(text)
  camera.pairing.press()
  void camera.run()
  await refusals('epoch.damaged')
  expect(line.asked).not.toContain('half')
})
