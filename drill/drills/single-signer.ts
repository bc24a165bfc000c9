import { signOrder, signSecond } from '../../deploy/factory/block-order.ts'
import { Station } from '../../deploy/factory/station.ts'
import { codeOf } from '../../protocol/errors.ts'
import { makePrivateKey, type Signer, signerOf } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import type { HubClient } from '../../wire/hub-client.ts'
import { becomesDark, neighbours } from '../acts.ts'
import type { Camera } from '../camera.ts'
import { enrolAsDevice } from '../device-key.ts'
import type { Drill } from '../drill.ts'
import { Maker, type MakerSigner } from '../maker.ts'
import { ownlens } from '../operator.ts'
import { quiet } from './blocked.ts'

const REASON = 'Recalled: its lamp may burn'
const DAY = 24 * 3_600_000

/** An order as somebody sends it to the hub who does not use the command. */
interface Attempt {
  readonly devices: readonly string[]
  readonly by: Signer
  readonly second?: Signer
  /** What the second one has signed, where it is not this order. */
  readonly secondOn?: string
  /** Who brings it, where it is not the signer. */
  readonly carrier?: Signer
  readonly lifts?: boolean
  /** Its number. */
  readonly at?: number
}

export const singleSigner: Drill = {
  number: 25,
  name: 'a maker’s single signer who blocks a thousand',
  says: 'One signer’s key is stolen. The thief does not use the command, which counts, but signs orders and sends them to the hub.',
  async play(stage) {
    const { report } = stage
    const maker = await Maker.found(stage)
    const hub = await stage.hub({ makerRoot: maker.root })
    const announce = async (key: { readonly folder: string }) => {
      const refused = await maker.announce(hub, key)
      report.expect(refused === undefined, `${key.folder} was not announced: ${refused}`)
    }
    const [station, ...made] = await Promise.all([
      maker.station('Line 1'),
      ...['Anna', 'Bert', 'Carla'].map(name => maker.signer(name)),
    ])
    await announce(station)
    const [hall, shop] = [stage.camera('Hall', 'collins'), stage.camera('Shop', 'hopper')]
    const cameras = [hall, shop]
    for (const [index, camera] of cameras.entries()) {
      const refused = await station.make(hub, camera, `NW-2015-000${index + 1}`)
      report.expect(refused === undefined, `${camera.name} was not registered: ${refused}`)
    }
    const announceAll = async () => {
      for (const signer of made) await announce(signer)
    }
    const [{ a, b, first }] = await Promise.all([neighbours(stage, hub, { hall, shop }), announceAll()])
    const keys = await Promise.all(made.map(one => one.unlock()))
    const [anna, bert, carla] = keys as [Signer, Signer, Signer]
    const { signer: lineOne } = await Station.open(disk, station.folder, new Date())
    await stage.spy()
    /** Waits until something that the camera sends passes the broker, from message number `from` on. */
    const sends = ({ deviceId }: Camera, from: number) =>
      stage.message(({ deviceId: id, kind }) => id === deviceId && kind !== 'ack', { from })
    const goOn = async (after: string) => {
      const from = stage.passed
      const there = cameras.filter(({ deviceId }) => hub.broker.connected().includes(deviceId))
      report.expect(there.length === cameras.length, `${there.length} of two are connected, after ${after}`)
      await Promise.all(there.map(camera => sends(camera, from)))
    }
    const tries = async (wanted: string, attempts: Readonly<Record<string, Attempt>>) => {
      for (const [what, attempt] of Object.entries(attempts)) {
        const code = await send(a.household.hub, attempt)
        report.do(`${what}: ${code}`)
        report.expect(code === wanted, `${what}: ${code} instead of ${wanted}`)
        await goOn(what)
      }
    }

    const strangers = Array.from({ length: 998 }, () => signerOf(makePrivateKey()).id)
    const ours = cameras.map(({ deviceId }) => deviceId)
    const thousand = { by: carla, devices: [...strangers, ...ours] }
    const nobody = signerOf(makePrivateKey())
    const bertsOrder = await signOrder({ devices: ours, blocked: false, reason: '' }, bert, new Date())
    const aThousand = async () => {
      await tries('block.second', {
        'eleven cameras, by Carla alone': { by: carla, devices: [...strangers.slice(0, 9), ...ours] },
        'a thousand, by Carla alone': thousand,
        'a thousand lifted, by Carla alone': { ...thousand, lifts: true },
        'a thousand, Carla as her own second': { ...thousand, second: carla },
        'a thousand, with Bert’s word on another order': { ...thousand, second: bert, secondOn: bertsOrder },
      })
      await tries('block.signer', {
        'a thousand, with a second whom nobody announced': { ...thousand, second: nobody },
        'a thousand, with a station as second': { ...thousand, second: lineOne },
        'ours, by somebody whom nobody announced': { by: nobody, devices: ours },
        'the same, brought by Carla': { by: nobody, devices: ours, carrier: carla },
        'ours, by a station': { by: lineOne, devices: ours },
      })
    }
    await Promise.all(cameras.map(camera => sends(camera, 0)))
    const since = new Map(cameras.map(camera => [camera, camera.events.length]))
    const newEvents = (camera: Camera) => camera.events.slice(since.get(camera))
    const [seenA, seenB] = await Promise.all([stage.watch(a, hall), stage.watch(b, shop), aThousand()])
    report.expect(seenA && seenB, 'both homes go on having all four kinds')

    const at = Date.now()
    await tries('block.ahead', {
      'ours, a day and a minute ahead': { by: carla, devices: ours, at: at + DAY + 60_000 },
    })
    await tries('taken', {
      'six strangers’, by Carla alone': { by: carla, devices: strangers.slice(0, 6), at },
    })
    await tries('block.old', {
      'ours, with the number of that order': { by: carla, devices: ours, at },
      'ours and one of the six, with a lower number': {
        ...{ by: carla, devices: [...strangers.slice(0, 1), ...ours], at: at - 1 },
      },
      'one of the six lifted, with a lower number': {
        ...{ by: carla, devices: strangers.slice(0, 1), lifts: true, at: at - 1 },
      },
    })
    await tries('block.second', {
      'five more, ours among them': { by: carla, devices: [...strangers.slice(6, 9), ...ours] },
    })
    await tries('taken', { 'four more strangers’': { by: carla, devices: strangers.slice(6, 10) } })
    await tries('block.second', {
      'one of ours for the eleventh': { by: carla, devices: [hall.deviceId] },
      'the same by Anna, who has given none': { by: anna, devices: [hall.deviceId] },
    })
    await tries('taken', {
      'one of the ten, almost a day ahead': {
        ...{ by: carla, devices: strangers.slice(0, 1), at: Date.now() + DAY - 1000 },
      },
    })
    const revoked = await maker.revoke(hub, 'Carla')
    report.do(`the maker’s root revokes Carla: ${revoked ?? 'done'}`)
    await tries('block.signer', {
      'one of the ten, by Carla': { by: carla, devices: strangers.slice(0, 1) },
      'a thousand, by Carla with Bert': { ...thousand, second: bert },
      'a thousand, by Bert with Carla': { ...thousand, by: bert, second: carla },
    })
    for (const camera of cameras) {
      const lost = newEvents(camera).some(
        ({ msg, code }) => msg?.startsWith('hub gone') || code === 'enrol.blocked',
      )
      report.expect(!lost, `${camera.name} lost its session for a while`)
    }
    for (const home of [a, b])
      report.expect(!(await home.notices()).includes('makerBlocked'), `${home.name} was told of a block`)

    const [{ folder, passphrase }, second] = made as [MakerSigner, MakerSigner]
    const { code } = await ownlens([
      ...['block', ...thousand.devices, '--reason', REASON, '--yes', '--hub', hub.address],
      ...['--signer', folder, ...passphrase, '--second', second.folder],
      ...['--second-passphrase-file', ...passphrase.slice(1)],
    ])
    const left = ours.filter(id => hub.broker.connected().includes(id))
    const passed = stage.passed
    report.do(`ownlens block, a thousand, by Anna with Bert: ${code ?? 'taken'}`)
    report.expect(code === undefined, `the order of two signers: ${code}`)
    report.expect(left.length === 0, `${left.length} of our cameras have a session after the order`)
    for (const camera of cameras) await becomesDark(camera, since.get(camera))
    const certificate = await enrolAsDevice(hall, { household: a.household, epoch: first.epoch })
    report.expect(certificate === 'enrol.blocked', `a certificate for Hall: ${certificate}`)
    for (const home of [a, b]) {
      report.expect((await home.notices()).includes('makerBlocked'), `${home.name} was told nothing`)
      const told = home.told.findLast(text => text.includes('its maker blocked it')) ?? ''
      report.expect(told.includes(`“${REASON}”`), `the reason is not in what ${home.name} was told: ${told}`)
      report.tell(home.name, told)
    }
    for (const { name, deviceId } of cameras)
      report.expect(quiet(stage, deviceId, passed), `something of ${name} passed the broker`)
  },
}

/** What the hub says to it: a code, or `taken`. */
async function send(hub: HubClient, attempt: Attempt): Promise<string> {
  const { devices, by, second, secondOn, carrier = by, lifts = false, at = Date.now() } = attempt
  const block = await signOrder({ devices, blocked: !lifts, reason: REASON }, by, new Date(at))
  const word = second === undefined ? null : await signSecond(secondOn ?? block, second)
  return hub.request(null, { action: 'maker-block', block, second: word }, carrier).then(
    () => 'taken',
    error => codeOf(error) ?? String(error),
  )
}
