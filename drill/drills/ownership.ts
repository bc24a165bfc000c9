import { pair, refusalOf, release, resetByButton, tryPair } from '../acts.ts'
import { enrolAsDevice, halvesFor } from '../device-key.ts'
import type { Drill } from '../drill.ts'

const HOUR = 3_600_000

export const sameHomeAgain: Drill = {
  number: 5,
  name: 're-setup in the same home',
  says: 'The button is held, the camera forgets everything, and its own home sets it up again.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const first = await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const before = a.opened.size
    await resetByButton(stage, hall)
    const again = await pair(stage, a, hall)
    report.expect(again.deviceId === first.deviceId, 'the camera has another id after a reset')
    report.expect(again.epoch > first.epoch, `its epoch did not grow: ${first.epoch}, ${again.epoch}`)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds again')
    const anew = await a.reopen()
    report.do(`Home A opens ${anew} clips again: the ones from before the reset too`)
    report.expect(anew > before, 'clips from before the reset do not open any more')
  },
}

export const soldOnWithoutRelease: Drill = {
  number: 6,
  name: 'a returned camera sold on without release',
  says: 'The shop resets a returned camera and sells it; its first owner never released it.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    await resetByButton(stage, hall)
    const refused = await tryPair(stage, b, hall)
    report.expect(refused === 'claim.owned', `Home B was not told claim.owned but ${refused}`)
    report.expect(/20\d\d-\d\d-\d\d/.test(b.told.at(-1) ?? ''), 'Home B was not told from when it is free')
    const notices = await a.notices()
    report.expect(notices.includes('reset'), 'Home A was not told of the reset')
    report.do('72 hours pass, and Home A does not object')
    stage.ahead = 73 * HOUR
    await pair(stage, b, hall, {
      claimed: () => {
        stage.ahead = 0
      },
    })
    report.expect(await stage.watch(b, hall), 'Home B has all four kinds of its own camera')
  },
}

export const afterATransfer: Drill = {
  number: 7,
  name: 'the old owner after a transfer',
  says: 'A camera was released and paired elsewhere; the old owner’s app, code and certificate are tried.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const { deviceId, epoch, code } = await pair(stage, a, hall)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    await release(stage, a, hall, { deviceId })
    await pair(stage, b, hall)
    await stage.spy()
    report.expect(await stage.watch(b, hall), 'Home B has all four kinds')

    hall.press('short')
    await hall.until(({ shown }) => shown === 'reading', { from: hall.events.length - 1, what: 'reading' })
    await hall.show(code)
    const from = hall.events.length
    const refused = await hall.until(({ code: text }) => text?.startsWith('pair.') === true, {
      from,
      what: 'a word on the old code',
    })
    await hall.show(undefined)
    report.do(`Home A’s old code is held before the camera: ${refused.code}`)
    const certificate = await enrolAsDevice(hall, { household: a.household, epoch })
    report.do(`a certificate for the camera’s time with Home A: ${certificate}`)
    report.expect(certificate === 'enrol.claim', `an old epoch’s certificate: ${certificate}`)
    hall.press('short')
    report.expect(await stage.watch(b, hall), 'Home B goes on seeing its camera')
  },
}

export const twoAtOnce: Drill = {
  number: 8,
  name: 'two homes claim at once',
  says: 'Two homes hold a half of the same camera, made for the same epoch, and claim it in the same moment.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    await hall.start()
    const claims = await halvesFor(hall, [a, b])
    const outcomes = await Promise.all(
      claims.map(({ home, claim }) =>
        refusalOf(home, home.household.hub.request(home.id, { action: 'claim', claim }, home.root)),
      ),
    )
    report.do(`Home A: ${outcomes[0] ?? 'taken'}, Home B: ${outcomes[1] ?? 'taken'}`)
    const won = outcomes.filter(code => code === undefined).length
    report.expect(won === 1, `${won} of 2 homes won`)
    report.expect(outcomes.includes('claim.epoch'), 'the other one was not refused by claim.epoch')
    const [winner, loser] = outcomes[0] === undefined ? [a, b] : [b, a]
    await stage.spy()
    const late = await tryPair(stage, loser, hall)
    report.expect(late === 'claim.owned', `the loser, who tries again, is told ${late}`)
    await pair(stage, winner, hall)
    report.expect(await stage.watch(winner, hall), `${winner.name} has all four kinds`)
  },
}
