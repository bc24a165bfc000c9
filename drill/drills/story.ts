import { neighbours, pair, repair, resetByButton, tryPair } from '../acts.ts'
import type { Drill } from '../drill.ts'
import { makeTwins } from '../maker.ts'
import { incidentOfTheStory } from './story-incident.ts'

const HOUR = 3_600_000

/** The incident, as it was: the second lock is taken away, so that all that is left are the seals. */
export const theStory: Drill = {
  number: 3,
  name: 'the story',
  says: 'Two cameras bear one serial. One has a fault, its home does not take it back, its owner makes a new home for it. The broker has no rules here: everything is delivered to everybody.',
  async play(stage) {
    const { report } = stage
    const twins = await makeTwins(stage, { rules: 'none', later: true })
    const { hall, shop, serial } = twins
    const { a, b } = await neighbours(stage, twins.hub, twins)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
    await twins.merge()
    await stage.spy()
    report.do(`the two stations’ books are merged: two cameras bear the serial ${serial}`)
    for (const home of [a, b])
      report.expect((await home.notices()).includes('serial'), `${home.name} was not told of the serial`)
    for (const home of [a, b])
      report.tell(home.name, home.told.findLast(text => text.includes('serial')) ?? '')

    await resetByButton(stage, hall)
    const anew = await stage.home(twins.hub, 'Home A anew')
    const refused = await tryPair(stage, anew, hall)
    report.expect(
      refused === 'claim.owned' || refused === 'serial.disputed',
      `the new home was not refused with the cause but with ${refused}`,
    )
    report.expect((await a.notices()).includes('reset'), 'Home A was not told of the reset')
    report.do('the owner is stubborn: 72 hours pass, the maker relabels his camera, he tries again')
    await twins.relabel(hall, `${serial}-B`)
    stage.ahead = 73 * HOUR
    await pair(stage, anew, hall, {
      claimed: () => {
        stage.ahead = 0
      },
    })
    await anew.spy.listen([a.id, b.id], { signal: stage.signal })
    report.expect(await stage.watch(anew, hall), 'the new home has all four kinds of its own camera')
    report.expect(await stage.watch(b, shop), 'Home B goes on seeing its own camera')
    report.direct(await stage.measure())
    stage.measured = true
    for (const [from, to] of [
      ['Home A anew', 'Home B'],
      ['Home B', 'Home A anew'],
    ] as const)
      report.expect(
        report.delivered(from, to) > 0,
        `nothing came from ${from} to ${to}, so nothing was tried`,
      )
    await incidentOfTheStory(stage, { a, anew, b, hall, shop, serial }, () => twins.hub.close())
  },
}

export const theStoryWithRepair: Drill = {
  number: 4,
  name: 'the story with the right way out',
  says: 'The same two cameras and the same fault; the owner presses the button and repairs it into the home that it has.',
  async play(stage) {
    const { report } = stage
    const twins = await makeTwins(stage, { later: true })
    const { hall, shop } = twins
    const { a, b, first } = await neighbours(stage, twins.hub, twins)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
    await twins.merge()
    await stage.spy()
    const names = await a.household.names()
    const seen = a.opened.size

    const same = await repair(stage, a, hall)
    report.do(`repaired with its claim intact: epoch ${first.epoch} → ${same.epoch}`)
    report.expect(same.epoch === first.epoch, 'an intact claim did not keep its epoch')
    report.expect(await stage.watch(a, hall), 'Home A sees it again')

    await hall.stop()
    await stage.damage(hall)
    const from = hall.events.length
    await hall.start()
    const told = await hall.until(({ code }) => code === 'household.damaged', {
      from,
      what: 'household.damaged',
    })
    report.tell(hall.name, `${told.code}: hold your home’s code before the lens`)
    const later = await repair(stage, a, hall)
    report.do(`repaired with its household’s file damaged: epoch ${same.epoch} → ${later.epoch}`)
    report.expect(later.deviceId === first.deviceId, 'the camera has another id')
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds after the repair')
    const again = await a.reopen()
    report.expect(again > seen, 'the clips from before the repair do not open')
    const after = await a.household.names()
    report.expect(
      after.cameras[first.deviceId] === names.cameras[first.deviceId],
      'the camera has lost its name',
    )
    report.direct(await stage.measure())
    stage.measured = true
    report.expect(report.delivered('Home A', 'Home B') === 0, 'something of A was delivered to B')
    report.expect(report.delivered('Home B', 'Home A') === 0, 'something of B was delivered to A')
  },
}
