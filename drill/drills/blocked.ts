import { join } from 'node:path'
import type { Hub } from '../../deploy/hub/hub.ts'
import { followBlocks } from '../../home/blocks.ts'
import { becomesDark, blocks, pair, repair, resetByButton, tryPair } from '../acts.ts'
import { copyHub, restoreDatabase } from '../backup.ts'
import { enrolAsDevice } from '../device-key.ts'
import type { Drill } from '../drill.ts'
import type { Stage } from '../stage.ts'

/** Milliseconds within which a blocked camera's last session has ended. */
const DARK_WITHIN = 1000

export const blockedInEveryState: Drill = {
  number: 21,
  name: 'blocked while connected, in mid-clip, offline, in mid-reset',
  says: 'A camera is stolen. Its owner blocks it, whatever it is doing at that moment; the hub starts anew in between.',
  async play(stage) {
    const { report } = stage
    let hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const { deviceId, epoch } = await pair(stage, a, hall)
    const certificate = () => enrolAsDevice(hall, { household: a.household, epoch })
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')

    const { topic } = await stage.message(({ kind }) => kind === 'clip', {
      from: stage.passed,
      what: 'a part of a clip',
    })
    const clipId = topic.kind === 'clip' ? topic.clipId : ''
    const from = hall.events.length
    const ms = await darkAfter(hub, deviceId, () => blocks(a, deviceId, true))
    report.do(`Home A blocks Hall in mid-clip; its session ends after ${ms} ms`)
    report.expect(ms < DARK_WITHIN, `its session ended after ${ms} ms`)
    const passed = stage.passed
    await becomesDark(hall, from)
    report.expect((await certificate()) === 'enrol.blocked', 'its key gets a certificate')
    report.tell('Hall', 'enrol.blocked; it goes on recording, sealed, and nothing leaves it')

    await hall.stop()
    hub = await stage.restart(hub, async () => undefined)
    const back = hall.events.length
    await hall.start()
    await becomesDark(hall, back)
    report.do('the hub starts anew, Hall is switched off and on: it stays dark')
    await a.open()
    report.expect(!a.opened.has(clipId), 'the clip of that moment is whole at the hub')
    report.expect(quiet(stage, deviceId, passed), 'something of a blocked camera passed the broker')

    const refused = await tryPair(stage, a, hall, { patienceMs: 20_000 })
    report.expect(refused === 'claim.blocked', `a repair by its owner: ${refused}`)
    await blocks(a, deviceId, false)
    await hall.stop()
    await hall.start()
    report.expect(await stage.watch(a, hall), 'Home A sees Hall again once the block is lifted')

    await hall.stop()
    await blocks(a, deviceId, true)
    const offline = hall.events.length
    const before = stage.passed
    await hall.start()
    await becomesDark(hall, offline)
    report.do('Home A blocks Hall while it is off; it comes back, and is refused')
    report.expect(quiet(stage, deviceId, before), 'something of it passed the broker when it came back')

    await blocks(a, deviceId, false)
    await resetByButton(stage, hall)
    await blocks(a, deviceId, true)
    report.do('Home A blocks it again while it is reset and nobody’s, as far as it knows itself')
    const sold = await tryPair(stage, b, hall)
    report.expect(sold === 'claim.blocked', `Home B, who bought it from the thief, is told ${sold}`)
    report.expect((await certificate()) === 'enrol.blocked', 'after a reset its key gets a certificate')
    await blocks(a, deviceId, false)
    await pair(stage, a, hall)
    report.expect(await stage.watch(a, hall), 'Home A has found its camera, and sees it again')
  },
}

export const restoredDatabase: Drill = {
  number: 29,
  name: 'the registrar’s database restored from before a block',
  says: 'The database is put back to yesterday’s: the block of a stolen camera is not in it, nor is a camera that was paired since. Later all of the hub’s disk is.',
  async play(stage) {
    const { report } = stage
    const first = await stage.hub()
    const [a, b] = [await stage.home(first, 'Home A'), await stage.home(first, 'Home B')]
    const [hall, shop] = [stage.camera('Hall', 'collins'), stage.camera('Shop', 'hopper')]
    const { deviceId, epoch } = await pair(stage, a, hall)
    const certificate = () => enrolAsDevice(hall, { household: a.household, epoch })
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const backup = join(stage.folder, 'hub-backup')
    const second = await stage.restart(first, folder => copyHub(folder, backup))
    await blocks(a, deviceId, true)
    await becomesDark(hall)
    await hall.stop()
    await pair(stage, b, shop)
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
    report.do('a backup is made; then Home A blocks Hall, and Home B pairs Shop')

    const [passed, from] = [stage.passed, shop.events.length]
    const third = await stage.restart(second, folder => restoreDatabase(backup, folder))
    report.do('the old database is put back')
    report.expect((await certificate()) === 'enrol.blocked', 'Hall is not blocked any more')
    const { code } = await shop.until(event => event.code?.startsWith('enrol.') === true, { from })
    report.tell('Shop', `${code}; it goes on recording for its own home`)
    await repair(stage, b, shop)
    report.expect(await stage.watch(b, shop), 'Home B has Shop back')

    await stage.restart(third, async () => undefined, 'hub-backup')
    const { tls } = await a.household.enrol()
    const refused = await followBlocks(a.household, tls)
    report.do('the whole old disk is put back; Home A’s app is opened, and hands its order in again')
    report.expect(refused.length === 0, `the order was refused: ${refused[0]?.error.code}`)
    report.expect((await certificate()) === 'enrol.blocked', 'Hall is not blocked after the app has been')
    const back = hall.events.length
    await hall.start()
    await becomesDark(hall, back)
    report.expect(quiet(stage, deviceId, passed), 'something of Hall passed the broker')
  },
}

/** Whether nothing that this camera sent has passed a broker since. */
export function quiet(stage: Stage, deviceId: string, from: number): boolean {
  return stage.countFrom(from, topic => topic.deviceId === deviceId && topic.kind !== 'ack') === 0
}

/** Milliseconds from the order to the end of the camera's last session. */
async function darkAfter(hub: Hub, deviceId: string, order: () => Promise<void>): Promise<number> {
  if (!hub.broker.connected().includes(deviceId)) throw new Error('it was not connected')
  const begun = performance.now()
  await order()
  while (hub.broker.connected().includes(deviceId)) {
    if (performance.now() - begun > 60 * DARK_WITHIN) break
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return Math.round(performance.now() - begun)
}
