import { becomesDark, blocks, neighbours } from '../acts.ts'
import { enrolAsDevice } from '../device-key.ts'
import type { Drill } from '../drill.ts'
import { makeTwins } from '../maker.ts'
import { ownlens } from '../operator.ts'
import { quiet } from './blocked.ts'

const REASON = 'Two cameras bear this serial'

export const blockOfASharedSerial: Drill = {
  number: 22,
  name: 'one order for a serial that two cameras bear',
  says: 'The maker wants to block a camera and knows what is printed on its box. Another camera bears the same serial, in another home.',
  async play(stage) {
    const { report } = stage
    const twins = await makeTwins(stage, { later: true })
    const { maker, hall, shop, serial } = twins
    const { a, b, first } = await neighbours(stage, twins.hub, twins)
    report.expect((await twins.merge()).includes(serial), 'the merge found no conflict')
    report.do(`the two stations’ books are merged: two cameras bear the serial ${serial}`)
    const { hub } = twins
    const signer = await maker.signer('Anna')
    const announced = await maker.announce(hub, signer)
    report.expect(announced === undefined, `the signer was not announced: ${announced}`)
    await stage.spy()
    const seen = await Promise.all([stage.watch(a, hall), stage.watch(b, shop)])
    report.expect(seen.every(Boolean), 'both homes have all four kinds')
    const from = { hall: hall.events.length, shop: shop.events.length }
    const isConnected = ({ deviceId }: typeof hall) => hub.broker.connected().includes(deviceId)
    const block = (what: readonly string[], answer: string) => {
      const who = ['--signer', signer.folder, ...signer.passphrase, '--hub', hub.address]
      return ownlens(['block', ...what, '--reason', REASON, ...who], { answer })
    }
    const bare = ['--serial', serial]

    const program = await block([...bare, '--yes'], '')
    report.do(`ownlens block --serial ${serial} --yes: ${program.code ?? 'taken'}`)
    report.expect(program.code === 'block.several', `the bare serial: ${program.code ?? 'taken'}`)
    for (const { name, deviceId } of [hall, shop]) {
      report.expect(program.stderr.includes(deviceId), `the refusal does not name the key of ${name}`)
      const line = program.stdout.split('\n').find(text => text.includes(deviceId)) ?? ''
      report.expect(/^ {2}[12] .*paired in a home, its serial is in dispute$/.test(line), `shown: “${line}”`)
    }
    for (const answer of ['', 'y', '3', `1 ${serial}`]) {
      const { code } = await block(bare, `${answer}\n`)
      report.do(`which are meant? “${answer}”: ${code ?? 'taken'}`)
      report.expect(code === 'block.unconfirmed', `the answer “${answer}”: ${code ?? 'taken'}`)
    }
    const label = await block([serial, '--yes'], '')
    report.expect(label.code?.startsWith('exit 2') === true, `the serial as a key: ${label.code ?? 'taken'}`)
    report.expect(isConnected(hall) && isConnected(shop), 'a serial alone has blocked somebody')

    const lines = program.stdout.split('\n')
    const [number = ''] = lines.find(line => line.includes(hall.deviceId))?.match(/\d+/) ?? []
    const given = await block(bare, `${number}\n`)
    const [dark, light] = [!isConnected(hall), isConnected(shop)]
    const passed = stage.passed
    report.do(`which are meant? “${number}”, the key of Hall: ${given.code ?? 'taken'}`)
    report.expect(given.code === undefined, `the order: ${given.code}`)
    report.expect(given.stdout.includes('1 camera blocked'), `the order: ${given.stdout}`)
    report.expect(dark, 'Hall still had a session when the order had been given')
    report.expect(light, 'Shop’s session ended with that of Hall')
    await becomesDark(hall, from.hall)
    report.expect(await stage.watch(b, shop), 'Home B goes on having all four kinds of Shop')
    const lost = shop.events
      .slice(from.shop)
      .some(({ msg, code }) => msg?.startsWith('hub gone') === true || code === 'enrol.blocked')
    report.expect(!lost, 'Shop lost its session for a while')

    report.expect((await a.notices()).includes('makerBlocked'), 'Home A was not told of the maker’s block')
    const told = a.told.findLast(text => text.includes('its maker blocked it')) ?? ''
    report.expect(told.includes(`“${REASON}”`), `the reason is not in what Home A was told: ${told}`)
    report.tell('Home A', told)
    report.expect(!(await b.notices()).includes('makerBlocked'), 'Home B was told of a block')
    report.expect((await a.reopen()) > 0, 'Home A does not open any more what Hall sent before')
    await blocks(a, hall.deviceId, true)
    await blocks(a, hall.deviceId, false)
    const certificate = await enrolAsDevice(hall, { household: a.household, epoch: first.epoch })
    report.do(`Home A, its owner, gives an order that lifts blocks; the certificate of Hall: ${certificate}`)
    report.expect(certificate === 'enrol.blocked', 'its owner has lifted the maker’s block')
    report.expect(quiet(stage, hall.deviceId, passed), 'something of Hall passed the broker')
  },
}
