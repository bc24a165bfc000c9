import { neighbours, pair } from '../acts.ts'
import type { Drill } from '../drill.ts'
import { pushAtBroker } from '../intruder.ts'

/** The second lock taken away: only the seals are left. */
export const everythingToEverybody: Drill = {
  number: 9,
  name: 'a broker that delivers everything to everybody',
  says: 'The hub’s broker has no rules: every home hears every topic. Only the seals are left.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub({ rules: 'none' })
    const { a, b, hall, shop } = await neighbours(stage, hub)
    await stage.spy()
    report.do(`each home subscribed to all topics; the broker granted ${a.spy.granted + b.spy.granted}`)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds of its own camera')
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds of its own camera')
    report.direct(await stage.measure())
    report.expect(report.delivered('Home A', 'Home B') > 0, 'nothing of A came to B, so nothing was tried')
    report.expect(report.delivered('Home B', 'Home A') > 0, 'nothing of B came to A, so nothing was tried')
    stage.measured = true
  },
}

/** All ways around the broker's rules that MQTT has. */
export const aroundTheRules: Drill = {
  number: 15,
  name: 'ways around the broker’s rules',
  says: 'Wildcards, $share, $SYS, retained, will and queued messages from an old epoch, another device’s client id.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const { deviceId } = await pair(stage, a, hall)
    await stage.spy()
    report.do(
      `Home B asked for ${b.spy.asked} filters over Home A: wildcards, $share, $SYS; granted ${b.spy.granted}`,
    )
    report.expect(b.spy.granted === 0, `the broker granted ${b.spy.granted} filters over another home`)
    for (const { what, outcome } of await pushAtBroker(b, { householdId: a.id, deviceId, epoch: 1 })) {
      report.do(`Home B ${what}: ${outcome}`)
      report.expect(outcome !== 'taken', `Home B ${what}, and the broker took it`)
    }
    report.expect(await stage.watch(a, hall), 'Home A goes on seeing its camera')
    report.direct(await stage.measure())
    report.expect(report.delivered('Home A', 'Home B') === 0, 'something of A was delivered to B')
    stage.measured = true
  },
}
