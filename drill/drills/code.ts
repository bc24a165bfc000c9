import { pair, startReading, tryPair } from '../acts.ts'
import type { Drill } from '../drill.ts'

const MINUTE = 60_000

export const photographedCode: Drill = {
  number: 16,
  name: 'a photographed code, used later, and first by a spy',
  says: 'Somebody photographs the pairing code through the window, and has a camera of the same make.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const [hall, spy] = [stage.camera('Hall', 'collins'), stage.camera('Spy', 'hopper')]

    const { code } = await pair(stage, a, hall)
    await spy.start()
    await startReading(spy)
    report.do('the spy holds the used code before a camera of its own')
    await spy.show(code)
    const used = await spy.until(({ code: text }) => text?.startsWith('pair.') === true, {
      what: 'a refusal',
    })
    report.tell('Spy', `${used.code}: ${used.cause ?? ''}`)
    report.expect(
      used.code === 'pair.closed',
      `the used code was not refused by pair.closed but ${used.code}`,
    )
    await spy.show(undefined)

    report.do('Home A makes a new code, which lies about for eleven minutes')
    const old = await tryPair(stage, a, spy, {
      beforeShown: () => {
        stage.ahead = 11 * MINUTE
      },
      patienceMs: 20_000,
    })
    stage.ahead = 0
    report.expect(old === 'pair.expired' || old === 'pair.silent', `an old code: ${old}`)

    report.do('Home A sets up another camera; the spy’s camera reads the code first')
    const porch = stage.camera('Porch', 'collins')
    const first = await tryPair(stage, a, porch, { rival: spy })
    report.tell('Home A', a.told.at(-1) ?? '')
    report.expect(
      first === 'pair.rival' || first === 'pair.declined',
      `a faster spy: Home A was told ${first}`,
    )
    const told = porch.events.find(({ code: text }) => text === 'pair.taken' || text === 'pair.other')
    report.tell('Porch', `${told?.code}: the lamp says that the code was refused`)
    report.expect(told !== undefined, 'the camera that came second did not say so')
    report.expect(spy.deviceId !== '' && !(await a.owns(spy.deviceId)), 'the spy’s camera is Home A’s now')

    await pair(stage, a, porch)
    await stage.spy()
    report.expect(await stage.watch(a, porch), 'Home A sees its own camera in the end')
    report.expect(b.opened.size === 0, 'Home B opened something')
  },
}
