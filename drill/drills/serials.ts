import { pair, tryPair } from '../acts.ts'
import type { Drill } from '../drill.ts'
import { Maker, makeTwins } from '../maker.ts'

export const twiceAtOneStation: Drill = {
  number: 1,
  name: 'the same serial twice at one station',
  says: 'A label printer repeats itself: a station registers a second board under a serial that it has used.',
  async play(stage) {
    const { report } = stage
    const maker = await Maker.found(stage)
    const hub = await stage.hub({ makerRoot: maker.root })
    const station = await maker.station('Line 1')
    report.expect((await maker.announce(hub, station)) === undefined, 'the station was not announced')
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const [hall, shop] = [stage.camera('Hall', 'collins'), stage.camera('Shop', 'hopper')]
    const serial = 'NW-2015-0001'
    report.expect((await station.make(hub, hall, serial)) === undefined, 'the first board was not registered')
    const second = await station.make(hub, shop, serial)
    report.tell('Line 1', `${second}: the second board under ${serial} gets no identity`)
    report.expect(second === 'serial.taken', `the second board: ${second ?? 'registered'}`)
    await pair(stage, a, hall)
    await stage.spy()
    const refused = await tryPair(stage, b, shop)
    report.expect(refused === 'serial.unknown', `Home B, with the second board, is told ${refused}`)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    report.expect(
      (await station.make(hub, shop, 'NW-2015-0002')) === undefined,
      'relabelled, it was not registered',
    )
    await pair(stage, b, shop)
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds once the board has its own serial')
  },
}

export const twoOfflineStations: Drill = {
  number: 2,
  name: 'the same serial from two offline stations',
  says: 'Two stations work without a line and both give out one serial; their books are merged when one of the cameras is paired.',
  async play(stage) {
    const { report } = stage
    const twins = await makeTwins(stage)
    const { hub, hall, shop, serial } = twins
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const conflicts = await twins.merge()
    report.do(`the books are merged; in dispute: ${conflicts.join(', ')}`)
    report.expect(conflicts.includes(serial), 'the merge found no conflict')
    const refused = await tryPair(stage, b, shop)
    report.expect(refused === 'serial.disputed', `Home B, whose camera is not paired yet, is told ${refused}`)
    report.expect((await a.notices()).includes('serial'), 'Home A was not told')
    report.tell('Home A', a.told.findLast(text => text.includes('serial')) ?? '')
    report.expect(await stage.watch(a, hall), 'the camera that is paired goes on')
    await twins.relabel(shop, `${serial}-B`)
    report.do('the maker’s root gives the second camera a serial of its own')
    await pair(stage, b, shop)
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
  },
}
