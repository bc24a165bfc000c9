import { followBlocks, knownOrders } from '../../home/blocks.ts'
import type { Signer } from '../../protocol/keys.ts'
import { blockKind } from '../../protocol/ownership.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { becomesDark, blocks, pair, refusalOf, release } from '../acts.ts'
import { enrolAsDevice } from '../device-key.ts'
import type { Drill } from '../drill.ts'

export const forgedLifts: Drill = {
  number: 23,
  name: 'a block lifted by a replayed, older, unsigned or foreign order',
  says: 'A stolen camera is blocked by its owner. The thief has every order that was ever given, and a home of his own.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const { deviceId, epoch } = await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const order = (blocked: boolean) => blocks(a, deviceId, blocked)
    await order(true)
    await order(false)
    const replayed = (await knownOrders(a.household)).at(-1)
    await order(true)
    const standing = (await knownOrders(a.household)).at(-1)
    if (replayed === undefined || standing === undefined) throw new Error('orders are not kept')
    report.do('Home A blocks, lifts and blocks again')
    await becomesDark(hall)

    const [header = '', payload = '', signature = ''] = replayed.jws.split('.')
    const lift = (by: Signer, number: number, householdId = a.id) =>
      makeStatement(
        blockKind,
        {
          ...{ householdId, number, devices: [{ deviceId, epoch }], blocked: false },
          issuedAt: new Date().toISOString(),
        },
        by,
      )
    const later = Date.now() + 60_000
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: blockKind.typ })).toString('base64url')
    const [signed = ''] = standing.jws.split('.')
    const tries: Record<string, string> = {
      'the lift that was given before': replayed.jws,
      'an older number, signed by the root': await lift(a.root, standing.number - 1),
      'the number of the block itself': await lift(a.root, standing.number),
      'no signature': `${header}.${payload}.`,
      'the algorithm “none”': `${none}.${payload}.`,
      'the block’s signature under a lift': `${signed}.${payload}.${standing.jws.split('.')[2]}`,
      'a signature that is cut short': `${header}.${payload}.${signature.slice(0, -4)}`,
      'signed by a member': await lift(a.household.member, later),
      'signed by Home B’s root': await lift(b.root, later),
      'signed by Home B’s root, for Home B': await lift(b.root, later, b.id),
    }
    for (const [what, text] of Object.entries(tries))
      for (const home of [a, b]) {
        const sent = home.household.hub.request(home.id, { action: 'block', block: text }, home.root)
        const refused = await refusalOf(home, sent)
        report.expect(refused !== undefined, `${home.name} lifts it with ${what}`)
        if (home === a) report.do(`${what}: ${refused}`)
      }
    const certificate = await enrolAsDevice(hall, { household: a.household, epoch })
    report.expect(certificate === 'enrol.blocked', `after all of that a certificate is ${certificate}`)
    const { tls } = await a.household.enrol()
    await followBlocks(a.household, tls)
    const known = (await knownOrders(a.household)).at(-1)
    report.expect(known?.jws === standing.jws, 'Home A’s app believes in another order')

    await order(false)
    report.do('Home A lifts it with a higher number; the camera is switched off and on')
    await hall.stop()
    await hall.start()
    report.expect(await stage.watch(a, hall), 'Home A sees its camera again')
  },
}

export const oldOwnerBlocks: Drill = {
  number: 24,
  name: 'an old owner who blocks',
  says: 'A camera was released and paired elsewhere. Its old owner still has the root that could block it then.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const first = await pair(stage, a, hall)
    const { deviceId } = first
    // While it was theirs they could: these are good orders of their time.
    await blocks(a, deviceId, true)
    const replayed = (await knownOrders(a.household)).at(-1)?.jws ?? ''
    await becomesDark(hall)
    await blocks(a, deviceId, false)
    await hall.stop()
    await hall.start()
    await release(stage, a, hall, { deviceId })
    const second = await pair(stage, b, hall)
    await stage.spy()
    const from = hall.events.length
    const order = (epochs: readonly number[], householdId = a.id) =>
      makeStatement(
        blockKind,
        {
          ...{ householdId, number: Date.now() + 60_000, blocked: true, issuedAt: new Date().toISOString() },
          devices: epochs.map(epoch => ({ deviceId, epoch })),
        },
        a.root,
      )
    const tries: Record<string, string> = {
      'the block that it gave in its time': replayed,
      'a new one for its own epoch': await order([first.epoch]),
      'one for the epoch of Home B': await order([second.epoch]),
      'one for both': await order([first.epoch, second.epoch]),
      'one in Home B’s name': await order([second.epoch], b.id),
    }
    for (const [what, block] of Object.entries(tries)) {
      const sent = a.household.hub.request(a.id, { action: 'block', block }, a.root)
      const refused = await refusalOf(a, sent)
      report.do(`Home A sends ${what}: ${refused ?? 'taken'}`)
      report.expect(refused !== undefined, `${what} was taken`)
    }
    report.expect(await stage.watch(b, hall), 'Home B goes on seeing its camera')
    const stopped = hall.events.slice(from).find(({ code }) => code === 'enrol.blocked')
    report.expect(stopped === undefined, 'the camera was told that it is blocked')
    const told = await b.notices()
    report.expect(!told.includes('blocked'), 'Home B was told of a block')
  },
}
